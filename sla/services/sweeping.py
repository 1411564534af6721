"""The sweep: messages whose nudge or whose worker was lost are found, and every message ends."""

from django.db import connection, transaction

from sla.models import Channel, Notification
from workers import tallies
from workers.dispatch import enqueue_each
from workers.leases import RESENDS
from workers.names import TaskName

LOST_WORKER = "The worker died or was too slow, and its lease ran out."


@transaction.atomic(durable=True)
def requeue_stale_notifications() -> int:
    """Free what a dead worker held, give up what is too old, and nudge channels that nobody works on.

    Returns how many channels were nudged. Safe to run twice.
    """
    table, channels = Notification._meta.db_table, Channel._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {table} SET state = 'retrying', lease_token = NULL, lease_until = NULL,
                       next_attempt_at = statement_timestamp(), error = %s
                 WHERE state = 'sending' AND lease_until < statement_timestamp()""",
            [LOST_WORKER],
        )
        kind = Notification._meta.label_lower
        tallies.add({(RESENDS.name, (kind, "worker_lost")): cursor.rowcount})
        cursor.execute(
            f"""UPDATE {table} SET state = 'dead', outcome = 'gave_up', ended_at = statement_timestamp(),
                       error = CASE WHEN error = '' THEN 'It could not be sent in time.' ELSE error END
                 WHERE state IN ('queued', 'retrying') AND give_up_at <= statement_timestamp()"""
        )
        cursor.execute(
            f"""SELECT id FROM {channels} c
                 WHERE enabled AND (lease_until IS NULL OR lease_until < statement_timestamp())
                   AND (next_attempt_at IS NULL OR next_attempt_at <= statement_timestamp())
                   AND EXISTS (SELECT FROM {table} n
                                WHERE n.channel_id = c.id AND n.state IN ('queued', 'retrying')
                                  AND n.next_attempt_at <= statement_timestamp())
                 ORDER BY id"""
        )
        ids = [pk for (pk,) in cursor.fetchall()]
    enqueue_each(TaskName.SLA_DELIVER, ids)
    return len(ids)
