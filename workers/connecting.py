"""Clients of the Redis that REDIS_URL names: one server, or the primary that Sentinels know at the moment."""

from typing import Any

from django.conf import settings
from redis import Redis, Sentinel
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio import Sentinel as AsyncSentinel


def redis(**options: Any) -> "Redis":
    """Return a client; `options` as of `Redis`."""
    found = settings.REDIS_SENTINELS
    if found is None:
        return Redis.from_url(settings.REDIS_URL, **options)
    chosen = Sentinel(found.hosts, sentinel_kwargs=_patience(options))
    client: Redis = chosen.master_for(found.master, **_login(found), **options)
    return client


def async_redis(**options: Any) -> "AsyncRedis":
    """The same for asyncio."""
    found = settings.REDIS_SENTINELS
    if found is None:
        return AsyncRedis.from_url(settings.REDIS_URL, **options)
    chosen = AsyncSentinel(found.hosts, sentinel_kwargs=_patience(options))
    client: AsyncRedis = chosen.master_for(found.master, **_login(found), **options)
    return client


def _login(found: Any) -> dict[str, Any]:
    login = {"username": found.username, "password": found.password}
    return {"db": found.db, **{name: value for name, value in login.items() if value}}


def _patience(options: dict[str, Any]) -> dict[str, Any]:
    """A Sentinel that is away must not take longer than what is asked of the primary."""
    timeout = options.get("socket_timeout", 2)
    return {"socket_timeout": timeout, "socket_connect_timeout": timeout}
