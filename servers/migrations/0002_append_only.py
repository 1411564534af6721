"""What happened to a server is never rewritten; only that the incidents took note of it is added."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("servers", "0001_initial"), ("tickets", "0002_append_only")]
    operations = [
        migrations.RunSQL(
            """
            CREATE TRIGGER append_only
                BEFORE UPDATE OF id, server_id, old, new, at, cause, actor, reason ON servers_serverevent
                FOR EACH ROW EXECUTE FUNCTION smartops_refuse_update();
            """,
            "DROP TRIGGER append_only ON servers_serverevent;",
        )
    ]
