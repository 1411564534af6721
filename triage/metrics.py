"""What `/metrics` says of the classifiers and of the language model, read from the database at each scrape."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.models import Count, QuerySet
from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily

from triage.llm.limits import BREAK_AFTER
from triage.models import LlmCall, LlmGate, LlmRequest
from triage.services import drifting
from workers.leases import ACTIVE
from workers.metrics import DatabaseCollector

#: The language model's figures are those of the last so many minutes.
LLM_MINUTES: Final = 60
_QUANTILES: Final = (0.5, 0.95)


def drift() -> Iterator[GaugeMetricFamily]:
    index = GaugeMetricFamily(
        "smartops_triage_drift",
        "Stability index of the newest day against the model's training",
        labels=["field", "of"],
    )
    overridden = GaugeMetricFamily(
        "smartops_triage_override_rate",
        "Share of the answers that people looked at and changed, newest day",
        labels=["field"],
    )
    bands = GaugeMetricFamily(
        "smartops_triage_band_share",
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
        "smartops_triage_audited_precision",
        f"Share of the automatic answers audited in {drifting.AUDITED_DAYS} days that were right",
        labels=["field"],
    )
    for name, (seen, right) in drifting.audits(timezone.now()).items():
        if seen:
            audited.add_metric([name], right / seen)
    yield from (index, overridden, bands, audited)


def llm() -> Iterator[GaugeMetricFamily]:
    """Nothing where no language model is set up."""
    endpoint = settings.LLM
    if endpoint is None:
        return
    yield from _calls()
    questions = GaugeMetricFamily(
        "smartops_llm_questions",
        f"Questions asked in {LLM_MINUTES} minutes, by what became of them",
        labels=["outcome"],
    )
    asked = LlmRequest.objects.filter(pk__in=_lately().values("request"))
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


def _lately() -> QuerySet[LlmCall]:
    return LlmCall.objects.filter(at__gt=timezone.now() - timedelta(minutes=LLM_MINUTES))


def _calls() -> Iterator[GaugeMetricFamily]:
    by = ["provider", "model"]
    calls = GaugeMetricFamily(
        "smartops_llm_calls", f"Calls in {LLM_MINUTES} minutes", labels=[*by, "outcome"]
    )
    tokens = GaugeMetricFamily(
        "smartops_llm_tokens", f"Tokens in {LLM_MINUTES} minutes", labels=[*by, "direction"]
    )
    cost = GaugeMetricFamily(
        "smartops_llm_cost_dollars", f"What calls of {LLM_MINUTES} minutes cost", labels=by
    )
    seconds = GaugeMetricFamily(
        "smartops_llm_seconds",
        f"How long calls of {LLM_MINUTES} minutes took",
        labels=[*by, "quantile"],
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT provider, model, count(*) FILTER (WHERE success), count(*) FILTER (WHERE NOT success),
                       sum(tokens_in), sum(tokens_out), sum(cost),
                       percentile_cont(%s::float8[]) WITHIN GROUP (ORDER BY milliseconds)
                  FROM {LlmCall._meta.db_table} WHERE at > now() - make_interval(mins => %s)
                 GROUP BY provider, model ORDER BY provider, model""",
            [list(_QUANTILES), LLM_MINUTES],
        )
        for *who, answered, failed, told, said, dollars, times in cursor.fetchall():
            calls.add_metric([*who, "answered"], answered)
            calls.add_metric([*who, "failed"], failed)
            tokens.add_metric([*who, "in"], told)
            tokens.add_metric([*who, "out"], said)
            cost.add_metric(who, float(dollars))
            for quantile, milliseconds in zip(_QUANTILES, times, strict=True):
                seconds.add_metric([*who, str(quantile)], milliseconds / 1000)
    yield from (calls, tokens, cost, seconds)


def register() -> None:
    """Once a process, when the apps are ready."""
    REGISTRY.register(DatabaseCollector(drift))
    REGISTRY.register(DatabaseCollector(llm))
