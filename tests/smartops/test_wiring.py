from datetime import timedelta

import pytest
from django.utils import timezone
from knox.models import AuthToken

from tests.factories import make_user
from tickets.models import IdempotencyKey
from tickets.services.access import create_token
from workers.services import purge

pytestmark = pytest.mark.django_db


def test_the_purge_removes_what_has_expired_and_nothing_else() -> None:
    user, now = make_user("ana", "Agent"), timezone.now()
    create_token(user=user, lifetime=timedelta(seconds=-5))
    create_token(user=user)
    for key, age in (("old", 25), ("new", 1)):
        IdempotencyKey.objects.create(
            user=user,
            key=key,
            request_digest=b"x",
            status_code=201,
            response={},
            created_at=now - timedelta(hours=age),
        )

    assert purge(now=now) == 2
    assert AuthToken.objects.count() == 1
    assert IdempotencyKey.objects.get().key == "new"
