"""History is append-only: the database itself refuses to rewrite an event."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tickets", "0001_initial")]
    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION smartops_refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'Rows of % are never changed, only added.', TG_TABLE_NAME;
            END $$;
            CREATE TRIGGER append_only BEFORE UPDATE ON tickets_ticketevent
                FOR EACH ROW EXECUTE FUNCTION smartops_refuse_update();
            """,
            "DROP TRIGGER append_only ON tickets_ticketevent; DROP FUNCTION smartops_refuse_update();",
        )
    ]
