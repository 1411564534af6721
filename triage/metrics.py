"""What `/metrics` tells of triage, of the classifiers and of the language model."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from triage.llm.limits import BREAK_AFTER
from triage.models import (
    Correction,
    LlmCall,
    LlmGate,
    LlmRequest,
    TriageDecision,
    TriageJob,
)
from triage.models.decisions import BANDS
from triage.services import drifting
from workers import metrics
from workers.leases import ACTIVE
from workers.tallies import Amounts, Counted, Source

#: What became of questions to the language model is told of the last so many minutes.
LLM_MINUTES: Final = 60
#: What a person's word on a field makes of the machine's.
_VERDICTS: Final = ("agreed", "overridden")
_QUEUES: Final = ("triage", "bulk")

LATENCY: Final = Counted(
    "smartops_triage_latency_seconds",
    "From the moment at which triage was asked for until it was decided; bulk: in a batch",
    ("queue",),
    bounds=(0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 1800.0),
    known=lambda: [(queue,) for queue in _QUEUES],
)
DECISIONS: Final = Counted(
    "smartops_triage_decisions_total",
    "Decisions, by how sure triage was; refined: those of the language model, after a first one",
    ("band", "refined"),
    known=lambda: [(band, flag) for band, _ in BANDS for flag in ("false", "true")],
)
VERDICTS: Final = Counted(
    "smartops_triage_verdicts_total",
    "What people who looked at a decided field made of it",
    ("field", "verdict"),
    known=lambda: [("category", verdict) for verdict in _VERDICTS],
)
CALLS: Final = Counted(
    "smartops_llm_calls_total", "Calls to the language model", ("provider", "model", "outcome")
)
TOKENS: Final = Counted(
    "smartops_llm_tokens_total",
    "Tokens that it was told and that it said",
    ("provider", "model", "direction"),
)
COST: Final = Counted(
    "smartops_llm_cost_dollars_total", "What its calls cost", ("provider", "model")
)
SECONDS: Final = Counted(
    "smartops_llm_call_duration_seconds",
    "How long its calls took",
    ("provider", "model"),
    bounds=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0),
)


def drift() -> Iterator[Metric]:
    index = GaugeMetricFamily(
        "smartops_triage_drift_index",
        "Stability index of the newest day against the model's training",
        labels=["field", "of"],
    )
    overridden = GaugeMetricFamily(
        "smartops_triage_override_ratio",
        "Share of the answers that people looked at and changed, newest day",
        labels=["field"],
    )
    bands = GaugeMetricFamily(
        "smartops_triage_band_ratio",
        "Share of the newest day's decisions by band",
        labels=["field", "band"],
    )
    for row in drifting.newest_days():
        for of, value in (("answers", row.psi_category), ("words", row.psi_words)):
            if value is not None:
                index.add_metric([row.field, of], value)
        if row.override_rate is not None:
            overridden.add_metric([row.field], row.override_rate)
        for band in ("auto", "suggest", "review"):
            bands.add_metric([row.field, band], getattr(row, band) / max(row.decisions, 1))
    audited = GaugeMetricFamily(
        "smartops_triage_audited_precision_ratio",
        f"Share of the automatic answers audited in {drifting.AUDITED_DAYS} days that were right",
        labels=["field"],
    )
    for name, (seen, right) in drifting.audits(timezone.now()).items():
        if seen:
            audited.add_metric([name], right / seen)
    yield from (index, overridden, bands, audited)


def llm() -> Iterator[Metric]:
    """Nothing where no language model is set up."""
    endpoint = settings.LLM
    if endpoint is None:
        return
    questions = GaugeMetricFamily(
        "smartops_llm_questions",
        f"Questions asked in {LLM_MINUTES} minutes, by what became of them",
        labels=["outcome"],
    )
    lately = LlmCall.objects.filter(at__gt=timezone.now() - timedelta(minutes=LLM_MINUTES))
    asked = LlmRequest.objects.filter(pk__in=lately.values("request"))
    for outcome, count in asked.values_list("outcome").annotate(count=Count("pk")):
        questions.add_metric([outcome or "unanswered"], count)
    yield questions
    yield GaugeMetricFamily(
        "smartops_llm_waiting",
        "Questions that wait or are being asked",
        value=LlmRequest.objects.filter(ACTIVE).count(),
    )
    gate = LlmGate.objects.filter(endpoint=endpoint.name[:500]).first()
    failures = gate.failures if gate else 0
    yield GaugeMetricFamily(
        "smartops_llm_failures", "Calls in a row that brought no answer", value=failures
    )
    yield GaugeMetricFamily(
        "smartops_llm_breaker_open",
        "1: nobody asks but a probe now and then, for too many calls failed",
        value=int(failures >= BREAK_AFTER),
    )


def decided(cursor: Any, first: int, last: int) -> Iterator[Amounts]:
    decisions, jobs = TriageDecision._meta.db_table, TriageJob._meta.db_table
    cursor.execute(
        f"""SELECT band, CASE WHEN refined THEN 'true' ELSE 'false' END, count(*)
              FROM {decisions} WHERE id > %s AND id <= %s GROUP BY 1, 2""",
        [first, last],
    )
    yield {(DECISIONS.name, (band, flag)): count for band, flag, count in cursor.fetchall()}
    cursor.execute(
        f"""SELECT queue, {LATENCY.bucket()}, count(*), sum(seconds)
              FROM (SELECT CASE WHEN j.batch_id IS NULL THEN 'triage' ELSE 'bulk' END AS queue,
                           extract(epoch FROM d.created_at - j.created_at)::float8 AS seconds
                      FROM {decisions} d JOIN {jobs} j ON j.id = d.job_id
                     WHERE d.id > %s AND d.id <= %s AND NOT d.refined) waited GROUP BY 1, 2""",
        [first, last],
    )
    yield LATENCY.measured(((queue,), *row) for queue, *row in cursor.fetchall())


def judged(cursor: Any, first: int, last: int) -> Iterator[Amounts]:
    cursor.execute(
        f"""SELECT field, CASE WHEN agreed THEN 'agreed' ELSE 'overridden' END, count(*)
              FROM {Correction._meta.db_table} WHERE id > %s AND id <= %s GROUP BY 1, 2""",
        [first, last],
    )
    yield {(VERDICTS.name, (name, verdict)): count for name, verdict, count in cursor.fetchall()}


def called(cursor: Any, first: int, last: int) -> Iterator[Amounts]:
    cursor.execute(
        f"""SELECT provider, model, count(*) FILTER (WHERE success), count(*) FILTER (WHERE NOT success),
                   sum(tokens_in), sum(tokens_out), sum(cost)::float8
              FROM {LlmCall._meta.db_table} WHERE id > %s AND id <= %s GROUP BY 1, 2""",
        [first, last],
    )
    for provider, model, answered, failed, told, said, dollars in cursor.fetchall():
        who = (provider, model)
        yield {
            (CALLS.name, (*who, "answered")): answered,
            (CALLS.name, (*who, "failed")): failed,
            (TOKENS.name, (*who, "in")): told,
            (TOKENS.name, (*who, "out")): said,
            (COST.name, who): dollars,
        }
    cursor.execute(
        f"""SELECT provider, model, {SECONDS.bucket()}, count(*), sum(seconds)
              FROM (SELECT provider, model, milliseconds / 1000.0 AS seconds
                      FROM {LlmCall._meta.db_table} WHERE id > %s AND id <= %s) took GROUP BY 1, 2, 3""",
        [first, last],
    )
    yield SECONDS.measured(((provider, model), *row) for provider, model, *row in cursor.fetchall())


SOURCES: Final = [
    Source(TriageDecision, decided),
    Source(Correction, judged),
    Source(LlmCall, called),
]


def register() -> None:
    """Once in a web process."""
    metrics.register("drift", drift)
    metrics.register("llm", llm)
    metrics.tell(LATENCY, DECISIONS, VERDICTS, CALLS, TOKENS, COST, SECONDS)
