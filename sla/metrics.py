"""What `/metrics` tells of promises, escalations and messages."""

from collections.abc import Iterator
from typing import Any, Final

from django.db import connection
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from sla.document import Metric as Promise
from sla.models import (
    Channel,
    ChannelKind,
    ClockEvent,
    DeliveryAttempt,
    Escalation,
    Notification,
    Outcome,
    SlaClock,
)
from sla.services import auditing
from tickets.models import Ticket
from workers import metrics
from workers.tallies import Amounts, Counted, Source

#: Channels that are told by their names; messages of all others are told together as "other".
MOST_CHANNELS: Final = 50
#: Of the newest messages that ended unsent, so many are looked at.
MOST_DEAD: Final = 10_000

LATENESS: Final = Counted(
    "smartops_sla_escalation_lateness_seconds",
    "For how long a level of escalation stood due before it was found",
    bounds=(1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0, 900.0, 3600.0),
    known=lambda: [()],
)
ESCALATIONS: Final = Counted(
    "smartops_sla_escalations_total",
    "Levels of escalation that were reached: warnings before a deadline, breaches after it",
    ("kind",),
    known=lambda: [("warning",), ("breach",)],
)
CLOCKS: Final = Counted(
    "smartops_sla_clocks_total",
    "Promises whose outcome is known: kept in time, or the deadline was missed",
    ("metric", "outcome"),
    known=lambda: [(metric, outcome) for metric in Promise for outcome in ("met", "breached")],
)
ATTEMPTS: Final = Counted(
    "smartops_notification_attempts_total",
    "Attempts to deliver a message, by kind of channel",
    ("kind", "outcome"),
    known=lambda: [
        (kind, outcome) for kind in ChannelKind.values for outcome in ("sent", "failed")
    ],
)
LATENCY: Final = Counted(
    "smartops_notification_latency_seconds",
    "From the moment at which there was something to tell until it was delivered",
    ("kind",),
    bounds=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0),
    known=lambda: [(kind,) for kind in ChannelKind.values],
)


def watch() -> Iterator[Metric]:
    found = auditing.look()
    yield GaugeMetricFamily(
        "smartops_sla_lag_seconds",
        "For how long the oldest due clock has waited for its check",
        value=found.lateness.total_seconds(),
    )
    yield GaugeMetricFamily(
        "smartops_sla_missed_clocks",
        "Clocks that are due for longer than allowed, or cannot be checked",
        value=found.missed + found.broken,
    )


def deadlines() -> Iterator[Metric]:
    """Of tickets with a deadline, which alone are in this index."""
    family = GaugeMetricFamily(
        "smartops_sla_tickets", "Tickets with a deadline, by how they stand to it", labels=["state"]
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT count(*) FILTER (WHERE due_at > now() AND (warn_at IS NULL OR warn_at > now())),
                       count(*) FILTER (WHERE due_at > now() AND warn_at <= now()),
                       count(*) FILTER (WHERE due_at <= now())
                  FROM {Ticket._meta.db_table} WHERE due_at IS NOT NULL"""
        )
        for state, count in zip(("ok", "warning", "overdue"), cursor.fetchone(), strict=True):
            family.add_metric([state], count)
    yield family


def notifications() -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "smartops_notifications",
        "Messages that have not ended",
        labels=["channel", "state"],
    )
    dead = GaugeMetricFamily(
        "smartops_notifications_dead",
        f"Messages that ended unsent in the last 24 hours, of the newest {MOST_DEAD:,}",
        labels=["channel", "outcome"],
    )
    table = Notification._meta.db_table
    names = dict(Channel.objects.order_by("pk").values_list("pk", "name")[:MOST_CHANNELS])
    states = {(name, state): 0 for name in names.values() for state in _STATES}
    ends = {(name, outcome): 0 for name in names.values() for outcome in Outcome.values}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT channel_id, state, count(*) FROM {table}
                 WHERE state IN ('queued', 'sending', 'retrying') GROUP BY 1, 2"""
        )
        for channel, state, count in cursor.fetchall():
            key = names.get(channel, "other"), state
            states[key] = states.get(key, 0) + count
        cursor.execute(
            f"""SELECT channel_id, outcome, count(*)
                  FROM (SELECT channel_id, outcome, ended_at FROM {table}
                         WHERE state = 'dead' ORDER BY id DESC LIMIT {MOST_DEAD}) newest
                 WHERE ended_at > now() - interval '1 day' GROUP BY 1, 2"""
        )
        for channel, outcome, count in cursor.fetchall():
            key = names.get(channel, "other"), outcome
            ends[key] = ends.get(key, 0) + count
    for labels, count in sorted(states.items()):
        waiting.add_metric(labels, count)
    for labels, count in sorted(ends.items()):
        dead.add_metric(labels, count)
    yield from (waiting, dead)


_STATES: Final = ("queued", "sending", "retrying")


def reached(cursor: Any, first: int, last: int) -> Iterator[Amounts]:
    cursor.execute(
        f"""SELECT {LATENESS.bucket()}, count(*), sum(seconds)
              FROM (SELECT extract(epoch FROM lateness)::float8 AS seconds FROM {Escalation._meta.db_table}
                     WHERE id > %s AND id <= %s) late GROUP BY 1""",
        [first, last],
    )
    yield LATENESS.measured(((), *row) for row in cursor.fetchall())
    cursor.execute(
        f"""SELECT CASE WHEN breach THEN 'breach' ELSE 'warning' END, count(*)
              FROM {Escalation._meta.db_table} WHERE id > %s AND id <= %s AND NOT skipped GROUP BY 1""",
        [first, last],
    )
    yield {(ESCALATIONS.name, (kind,)): count for kind, count in cursor.fetchall()}


def ended(cursor: Any, first: int, last: int) -> Iterator[Amounts]:
    """Each promise once: a check finds a breach at the deadline; what no check found is known at the stop."""
    ledger = ClockEvent._meta.db_table
    cursor.execute(
        f"""SELECT c.metric, CASE WHEN e.kind = 'breach' THEN 'breached' ELSE c.state END, count(*)
              FROM {ledger} e JOIN {SlaClock._meta.db_table} c ON c.id = e.clock_id
             WHERE e.id > %s AND e.id <= %s
               AND (e.kind = 'breach' OR (e.kind = 'stop' AND c.state IN ('met', 'breached')))
               AND NOT EXISTS (SELECT FROM {ledger} b
                                WHERE b.clock_id = e.clock_id AND b.id < e.id AND b.kind = 'breach')
             GROUP BY 1, 2""",
        [first, last],
    )
    yield {(CLOCKS.name, (metric, outcome)): count for metric, outcome, count in cursor.fetchall()}


def delivered(cursor: Any, first: int, last: int) -> Iterator[Amounts]:
    attempts = f"""{DeliveryAttempt._meta.db_table} a
                   JOIN {Notification._meta.db_table} n ON n.id = a.notification_id
                   JOIN {Channel._meta.db_table} c ON c.id = n.channel_id"""
    cursor.execute(
        f"""SELECT c.kind, CASE a.error WHEN '' THEN 'sent' ELSE 'failed' END, count(*)
              FROM {attempts} WHERE a.id > %s AND a.id <= %s GROUP BY 1, 2""",
        [first, last],
    )
    yield {(ATTEMPTS.name, (kind, outcome)): count for kind, outcome, count in cursor.fetchall()}
    cursor.execute(
        f"""SELECT kind, {LATENCY.bucket()}, count(*), sum(seconds)
              FROM (SELECT c.kind, extract(epoch FROM a.at - n.created_at)::float8 AS seconds
                      FROM {attempts} WHERE a.id > %s AND a.id <= %s AND a.error = '') sent GROUP BY 1, 2""",
        [first, last],
    )
    yield LATENCY.measured(((kind,), *row) for kind, *row in cursor.fetchall())


SOURCES: Final = [
    Source(Escalation, reached),
    Source(ClockEvent, ended),
    Source(DeliveryAttempt, delivered),
]


def register() -> None:
    """Once in a web process."""
    metrics.register("watch", watch)
    metrics.register("deadlines", deadlines)
    metrics.register("notifications", notifications)
    metrics.tell(LATENESS, ESCALATIONS, CLOCKS, ATTEMPTS, LATENCY)
