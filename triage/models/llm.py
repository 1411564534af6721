"""Asking a language model: with which prompt, when, what was asked, and what came of it."""

from typing import Any, Final, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tickets.models import Category, Ticket
from triage.models.jobs import TriageJob
from workers.leases import ACTIVE, LeasedWork, State
from workers.names import TaskName


class PromptQuerySet(models.QuerySet["Prompt"]):
    def for_owner(self, owner_id: Any) -> Self:
        """The prompt that a ticket of this owner is asked with, first: the owner's newest active one, else the
        default."""
        mine = Q(owner_id=owner_id) if owner_id else Q(pk__in=[])
        wanted = self.filter(mine | Q(is_default=True), active=True)
        return wanted.order_by(models.F("owner_id").desc(nulls_last=True), "-pk")


class Prompt(models.Model):
    """One version of a prompt. What it says never changes (the database refuses it): an edit is a new version."""

    name = models.CharField(max_length=60)
    version = models.PositiveIntegerField(editable=False)
    owner_id = models.UUIDField(
        null=True,
        blank=True,
        help_text="Only for tickets of this owner; empty: for those without a prompt of their own.",
    )
    system = models.TextField(
        help_text="What the model is told about its work: {{ allowed }}, {{ categories }}, {{ schema }}, …"
    )
    template = models.TextField(
        help_text="What it is asked about one ticket: {{ title }}, {{ description }}, {{ customer_tier }}, …"
    )
    input_schema = models.JSONField(
        default=dict, blank=True, help_text="JSON Schema that a ticket must fit to be asked about"
    )
    output_schema = models.JSONField(
        help_text="JSON Schema of the answer; allowed values are filled in"
    )
    invariants = models.JSONField(
        default=dict,
        blank=True,
        help_text='What an answer may change: {"fields": ["category", "impact", "urgency"], "level_steps": 1}',
    )
    active = models.BooleanField(default=True)
    is_default = models.BooleanField(
        "default", default=False, help_text="Asked where an owner has none of their own"
    )
    created_by = models.CharField(max_length=150, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = PromptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="triage_prompt_version_once"),
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True),
                name="triage_prompt_one_default",
            ),
            models.CheckConstraint(
                name="triage_prompt_default_is_for_all",
                condition=Q(is_default=False) | Q(active=True, owner_id__isnull=True),
                violation_error_message="Only an active prompt without an owner can be the default.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class AskPolicy(models.Model):
    """When the model is asked: about tickets of one category, or about all others."""

    class When(models.TextChoices):
        NEVER = "never"
        UNSURE = "unsure", "when triage is unsure"
        ALWAYS = "always"

    category = models.ForeignKey(
        Category,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        help_text="Empty: for every category without a line of its own.",
    )
    when = models.CharField(max_length=6, choices=When)

    class Meta:
        verbose_name = "when to ask"
        verbose_name_plural = "when to ask"
        constraints = [
            models.UniqueConstraint(
                fields=["category"],
                nulls_distinct=False,
                name="triage_askpolicy_one_a_category",
                violation_error_message="There is a line for this already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.category or 'Every category'}: {self.get_when_display()}"


class LlmRequest(LeasedWork):
    """A question to the model about the ticket of one triage job."""

    TASK_NAME = TaskName.TRIAGE_ASK_LLM

    class Outcome(models.TextChoices):
        REFINED = "refined", "the answer counts"
        FALLBACK = "fallback", "what triage had decided stays"
        SKIPPED = "skipped", "nobody needs an answer any more"

    job = models.OneToOneField(TriageJob, on_delete=models.CASCADE, related_name="llm_request")
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="llm_requests")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, null=True, db_index=False)
    outcome = models.CharField(max_length=8, choices=Outcome, blank=True, db_default="")
    reason = models.TextField(blank=True, db_default="", help_text="Why there is no answer")

    class Meta:
        verbose_name = "LLM request"
        constraints = [LeasedWork.lease_constraint("triage_llmrequest_lease_while_running")]
        indexes = [
            LeasedWork.sweep_index("triage_llmrequest_sweep"),
            # Who is next, and how many are under way.
            models.Index(fields=["id"], name="triage_llmrequest_active", condition=ACTIVE),
            models.Index(
                fields=["lease_until"],
                name="triage_llmrequest_running",
                condition=Q(state=State.RUNNING),
            ),
        ]

    def __str__(self) -> str:
        return f"Question {self.pk} about ticket {self.ticket_id}"


class LlmCall(models.Model):
    """One call to the model, whatever came of it. Append-only: the database refuses updates."""

    request = models.ForeignKey(LlmRequest, on_delete=models.CASCADE, related_name="calls")
    attempt = models.PositiveSmallIntegerField()
    repair = models.BooleanField(
        default=False, help_text="The second call, which quotes what was wrong"
    )
    #: [{"role": "system" | "user" | "assistant", "content": text}, …], as it left: masked.
    input = models.JSONField()
    output = models.TextField(blank=True)
    success = models.BooleanField()
    error = models.TextField(blank=True)
    provider = models.CharField(max_length=10)
    model = models.CharField(max_length=120)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, db_index=False)
    milliseconds = models.FloatField()
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0, help_text="US dollars")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "LLM call"
        indexes = [
            models.Index(
                fields=["at"], name="triage_llmcall_at"
            )  # what metrics say of the last hour
        ]

    def __str__(self) -> str:
        return f"Call {self.pk} of question {self.request_id}"


class LlmGate(models.Model):
    """Whether the model may be asked now: one row that all workers share, by the database's clock."""

    ID: Final = 1

    #: Whom it speaks of; another one starts with a clean slate.
    endpoint = models.CharField(max_length=500, blank=True, db_default="")
    #: Calls in a row that failed.
    failures = models.PositiveIntegerField(db_default=0)
    #: Nobody asks before; while a probe is under way, until it must have ended.
    closed_until = models.DateTimeField(null=True)
    reason = models.TextField(blank=True, db_default="")
    failing_since = models.DateTimeField(null=True)
    #: The bucket of tokens, as of `allowance_at`. Below 0: answers were longer than thought.
    allowance = models.FloatField(db_default=0.0)
    allowance_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="triage_llmgate_one_row")]

    def __str__(self) -> str:
        return self.endpoint or "The gate to the language model"
