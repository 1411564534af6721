"""Contents are stored uncompressed: then a piece of one is read without reading what stands before it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tickets", "0009_attachments")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE tickets_content ALTER COLUMN data SET STORAGE EXTERNAL",
            "ALTER TABLE tickets_content ALTER COLUMN data SET STORAGE EXTENDED",
        )
    ]
