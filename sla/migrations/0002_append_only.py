"""Versions, ledgers and the delivery log are never rewritten: the database refuses. Busy rows get room to change."""

from django.db import migrations

TABLES = ("sla_slapolicyversion", "sla_clockevent", "sla_deliveryattempt")


class Migration(migrations.Migration):
    dependencies = [("sla", "0001_initial"), ("tickets", "0002_append_only")]

    operations = [
        *(
            migrations.RunSQL(
                f"""CREATE TRIGGER append_only BEFORE UPDATE ON {table}
                        FOR EACH ROW EXECUTE FUNCTION smartops_refuse_update();""",
                f"DROP TRIGGER append_only ON {table};",
            )
            for table in TABLES
        ),
        migrations.RunSQL(
            """
            ALTER TABLE sla_notification
                SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
            ALTER TABLE sla_channel SET (fillfactor = 50);
            """,
            migrations.RunSQL.noop,
        ),
    ]
