from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Built beside the desk's work: millions of tickets take seconds, in which others write.

    One that gave up leaves an invalid index: run again, it begins anew.
    """

    atomic = False
    dependencies = [("tickets", "0012_shared_views_stay")]

    operations = [
        migrations.RunSQL(
            "DROP INDEX CONCURRENTLY IF EXISTS tickets_ticket_live", migrations.RunSQL.noop
        ),
        AddIndexConcurrently(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("status__in", ("open", "in_progress", "on_hold"))),
                fields=["department", "priority"],
                include=(
                    *("status", "triage_status", "assignee", "opened_at"),
                    *("due_at", "warn_at", "sla_breached"),
                ),
                name="tickets_ticket_live",
            ),
        ),
    ]
