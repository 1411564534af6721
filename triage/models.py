"""How tickets are sorted: rules and routes as data, jobs that run them, and the record of every decision."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tickets.models import Category, Department, Level, Priority, SupportGroup, Ticket, Tier
from workers.leases import LeasedWork, State
from workers.names import TaskName


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


class TriageBatch(models.Model):
    """Jobs that were asked for together."""

    requested_by = models.CharField(max_length=150)
    total_items = models.PositiveIntegerField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "triage batches"

    def __str__(self) -> str:
        return f"Batch {self.pk} of {self.total_items}"


class TriageJob(LeasedWork):
    """One triage of one ticket."""

    TASK_NAME = TaskName.TRIAGE_RUN_JOBS

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="triage_jobs")
    batch = models.ForeignKey(
        TriageBatch,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="jobs",
        db_index=False,
    )

    class Meta:
        constraints = [LeasedWork.lease_constraint("triage_job_lease_while_running")]
        indexes = [
            LeasedWork.sweep_index("triage_job_sweep"),
            # Without the done jobs, which are nearly all: a job that ends leaves these, and enters none.
            models.Index(
                fields=["state", "-id"],
                name="triage_job_unfinished",
                condition=~Q(state=State.DONE),
            ),
            models.Index(
                fields=["batch"], name="triage_job_batch", condition=Q(batch__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"Triage {self.pk} of ticket {self.ticket_id}"


class TriageAttempt(models.Model):
    """An attempt that did not work, and why."""

    job = models.ForeignKey(TriageJob, on_delete=models.CASCADE, related_name="failed_attempts")
    attempt = models.PositiveSmallIntegerField()
    error = models.TextField()
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"Attempt {self.attempt} of job {self.job_id}"


class TriageDecision(models.Model):
    """What triage decided about a ticket, and why. Immutable: the database refuses updates."""

    # Keys that the database does not check: ADR 0016.
    job = models.OneToOneField(
        TriageJob, models.CASCADE, related_name="decision", db_constraint=False
    )
    ticket = models.ForeignKey(
        Ticket, models.CASCADE, related_name="decisions", db_index=False, db_constraint=False
    )
    category = models.CharField(max_length=50)
    impact = models.PositiveSmallIntegerField()
    urgency = models.PositiveSmallIntegerField()
    priority = models.PositiveSmallIntegerField()
    department = models.CharField(max_length=80)
    group = models.CharField(max_length=80, blank=True)
    confidence = models.FloatField()
    band = models.CharField(max_length=7, choices=[(b, b) for b in ("auto", "suggest", "review")])
    #: {field: {"by": "person" | "rule" | "model" | "keywords" | "matrix" | "routing" | "default", "why": text, …}}
    fields = models.JSONField()
    #: [[category, probability], …], best first, at most three.
    alternatives = models.JSONField(default=list)
    #: [[word, weight], …], strongest first, at most five.
    words = models.JSONField(default=list)
    rules = ArrayField(models.BigIntegerField(), default=list)
    model = models.CharField(
        max_length=80, blank=True, help_text="Name and version of the classifier"
    )
    input_hash = models.CharField(max_length=64)
    #: This ticket's share of what the engines took for its chunk.
    milliseconds = models.FloatField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [models.Index(fields=["ticket", "-id"], name="triage_decision_history")]

    def __str__(self) -> str:
        return f"Decision {self.pk} on ticket {self.ticket_id}: {self.category}, P{self.priority}"


class ClassifierModel(models.Model):
    """A trained classifier: its data, its scores, and whether it is the one in use."""

    name = models.CharField(max_length=80, unique=True)
    data = models.BinaryField(help_text="Plain arrays in a zip; nothing in it is executed.")
    scores = models.JSONField(default=dict, help_text="From predictions on tickets it had not seen")
    examples = models.PositiveIntegerField()
    labels = ArrayField(models.CharField(max_length=50))
    champion = models.BooleanField(default=False, help_text="The one in use")
    trained_from = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["champion"],
                condition=Q(champion=True),
                name="triage_classifiermodel_one_champion",
            )
        ]

    def __str__(self) -> str:
        return self.name
