"""What became of the configuration file; and versions of policies are immutable."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sla", "0001_initial"),
        ("tickets", "0002_append_only"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConfigFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("path", models.CharField(default="", max_length=1000)),
                ("digest", models.CharField(default="", max_length=64)),
                ("error", models.TextField(default="", help_text="What is wrong, by line")),
                ("line", models.PositiveIntegerField(help_text="Of the first error", null=True)),
                ("applied_at", models.DateTimeField(null=True)),
                (
                    "changes",
                    models.JSONField(default=list, help_text="What that changed, in sentences"),
                ),
                ("checked_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "configuration file",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="sla_configfile_one_row"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER append_only BEFORE UPDATE ON sla_slapolicyversion
                FOR EACH ROW EXECUTE FUNCTION smartops_refuse_update();
            """,
            "DROP TRIGGER append_only ON sla_slapolicyversion;",
        ),
    ]
