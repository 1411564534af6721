import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


def one_policy_a_field(apps, schema_editor):
    policy = apps.get_model("triage", "FieldPolicy")
    policy.objects.bulk_create(policy(field=field) for field in ("category", "impact", "urgency"))


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0004_sla_columns"),
        ("triage", "0006_keys_unchecked"),
    ]

    operations = [
        migrations.CreateModel(
            name="Correction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("field", models.CharField(max_length=10)),
                ("before", models.CharField(blank=True, max_length=80)),
                ("value", models.CharField(max_length=80)),
                ("agreed", models.BooleanField(help_text="The machine had said the same")),
                (
                    "band",
                    models.CharField(
                        blank=True,
                        choices=[("auto", "auto"), ("suggest", "suggest"), ("review", "review")],
                        max_length=7,
                    ),
                ),
                ("confidence", models.FloatField(null=True)),
                (
                    "via",
                    models.CharField(
                        choices=[("review", "review"), ("ticket", "ticket")], max_length=10
                    ),
                ),
                ("by", models.CharField(max_length=150)),
                ("at", models.DateTimeField()),
                ("undone_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="FieldPolicy",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "field",
                    models.CharField(
                        choices=[
                            ("category", "Category"),
                            ("impact", "Impact"),
                            ("urgency", "Urgency"),
                        ],
                        max_length=8,
                        unique=True,
                    ),
                ),
                (
                    "target_precision",
                    models.FloatField(
                        default=0.95,
                        help_text="0.95: of a hundred that it decides alone, at least 95 are right.",
                        validators=[
                            django.core.validators.MinValueValidator(0.5),
                            django.core.validators.MaxValueValidator(0.999),
                        ],
                    ),
                ),
                (
                    "use_model",
                    models.BooleanField(default=True, help_text="Off: rules decide this field."),
                ),
            ],
            options={
                "verbose_name_plural": "field policies",
            },
        ),
        migrations.CreateModel(
            name="Promotion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("by", models.CharField(max_length=150)),
                ("why", models.TextField(blank=True)),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="classifiermodel",
            name="triage_classifiermodel_one_champion",
        ),
        migrations.AddField(
            model_name="classifiermodel",
            name="challenger",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Runs in the shadow of the one in use"
            ),
        ),
        migrations.AddField(
            model_name="classifiermodel",
            name="field",
            field=models.CharField(
                choices=[("category", "Category"), ("impact", "Impact"), ("urgency", "Urgency")],
                db_default="category",
                default="category",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="classifiermodel",
            name="requested_by",
            field=models.CharField(blank=True, db_default="", max_length=150),
        ),
        migrations.AddField(
            model_name="classifiermodel",
            name="trained_until",
            field=models.DateTimeField(
                blank=True,
                help_text="When the newest label that it learnt from was given",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="triagedecision",
            name="cost",
            field=models.DecimalField(
                db_default=0, decimal_places=6, default=0, help_text="US dollars", max_digits=12
            ),
        ),
        migrations.AddField(
            model_name="triagedecision",
            name="engines",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=10),
                db_default=[],
                default=list,
                help_text="Who was asked, in order",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="triagedecision",
            name="fallback",
            field=models.TextField(
                blank=True,
                db_default="",
                help_text="Why an engine that should have decided did not",
            ),
        ),
        migrations.AddField(
            model_name="triagedecision",
            name="prompt",
            field=models.CharField(
                blank=True, db_default="", help_text="Name and version of the prompt", max_length=80
            ),
        ),
        migrations.AddField(
            model_name="triagedecision",
            name="refined",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="The LLM's, after the first one of the same job",
            ),
        ),
        migrations.AddField(
            model_name="triagedecision",
            name="tokens_in",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="triagedecision",
            name="tokens_out",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name="triagedecision",
            name="job",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="decisions",
                to="triage.triagejob",
            ),
        ),
        migrations.AddConstraint(
            model_name="classifiermodel",
            constraint=models.UniqueConstraint(
                condition=models.Q(("champion", True)),
                fields=("field",),
                name="triage_classifiermodel_one_champion_a_field",
            ),
        ),
        migrations.AddConstraint(
            model_name="classifiermodel",
            constraint=models.UniqueConstraint(
                condition=models.Q(("challenger", True)),
                fields=("field",),
                name="triage_classifiermodel_one_challenger_a_field",
            ),
        ),
        migrations.AddConstraint(
            model_name="classifiermodel",
            constraint=models.CheckConstraint(
                condition=models.Q(("challenger", True), ("champion", True), _negated=True),
                name="triage_classifiermodel_one_role",
            ),
        ),
        migrations.AddConstraint(
            model_name="triagedecision",
            constraint=models.UniqueConstraint(
                fields=("job", "refined"), name="triage_decision_once"
            ),
        ),
        migrations.AddField(
            model_name="correction",
            name="decision",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="corrections",
                to="triage.triagedecision",
            ),
        ),
        migrations.AddField(
            model_name="correction",
            name="ticket",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="corrections",
                to="tickets.ticket",
            ),
        ),
        migrations.AddConstraint(
            model_name="fieldpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("target_precision__gte", 0.5), ("target_precision__lte", 0.999)
                ),
                name="triage_fieldpolicy_precision",
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="model",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="promotions",
                to="triage.classifiermodel",
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="previous",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="triage.classifiermodel",
            ),
        ),
        migrations.AddIndex(
            model_name="correction",
            index=models.Index(fields=["field", "at"], name="triage_correction_labels"),
        ),
        migrations.RunPython(one_policy_a_field, migrations.RunPython.noop),
    ]
