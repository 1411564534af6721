"""What `/metrics` tells of the machinery: rows of work, dead letters, signs of life, the broker's queues."""

from collections.abc import Iterator

from celery import current_app
from django.conf import settings
from django.contrib.postgres.aggregates import BoolOr
from django.db import connection
from django.db.models import Count
from django_celery_beat.models import PeriodicTask
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from workers import leases, metrics, tallies
from workers.leases import State
from workers.models import DeadLetter, Heartbeat, TallyPlace
from workers.queues import QUEUES


def jobs() -> Iterator[Metric]:
    """Rows of work that have not ended, of every kind: read from the partial index of its sweep."""
    counts = GaugeMetricFamily(
        "smartops_jobs", "Rows of work that have not ended", labels=["kind", "state"]
    )
    oldest = GaugeMetricFamily(
        "smartops_job_oldest_age_seconds",
        "For how long the oldest row of work that has not ended has been there",
        labels=["kind"],
    )
    overrun = GaugeMetricFamily(
        "smartops_job_lease_overrun_seconds",
        "For how long a sweep should have found the row of work that it should have found first",
        labels=["kind"],
    )
    with connection.cursor() as cursor:
        for model in leases.kinds():
            kind, table = model._meta.label_lower, connection.ops.quote_name(model._meta.db_table)
            cursor.execute(
                f"""SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'running'),
                           coalesce(extract(epoch FROM now() - min(created_at)), 0),
                           coalesce(extract(epoch FROM now() - min(nudge_at)
                               FILTER (WHERE state = 'pending' OR lease_until < now())), 0)
                      FROM {table} WHERE state IN ('pending', 'running')"""
            )
            pending, running, age, late = cursor.fetchone()
            counts.add_metric([kind, State.PENDING], pending)
            counts.add_metric([kind, State.RUNNING], running)
            oldest.add_metric([kind], max(float(age), 0.0))
            overrun.add_metric([kind], max(float(late), 0.0))
    yield from (counts, oldest, overrun)


def dead_letters() -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "smartops_dead_letters",
        "Work that failed for good and waits for a person's decision",
        labels=["kind"],
    )
    found = dict.fromkeys((model._meta.label_lower for model in leases.kinds()), 0)
    letters = DeadLetter.objects.filter(settled_at__isnull=True).values_list("kind")
    found |= dict(letters.annotate(count=Count("pk")).order_by("kind"))
    for kind, count in sorted(found.items()):
        family.add_metric([kind], count)
    yield family


def signs_of_life() -> Iterator[Metric]:
    beats = GaugeMetricFamily(
        "smartops_heartbeat_timestamp_seconds",
        "When a part of the desk last showed that it lives; beat: beat, the broker and a worker",
        labels=["name"],
    )
    for name, at in Heartbeat.objects.order_by("name").values_list("name", "beat_at"):
        beats.add_metric([name], at.timestamp())
    last = GaugeMetricFamily(
        "smartops_schedule_last_run_timestamp_seconds",
        "When beat last sent this task; it writes that down every three minutes",
        labels=["task"],
    )
    every = GaugeMetricFamily(
        "smartops_schedule_interval_seconds", "How often beat sends this task", labels=["task"]
    )
    entries = PeriodicTask.objects.filter(enabled=True, interval__isnull=False)
    for entry in entries.select_related("interval").order_by("task", "-pk").distinct("task"):
        if entry.last_run_at is not None:
            last.add_metric([entry.task], entry.last_run_at.timestamp())
        every.add_metric([entry.task], entry.schedule.run_every.total_seconds())
    off = GaugeMetricFamily(
        "smartops_schedule_switched_off", "1: somebody has switched this task off", labels=["task"]
    )
    for task, is_off in switched_off().items():
        off.add_metric([task], int(is_off))
    yield from (beats, last, every, off)


def switched_off() -> dict[str, bool]:
    """Each task of the schedule that beat knows, and whether somebody has switched it off."""
    ours = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    rows = PeriodicTask.objects.filter(task__in=ours).values_list("task")
    return {task: not on for task, on in rows.annotate(on=BoolOr("enabled")).order_by("task")}


def tallies_behind() -> Iterator[Metric]:
    """Whatever stops the counting (a transaction that stays open, a statement that fails) shows here."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT coalesce(extract(epoch FROM clock_timestamp() - min(folded_at)), 0)
                  FROM {TallyPlace._meta.db_table} WHERE name = ANY(%s)""",
            [[source.model._meta.label_lower for source in tallies.SOURCES]],
        )
        [behind] = cursor.fetchone()
    yield GaugeMetricFamily(
        "smartops_tallies_behind_seconds",
        "For how long the table that is farthest behind has not been counted to its end",
        value=max(float(behind), 0.0),
    )


def queues() -> Iterator[Metric]:
    """What waits in the broker. The rows are the truth: this only tells whether the messages flow."""
    depth = GaugeMetricFamily(
        "smartops_queue_messages",
        "Messages in the broker that no worker has taken; absent while it is away",
        labels=["queue"],
    )
    with current_app.connection_for_read(connect_timeout=1) as broker:
        broker.ensure_connection(max_retries=0, timeout=2)
        channel = broker.default_channel
        redis = getattr(channel, "client", None)
        for queue in QUEUES:
            if redis is not None:
                depth.add_metric([queue.name], redis.llen(queue.name))
            else:
                # Declared as workers declare them: RabbitMQ knows none that nobody has used yet.
                declared = queue(channel).queue_declare()
                depth.add_metric([queue.name], declared.message_count)
        yield depth
        if redis is not None:
            yield GaugeMetricFamily(
                "smartops_queue_unacked_messages",
                "Messages that workers hold and have not finished; only Redis tells",
                value=redis.hlen(channel.unacked_key),
            )


def register() -> None:
    """Once a process, when the apps are ready."""
    metrics.register("jobs", jobs)
    metrics.register("dead_letters", dead_letters)
    metrics.register("signs_of_life", signs_of_life)
    metrics.register("queues", queues, database=False)
    metrics.register("tallies", metrics.tallied)
    metrics.register("tallies_behind", tallies_behind)
    metrics.tell(leases.RESENDS)
