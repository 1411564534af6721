"""What people know, as data: rules, routes, the priority matrix."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from tickets.models import Category, Department, Level, Priority, SupportGroup, Tier


class Rule(models.Model):
    """Words that say something about a ticket. All rules are asked; each that matches adds its weight."""

    position = models.PositiveIntegerField(
        default=100, help_text="Lower is asked first and wins a tie."
    )
    name = models.CharField(max_length=100, unique=True)
    enabled = models.BooleanField(default=True)
    #: [{"text": "vpn", "weight": 2.0}, …]
    terms = models.JSONField(
        default=list, help_text="Words or phrases with weights; refund* is any word that begins so."
    )
    exclude = models.JSONField(
        default=list, blank=True, help_text="One of these, and the rule does not match."
    )
    min_score = models.FloatField(
        default=1.0, help_text="Sum of weights that a match needs; the title counts double."
    )
    sources = ArrayField(
        models.CharField(max_length=40), default=list, blank=True, help_text="Empty: any."
    )
    tiers = ArrayField(
        models.CharField(max_length=8, choices=Tier),
        default=list,
        blank=True,
        help_text="Empty: any.",
    )
    category = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, blank=True)
    impact = models.PositiveSmallIntegerField(null=True, blank=True, choices=Level)
    urgency = models.PositiveSmallIntegerField(null=True, blank=True, choices=Level)
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    final = models.BooleanField(default=False, help_text="Its category beats the classifier.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="triage_rule_decides_something",
                condition=Q(category__isnull=False)
                | Q(impact__isnull=False)
                | Q(urgency__isnull=False)
                | ~Q(tags=[]),
                violation_error_message="A rule must set a category, an impact, an urgency or a tag.",
            ),
            models.CheckConstraint(
                name="triage_rule_final_has_category",
                condition=Q(final=False) | Q(category__isnull=False),
                violation_error_message="Only a rule with a category can be final.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RoutingRule(models.Model):
    """Where a ticket goes. The first that matches wins; the default comes last and cannot be deleted."""

    position = models.PositiveIntegerField(default=100, help_text="Lower is asked first.")
    name = models.CharField(max_length=100, unique=True)
    enabled = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False, editable=False)
    categories = models.ManyToManyField(Category, blank=True, help_text="Empty: any.")
    terms = models.JSONField(
        default=list, blank=True, help_text="One of these words must appear. Empty: any."
    )
    sources = ArrayField(
        models.CharField(max_length=40), default=list, blank=True, help_text="Empty: any."
    )
    tiers = ArrayField(
        models.CharField(max_length=8, choices=Tier),
        default=list,
        blank=True,
        help_text="Empty: any.",
    )
    max_priority = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        choices=Priority,
        help_text="Only tickets of this priority or a more urgent one.",
    )
    department = models.ForeignKey(Department, on_delete=models.PROTECT)
    group = models.ForeignKey(SupportGroup, on_delete=models.PROTECT, null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True),
                name="triage_routingrule_one_default",
            ),
            models.CheckConstraint(
                name="triage_routingrule_default_is_on",
                condition=Q(is_default=False) | Q(enabled=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PriorityCell(models.Model):
    """One cell of the matrix: this impact and this urgency make this priority."""

    impact = models.PositiveSmallIntegerField(choices=Level)
    urgency = models.PositiveSmallIntegerField(choices=Level)
    priority = models.PositiveSmallIntegerField(
        choices=Priority, validators=[MinValueValidator(1), MaxValueValidator(4)]
    )

    class Meta:
        verbose_name = "priority matrix cell"
        constraints = [
            models.UniqueConstraint(fields=["impact", "urgency"], name="triage_prioritycell_once"),
            models.CheckConstraint(
                name="triage_prioritycell_in_range",
                condition=Q(impact__range=(1, 3), urgency__range=(1, 3), priority__range=(1, 4)),
            ),
        ]

    def __str__(self) -> str:
        return f"impact {self.impact} × urgency {self.urgency} = P{self.priority}"
