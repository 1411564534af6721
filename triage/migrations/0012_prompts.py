"""A new desk has a prompt. What a prompt says, and what was asked and answered, never changes."""

from django.db import migrations
from django.db.models import Max

from triage.defaults import prompt


def install(apps, schema_editor):
    rows = apps.get_model("triage", "Prompt").objects
    rows.create(
        name=prompt.NAME,
        version=(rows.filter(name=prompt.NAME).aggregate(newest=Max("version"))["newest"] or 0) + 1,
        system=prompt.SYSTEM,
        template=prompt.TEMPLATE,
        input_schema=prompt.INPUT_SCHEMA,
        output_schema=prompt.OUTPUT_SCHEMA,
        invariants=prompt.INVARIANTS,
        is_default=True,
        created_by="SmartOps",
    )
    apps.get_model("triage", "LlmGate").objects.create(id=1)


class Migration(migrations.Migration):
    dependencies = [("triage", "0011_llm")]
    operations = [
        migrations.RunPython(install, migrations.RunPython.noop),
        migrations.RunSQL(
            """
            CREATE TRIGGER append_only BEFORE UPDATE ON triage_llmcall
                FOR EACH ROW EXECUTE FUNCTION smartops_refuse_update();
            CREATE TRIGGER content_stays
                BEFORE UPDATE OF name, version, owner_id, system, template, input_schema, output_schema, invariants,
                                 created_by ON triage_prompt
                FOR EACH ROW EXECUTE FUNCTION smartops_refuse_update();
            """,
            """
            DROP TRIGGER append_only ON triage_llmcall;
            DROP TRIGGER content_stays ON triage_prompt;
            """,
        ),
    ]
