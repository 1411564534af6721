"""A new desk starts with two calendars and the default policy. All can be edited."""

from django.db import migrations

from sla import defaults


def install(apps, schema_editor):
    calendar = apps.get_model("sla", "BusinessCalendar")
    policy = apps.get_model("sla", "SlaPolicy")
    version = apps.get_model("sla", "SlaPolicyVersion")
    for name, values in defaults.CALENDARS.items():
        calendar.objects.create(name=name, **values)
    default = policy.objects.create(name=defaults.DEFAULT_POLICY, position=32767, is_default=True)
    version.objects.create(
        policy=default,
        number=1,
        document=defaults.DOCUMENT.canonical(),
        created_by="installation",
    )


class Migration(migrations.Migration):
    dependencies = [("sla", "0002_append_only")]
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
