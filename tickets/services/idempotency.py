"""The same request sent twice is done once: clients repeat a POST when the answer got lost."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from tickets.models import IdempotencyKey
from workers.errors import PermanentError


class KeyReused(PermanentError):
    """An Idempotency-Key came again with a different request."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    replayed: bool = False


@transaction.atomic(durable=True)
def once(*, user_id: int, key: str, request: Any, work: Callable[[], Answer]) -> Answer:
    """Return the answer of `work`, or the stored one if this user did `request` under `key` before.

    Key, effects and answer commit together. A second request that arrives meanwhile waits for the first one on
    the unique index. An answer that is an error (4xx) is not kept: nothing was done, so it may be tried again.

    :raises KeyReused: the key was used for another request.
    """
    digest = hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).digest()
    table = IdempotencyKey._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {table} (user_id, key, request_digest, status_code, response)
                VALUES (%s, %s, %s, 0, 'null') ON CONFLICT DO NOTHING RETURNING id""",
            [user_id, key, digest],
        )
        row = cursor.fetchone()
    if row is None:
        return _stored(user_id, key, digest)
    answer = work()
    mine = IdempotencyKey.objects.filter(pk=row[0])
    if answer.status >= 400:
        mine.delete()
        return answer
    body = json.loads(json.dumps(answer.body, cls=DjangoJSONEncoder))
    mine.update(status_code=answer.status, response=body)
    return Answer(answer.status, body)


def _stored(user_id: int, key: str, digest: bytes) -> Answer:
    stored = IdempotencyKey.objects.get(user_id=user_id, key=key)
    if bytes(stored.request_digest) != digest:
        raise KeyReused(f"The Idempotency-Key {key!r} was used before, for a different request.")
    return Answer(stored.status_code, stored.response, replayed=True)


def forget_old_keys(now: datetime) -> int:
    """Remove keys older than IDEMPOTENCY_KEY_HOURS."""
    age = timedelta(hours=settings.IDEMPOTENCY_KEY_HOURS)
    count, _ = IdempotencyKey.objects.filter(created_at__lt=now - age).delete()
    return count
