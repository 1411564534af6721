"""How classifiers are trained, watched beside the one in use, and found to have grown old."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tickets.models import Ticket
from triage.models.classifiers import ClassifierModel, Field
from triage.models.decisions import BANDS, TriageDecision
from workers.leases import LeasedWork
from workers.names import TaskName


class TrainingRun(LeasedWork):
    """One training of one field's classifier. `report` says what it learnt from, its scores and the verdict."""

    TASK_NAME = TaskName.TRIAGE_TRAIN

    field = models.CharField(max_length=8, choices=Field)
    requested_by = models.CharField(max_length=150, help_text="A login name, or schedule")
    progress = models.PositiveSmallIntegerField(default=0, help_text="Percent")
    phase = models.CharField(max_length=60, blank=True, help_text="What it is doing")
    message = models.TextField(blank=True, help_text="What became of it")
    model = models.ForeignKey(
        ClassifierModel, models.SET_NULL, null=True, blank=True, related_name="runs"
    )
    report = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            LeasedWork.lease_constraint("triage_trainingrun_lease_while_running"),
            models.UniqueConstraint(
                fields=["field"],
                condition=Q(finished_at__isnull=True),
                name="triage_trainingrun_one_at_a_time",
            ),
            models.CheckConstraint(
                name="triage_trainingrun_progress", condition=Q(progress__lte=100)
            ),
        ]
        indexes = [LeasedWork.sweep_index("triage_trainingrun_sweep")]

    def __str__(self) -> str:
        return f"Training {self.pk} of {self.field}"


class ShadowPrediction(models.Model):
    """What a challenger would have said about a ticket that the champion decided."""

    # Goes with its decision.
    ticket = models.ForeignKey(
        Ticket, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    decision = models.ForeignKey(
        TriageDecision, models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    model = models.ForeignKey(ClassifierModel, models.CASCADE, related_name="shadow_predictions")
    label = models.CharField(max_length=50)
    confidence = models.FloatField()
    band = models.CharField(max_length=7, choices=BANDS)
    champion_label = models.CharField(max_length=50)
    champion_band = models.CharField(max_length=7, choices=BANDS)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["decision", "model"], name="triage_shadow_once")
        ]

    def __str__(self) -> str:
        return f"{self.model_id} on decision {self.decision_id}: {self.label}"


class DriftDay(models.Model):
    """A field's decisions of one day (UTC) beside what its model learnt from, and what people made of them."""

    field = models.CharField(max_length=8, choices=Field)
    day = models.DateField()
    model = models.CharField(max_length=80, blank=True)
    decisions = models.PositiveIntegerField(default=0, help_text="Made by the machine")
    auto = models.PositiveIntegerField(default=0)
    suggest = models.PositiveIntegerField(default=0)
    review = models.PositiveIntegerField(default=0)
    corrected = models.PositiveIntegerField(default=0, help_text="A person said otherwise")
    agreed = models.PositiveIntegerField(default=0, help_text="A person said the same")
    audited = models.PositiveIntegerField(
        default=0, help_text="Automatic ones that were picked for an audit and have been looked at"
    )
    audited_wrong = models.PositiveIntegerField(default=0)
    psi_category = models.FloatField(
        "drift of answers",
        null=True,
        help_text="Stability index of the answers against the model's training; none: too few",
    )
    psi_words = models.FloatField(
        "drift of words",
        null=True,
        help_text="Stability index of the commonest words against the model's training",
    )
    measured_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["field", "day"], name="triage_driftday_once")
        ]

    def __str__(self) -> str:
        return f"{self.field} on {self.day}"

    @property
    def override_rate(self) -> float | None:
        """Which share of the answers that people looked at they changed."""
        seen = self.corrected + self.agreed
        return self.corrected / seen if seen else None
