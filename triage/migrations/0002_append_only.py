"""Decisions are immutable, and the queue table is cleaned before its dead rows slow the sweep."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("triage", "0001_initial"), ("tickets", "0002_append_only")]
    operations = [
        migrations.RunSQL(
            """
            CREATE TRIGGER append_only BEFORE UPDATE ON triage_triagedecision
                FOR EACH ROW EXECUTE FUNCTION smartops_refuse_update();
            ALTER TABLE triage_triagejob
                SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
            """,
            """
            DROP TRIGGER append_only ON triage_triagedecision;
            ALTER TABLE triage_triagejob
                RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
            """,
        )
    ]
