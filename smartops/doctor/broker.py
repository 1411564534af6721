"""Redis, the broker, and whether somebody reads each queue."""

from collections.abc import Iterator
from typing import Any, Final

from celery import current_app
from django.conf import settings

from smartops.doctor.finding import Finding, error, ok, warning
from workers.connecting import redis
from workers.queues import LLM, QUEUES, WORKERS

DEEP: Final = 1000  # messages; one is for up to 200 tickets
PATIENCE: Final = 3.0  # seconds for the workers' answers
FULL: Final = 0.8


def redis_server() -> Iterator[Finding]:
    with redis(socket_timeout=2, socket_connect_timeout=2) as client:
        found: dict[str, Any] = client.info()
    name = "Valkey" if "valkey_version" in found else "Redis"
    version = found.get("valkey_version") or found["redis_version"]
    yield ok("redis", f"{name} {version}, {found['used_memory_human']} in use.")
    if found.get("role") == "slave":
        yield error(
            "redis",
            "REDIS_URL leads to a replica, which takes no messages.",
            "Let it name the primary, or Sentinels that know it (docs/operations.md).",
        )
    if found.get("cluster_enabled"):
        yield error(
            "redis",
            "This is a Redis Cluster: Celery needs several keys in one command.",
            "Use a single primary, Sentinel or RabbitMQ.",
        )
    policy = found.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield error(
            "redis",
            f"When its memory is full it throws messages away ({policy}): their work waits for a sweep.",
            "Set maxmemory-policy noeviction.",
        )
    if not found.get("aof_enabled") and not settings.CELERY_BROKER_URL.startswith("amqp"):
        yield warning(
            "redis",
            "It keeps nothing on disk: after a restart, waiting work goes on only when sweeps have found it.",
            "Set appendonly yes.",
        )
    most = int(found.get("maxmemory") or 0)
    if most and found["used_memory"] > FULL * most:
        yield warning(
            "redis",
            f"{found['used_memory'] / most:.0%} of its memory is in use; when it is full, messages are refused.",
            "Raise maxmemory, or find out which queue grows.",
        )


def queues() -> Iterator[Finding]:
    """How much waits in each queue. RabbitMQ and Redis are asked alike."""
    with current_app.connection_for_write(connect_timeout=2) as link:
        link.ensure_connection(max_retries=0, timeout=2)
        # Declared as workers declare them, not passively: with a prefix, kombu finds no Redis queue that way.
        with link.channel() as channel:
            waiting = {q.name: q(channel).queue_declare().message_count for q in QUEUES}
    deep = {name: count for name, count in waiting.items() if count > DEEP}
    for name, count in deep.items():
        yield warning(
            "broker",
            f"{count:,} messages wait in the queue {name}.",
            f"Start more workers of class {_class_of(name)}, if they are all at work.",
        )
    if not deep:
        yield ok("broker", f"{sum(waiting.values()):,} messages wait in {len(waiting)} queues.")


def workers() -> Iterator[Finding]:
    inspect = current_app.control.inspect(timeout=PATIENCE)
    answers: dict[str, list[dict[str, Any]]] = inspect.active_queues() or {}
    read: dict[str, int] = {}
    for theirs in answers.values():
        for queue in theirs:
            read[queue["name"]] = read.get(queue["name"], 0) + 1
    missing = [queue.name for queue in QUEUES if queue.name not in read]
    if settings.LLM is None and LLM in missing:
        missing.remove(LLM)  # no language model is asked
    by_class: dict[str, list[str]] = {}
    for name in missing:
        by_class.setdefault(_class_of(name), []).append(name)
    for name, theirs_too in by_class.items():
        yield error(
            "workers",
            f"No worker reads the queue{'s' if len(theirs_too) > 1 else ''} {', '.join(theirs_too)}.",
            f"Start one: python -m smartops.run {name}",
        )
    if answers:
        yield ok("workers", f"{len(answers)} workers answer: {', '.join(sorted(answers))}.")


def _class_of(queue: str) -> str:
    return next(name for name, spec in WORKERS.items() if queue in spec.queues)
