"""When each table was counted last. Processes of before write rows without it."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workers", "0002_tallies")]

    operations = [
        migrations.AddField(
            model_name="tallyplace",
            name="folded_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                help_text="When all that was to be counted was counted",
            ),
        ),
    ]
