"""Who looks at a ticket now, and who writes an answer to it: kept beside the database, forgotten in seconds.

Nobody waits for it: without the server that keeps it everybody seems to be alone.
"""

import time
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import structlog
from django.conf import settings
from redis.exceptions import RedisError

from workers.counting import REST, counters

log = structlog.get_logger("tickets.presence")
#: A page says that it is still there every ten seconds: two may be lost.
SECONDS: Final = 25
_KEPT: Final = f"{settings.REDIS_PREFIX}presence:"
#: One step, by the server's own clock: web servers may disagree about the time.
_SAY: Final = """
local now = tonumber(redis.call('TIME')[1])
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1])
else redis.call('HSET', KEYS[1], ARGV[1], now .. ':' .. ARGV[2]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return {now, redis.call('HGETALL', KEYS[1])}
"""


class Person(NamedTuple):
    username: str
    name: str
    writing: bool


class _Rest:
    until = 0.0  # monotonic


def announce(
    ticket: int, *, username: str, name: str, writing: bool, leaving: bool = False
) -> list[Person]:
    """Say that somebody is at `ticket`, or leaves it; return the others there."""
    word = "" if leaving else f"{int(writing)}:{name}"

    def say(server: Any) -> list[Person]:
        now, flat = server.eval(_SAY, 1, f"{_KEPT}{ticket}", username, word, SECONDS)
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return _present(pairs, int(now), besides=username)

    return _ask(say) or []


def present(tickets: Iterable[int], *, besides: str) -> dict[int, list[Person]]:
    """Who is at each of `tickets`, without `besides`. Tickets at which nobody is are left out."""
    ids = list(tickets)

    def look(server: Any) -> dict[int, list[Person]]:
        pipeline = server.pipeline(transaction=False)
        pipeline.time()
        for pk in ids:
            pipeline.hgetall(f"{_KEPT}{pk}")
        (now, _), *answers = pipeline.execute()
        found = {
            pk: _present(answer.items(), int(now), besides=besides)
            for pk, answer in zip(ids, answers, strict=True)
        }
        return {pk: people for pk, people in found.items() if people}

    return (_ask(look) if ids else None) or {}


def _present(pairs: Iterable[tuple[bytes, bytes]], now: int, *, besides: str) -> list[Person]:
    people = []
    for username, said in pairs:
        at, writing, name = said.decode().split(":", 2)
        if now - int(at) <= SECONDS and username.decode() != besides:
            people.append(Person(username.decode(), name, writing == "1"))
    return sorted(people)


def _ask(work: Any) -> Any:
    """What `work` hears from the server; None when it is away, after which it is left alone for a moment."""
    if time.monotonic() < _Rest.until:
        return None
    try:
        return work(counters())
    except RedisError as error:
        _Rest.until = time.monotonic() + REST
        log.warning("nobody sees who else is there", error=type(error).__name__)
        return None
