"""Ledgers are never rewritten: the database refuses."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sla", "0001_initial"), ("tickets", "0002_append_only")]

    operations = [
        migrations.RunSQL(
            """
            CREATE TRIGGER append_only BEFORE UPDATE ON sla_clockevent
                FOR EACH ROW EXECUTE FUNCTION smartops_refuse_update();
            """,
            "DROP TRIGGER append_only ON sla_clockevent;",
        )
    ]
