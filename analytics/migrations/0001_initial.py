"""The tables of the figures, and the triggers that note which tickets' figures have changed (ADR 0024)."""

from django.db import migrations, models


#: Of a ticket's and a clock's columns, those that figures are made of.
_TICKET = """department_id, group_id, assignee_id, category_id, priority, status, customer_tier, confidence,
             triage_status, opened_at, created_at, first_response_at, resolved_at"""
_CLOCK = "metric, state, counted, breached_at, stopped_at"


def _columns(row: str, names: str) -> str:
    return ", ".join(f"{row}.{name.strip()}" for name in names.split(","))


def _note(table: str, verb: str, select: str) -> str:
    """A trigger that notes the tickets that `select` finds in the rows a statement wrote."""
    name = f"analytics_note_{table}_{verb.lower()}"
    rows = {
        "INSERT": "NEW TABLE AS new_rows",
        "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
        "DELETE": "OLD TABLE AS old_rows",
    }[verb]
    return f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO analytics_changedticket (ticket_id) {select};
            RETURN NULL;
        END $$;
        CREATE TRIGGER analytics_note_{verb.lower()} AFTER {verb} ON {table}
            REFERENCING {rows} FOR EACH STATEMENT EXECUTE FUNCTION {name}();
    """


def _changed(key: str, names: str) -> str:
    return f"""SELECT is_now.{key} FROM new_rows is_now JOIN old_rows was ON was.id = is_now.id
                WHERE ({_columns("is_now", names)}) IS DISTINCT FROM ({_columns("was", names)})"""


NOTES = (
    ("tickets_ticket", "INSERT", "SELECT id FROM new_rows"),
    ("tickets_ticket", "UPDATE", _changed("id", _TICKET)),
    ("tickets_ticket", "DELETE", "SELECT id FROM old_rows"),
    # Who inserts or deletes a clock opens, changes or deletes its ticket.
    ("sla_slaclock", "UPDATE", _changed("ticket_id", _CLOCK)),
    ("triage_triagedecision", "INSERT", "SELECT ticket_id FROM new_rows WHERE NOT refined"),
    ("triage_correction", "INSERT", "SELECT ticket_id FROM new_rows"),
    ("triage_correction", "UPDATE", "SELECT ticket_id FROM new_rows"),
    ("triage_correction", "DELETE", "SELECT ticket_id FROM old_rows"),
)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ("tickets", "0010_contents_in_pieces"),
        ("sla", "0006_storm_started"),
        ("triage", "0014_corrections_go_with_tickets"),
    ]

    operations = [
        migrations.CreateModel(
            name='ChangedTicket',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ticket_id', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='FlowCount',
            fields=[
                ('pk', models.CompositePrimaryKey('grain', 'key', 'minutes', 'bucket', 'department_id', 'group_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('grain', models.PositiveSmallIntegerField(choices=[(0, "nothing: a department's count"), (1, 'Group'), (2, 'Priority'), (3, 'Agent')])),
                ('key', models.BigIntegerField()),
                ('minutes', models.PositiveSmallIntegerField(help_text='60 or 1440')),
                ('bucket', models.DateTimeField(help_text='Its begin')),
                ('department_id', models.BigIntegerField()),
                ('group_id', models.BigIntegerField(help_text="Of an agent's count; else 0")),
                ('created', models.IntegerField()),
                ('created_resolved', models.IntegerField()),
                ('confident', models.IntegerField(help_text='Created ones that have a confidence')),
                ('confidence', models.BigIntegerField(help_text='Their sum, in millionths')),
                ('resolved', models.IntegerField()),
                ('resolved_reopened', models.IntegerField()),
                ('cancelled', models.IntegerField()),
                ('reopened', models.IntegerField()),
                ('met_first_response', models.IntegerField()),
                ('met_next_update', models.IntegerField()),
                ('met_resolution', models.IntegerField()),
                ('breached_first_response', models.IntegerField()),
                ('breached_next_update', models.IntegerField()),
                ('breached_resolution', models.IntegerField()),
                ('agreed', models.IntegerField()),
                ('corrected', models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='RollupState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('as_of', models.DateTimeField(help_text='All that was committed before is counted; none: never counted yet', null=True)),
                ('refreshed_at', models.DateTimeField(help_text='When a worker last looked', null=True)),
                ('tickets', models.PositiveIntegerField(default=0, help_text='Looked at then')),
                ('milliseconds', models.FloatField(default=0, help_text='What that took')),
            ],
            options={
                'verbose_name': 'state of the figures',
                'verbose_name_plural': 'state of the figures',
            },
        ),
        migrations.CreateModel(
            name='TicketCount',
            fields=[
                ('pk', models.CompositePrimaryKey('scope', 'scope_id', 'department_id', 'dimension', 'key', 'live', blank=True, editable=False, primary_key=True, serialize=False)),
                ('scope', models.PositiveSmallIntegerField(choices=[(0, 'Department'), (1, 'Group'), (2, 'Agent')])),
                ('scope_id', models.BigIntegerField()),
                ('department_id', models.BigIntegerField()),
                ('dimension', models.PositiveSmallIntegerField(choices=[(0, 'Status'), (1, 'Priority'), (2, 'Category'), (3, 'Group'), (4, 'Tier'), (5, 'Agent')])),
                ('key', models.CharField(max_length=20)),
                ('live', models.BooleanField()),
                ('tickets', models.IntegerField()),
                ('confident', models.IntegerField(help_text='Those that have a confidence')),
                ('confidence', models.BigIntegerField(help_text='Their sum, in millionths')),
            ],
        ),
        migrations.CreateModel(
            name='TicketFact',
            fields=[
                ('ticket_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('department_id', models.BigIntegerField()),
                ('group_id', models.BigIntegerField()),
                ('agent_id', models.BigIntegerField()),
                ('category_id', models.BigIntegerField()),
                ('priority', models.PositiveSmallIntegerField()),
                ('status', models.CharField(max_length=11)),
                ('customer_tier', models.CharField(max_length=8)),
                ('live', models.BooleanField(help_text='It has not ended')),
                ('confidence', models.IntegerField(null=True)),
                ('triaged_at', models.DateTimeField(null=True)),
                ('first_response_at', models.DateTimeField(null=True)),
                ('resolved_at', models.DateTimeField(null=True)),
                ('triage_seconds', models.FloatField(null=True)),
                ('response_seconds', models.FloatField(null=True)),
                ('response_business_seconds', models.FloatField(null=True)),
                ('resolution_seconds', models.FloatField(null=True)),
                ('resolution_business_seconds', models.FloatField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['triaged_at'], name='analytics_fact_triaged'), models.Index(fields=['first_response_at'], name='analytics_fact_answered'), models.Index(fields=['resolved_at'], name='analytics_fact_resolved'), models.Index(condition=models.Q(('agent_id__gt', 0)), fields=['agent_id'], name='analytics_fact_agent')],
            },
        ),
        migrations.CreateModel(
            name='TicketFlow',
            fields=[
                ('pk', models.CompositePrimaryKey('ticket_id', 'kind', 'source_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('ticket_id', models.BigIntegerField()),
                ('kind', models.PositiveSmallIntegerField(choices=[(0, 'Created'), (1, 'Resolved'), (2, 'Cancelled'), (3, 'Reopened'), (10, 'Met First Response'), (11, 'Met Next Update'), (12, 'Met Resolution'), (20, 'Breached First Response'), (21, 'Breached Next Update'), (22, 'Breached Resolution'), (30, 'Agreed'), (31, 'Corrected')])),
                ('source_id', models.BigIntegerField()),
                ('at', models.DateTimeField()),
                ('department_id', models.BigIntegerField()),
                ('group_id', models.BigIntegerField()),
                ('agent_id', models.BigIntegerField()),
                ('priority', models.PositiveSmallIntegerField()),
                ('flag', models.BooleanField()),
                ('confidence', models.IntegerField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['at'], name='analytics_flow_at')],
            },
        ),
        *(
            migrations.RunSQL(
                _note(table, verb, select),
                f"""DROP TRIGGER analytics_note_{verb.lower()} ON {table};
                    DROP FUNCTION analytics_note_{table}_{verb.lower()};""",
            )
            for table, verb, select in NOTES
        ),
        # Counts are changed far more often than added: room for that beside them spares their index.
        migrations.RunSQL(
            """ALTER TABLE analytics_ticketcount SET (fillfactor = 50);
               ALTER TABLE analytics_flowcount SET (fillfactor = 80)""",
            migrations.RunSQL.noop,
        ),
        # The first time, all are counted.
        migrations.RunSQL(
            "INSERT INTO analytics_changedticket (ticket_id) SELECT id FROM tickets_ticket ORDER BY id",
            migrations.RunSQL.noop,
        ),
    ]
