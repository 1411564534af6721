"""The registry of classifiers: what each knows and scores, which one decides, and since when."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Field(models.TextChoices):
    """What a classifier can decide."""

    CATEGORY = "category"
    IMPACT = "impact"
    URGENCY = "urgency"


class ClassifierModel(models.Model):
    """A trained classifier: its data, its scores, and whether it is the one in use."""

    name = models.CharField(max_length=80, unique=True)
    field = models.CharField(
        max_length=8, choices=Field, default=Field.CATEGORY, db_default=Field.CATEGORY
    )
    data = models.BinaryField(help_text="Plain arrays in a zip; nothing in it is executed.")
    scores = models.JSONField(default=dict, help_text="From predictions on tickets it had not seen")
    examples = models.PositiveIntegerField()
    labels = ArrayField(models.CharField(max_length=50))
    champion = models.BooleanField(default=False, help_text="The one in use")
    challenger = models.BooleanField(
        default=False, db_default=False, help_text="Runs in the shadow of the one in use"
    )
    trained_from = models.CharField(max_length=200)
    trained_until = models.DateTimeField(
        null=True, blank=True, help_text="When the newest label that it learnt from was given"
    )
    requested_by = models.CharField(max_length=150, blank=True, db_default="")
    #: The last comparison with the champion: {"better", "why", "low", "high", "judged", …}
    verdict = models.JSONField(default=dict, db_default={}, blank=True)
    #: The newest decision that it has looked at as a challenger.
    shadow_until = models.BigIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["field"],
                condition=Q(champion=True),
                name="triage_classifiermodel_one_champion_a_field",
            ),
            models.UniqueConstraint(
                fields=["field"],
                condition=Q(challenger=True),
                name="triage_classifiermodel_one_challenger_a_field",
            ),
            models.CheckConstraint(
                name="triage_classifiermodel_one_role", condition=~Q(champion=True, challenger=True)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Promotion(models.Model):
    """A change of the classifier in use: append-only, so that the last one can be taken back."""

    model = models.ForeignKey(ClassifierModel, models.CASCADE, related_name="promotions")
    previous = models.ForeignKey(
        ClassifierModel, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    by = models.CharField(max_length=150)
    why = models.TextField(blank=True)
    at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.model} in use since {self.at:%Y-%m-%d %H:%M}"


class FieldPolicy(models.Model):
    """How often a classifier must be right about a field before it acts alone. One row a field."""

    field = models.CharField(max_length=8, choices=Field, unique=True)
    target_precision = models.FloatField(
        default=0.95,
        validators=[MinValueValidator(0.5), MaxValueValidator(0.999)],
        help_text="0.95: of a hundred that it decides alone, at least 95 are right.",
    )
    use_model = models.BooleanField(default=True, help_text="Off: rules decide this field.")
    audit_share = models.FloatField(
        default=0.03,
        db_default=0.03,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="0.03: a person looks at three of a hundred categories that were decided automatically.",
    )

    class Meta:
        verbose_name_plural = "field policies"
        constraints = [
            models.CheckConstraint(
                name="triage_fieldpolicy_precision",
                condition=Q(target_precision__gte=0.5, target_precision__lte=0.999),
            ),
            models.CheckConstraint(
                name="triage_fieldpolicy_audit", condition=Q(audit_share__range=(0, 1))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field} at {self.target_precision:.1%}"
