"""Drift: each day's decisions beside what the models learnt from, and what people made of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Max, Sum

from sla import services as sla
from tickets.models import Ticket
from triage import drift, knowledge
from triage.classifier.features import TextIn, tokens
from triage.classifier.model import TrainedModel
from triage.models import Correction, DriftDay, Field, FieldPolicy, TriageDecision

#: Newest tickets of a day whose words are read.
READ: Final = 2_000
#: Audits are rare: so many days are taken together.
AUDITED_DAYS: Final = 30
#: Older days are forgotten.
KEPT: Final = timedelta(days=730)


@dataclass
class _Day:
    """What was counted of one field on one day."""

    answers: Counter[str] = field(default_factory=Counter)
    bands: Counter[str] = field(default_factory=Counter)
    people: Counter[str] = field(default_factory=Counter)


def measure_drift(*, days: Sequence[date], now: datetime) -> int:
    """Count these days anew, and tell admins where yesterday was a shift. Returns how many rows were written."""
    rows = [row for day in days for row in _measure(day, now)]
    _write(rows, now)
    return len(rows)


def count_decisions(*, day: date, now: datetime) -> int:
    """Count this day anew and leave what its words and answers say to `measure_drift`, which takes longer."""
    rows = [
        DriftDay(field=name, day=day, measured_at=now, **_numbers(found))
        for name, found in _counted(_span(day)).items()
    ]
    counts = ["measured_at", *_numbers(_Day())]
    DriftDay.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["field", "day"], update_fields=counts
    )
    return len(rows)


@transaction.atomic(durable=True)
def _write(rows: Sequence[DriftDay], now: datetime) -> None:
    measured = [f.name for f in DriftDay._meta.fields if f.name not in ("id", "field", "day")]
    DriftDay.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["field", "day"], update_fields=measured
    )
    # A day that goes on is too young to wake anybody, and older ones were told of.
    yesterday = (now - timedelta(days=1)).date()
    _tell([row for row in rows if row.day == yesterday], now)


def _tell(rows: Sequence[DriftDay], now: datetime) -> None:
    """A message for each shift, once a model: what it brings is to train again, which makes another one."""
    found = [(row, what, value) for row in rows for what, value in _shifts(row)]
    if not found:
        return
    admins = get_user_model().objects.with_perm("triage.change_classifiermodel")
    people = sorted({person.email for person in admins if person.email})
    for row, what, value in found:
        finding = {
            "message": _sentence(row, what, value),
            "drift": {"field": row.field, "of": what, "day": row.day.isoformat(), "index": value},
        }
        once = f"{row.field}:{what}:{row.model}"
        sla.announce_drift(finding=finding, once=once, people=people, at=now)


def _measure(day: date, now: datetime) -> Iterable[DriftDay]:
    span = _span(day)
    counted = _counted(span)
    models = knowledge.current().models
    words = [set(tokens(text)) for text in _texts(span)] if counted else []
    for name, found in counted.items():
        model = models.get(name)
        yield DriftDay(
            field=name,
            day=day,
            model=model.name if model else "",
            **_numbers(found),
            psi_category=_answers_drift(model, found.answers),
            psi_words=_words_drift(model, words),
            measured_at=now,
        )


def _span(day: date) -> dict[str, datetime]:
    start = datetime.combine(day, time.min, UTC)
    return {"start": start, "end": start + timedelta(days=1)}


def _counted(span: Mapping[str, datetime]) -> dict[str, _Day]:
    counted: dict[str, _Day] = defaultdict(_Day)
    _count_decisions(span, counted)
    _count_people(span, counted)
    return counted


def _numbers(found: _Day) -> dict[str, int]:
    return {
        "decisions": found.bands.total(),
        **{band: found.bands[band] for band in ("auto", "suggest", "review")},
        **{
            what: found.people[what] for what in ("corrected", "agreed", "audited", "audited_wrong")
        },
    }


def _count_decisions(span: Mapping[str, datetime], counted: dict[str, _Day]) -> None:
    """What the machine decided, by field, answer and band; what people had set is none of its answers."""
    parts = ", ".join(
        f"""CASE WHEN fields->'{name}'->>'by' <> 'person' THEN {name}::text END,
            {"band" if name == Field.CATEGORY else f"coalesce(fields->'{name}'->>'band', 'auto')"}"""
        for name in Field.values
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT {parts}, count(*) FROM {TriageDecision._meta.db_table}
                 WHERE created_at >= %(start)s AND created_at < %(end)s AND NOT refined
                 GROUP BY 1, 2, 3, 4, 5, 6""",
            span,
        )
        for *found, count in cursor.fetchall():
            for name, answer, band in zip(Field.values, found[::2], found[1::2], strict=True):
                if answer is not None:
                    counted[name].answers[answer] += count
                    counted[name].bands[band] += count


def _count_people(span: Mapping[str, datetime], counted: dict[str, _Day]) -> None:
    """What people said of the machine's answers, each ticket's last word of the day."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT c.field, c.agreed, d.fields->c.field ? 'audit', count(*)
                  FROM (SELECT DISTINCT ON (ticket_id, field) field, agreed, decision_id
                          FROM {Correction._meta.db_table}
                         WHERE field = ANY(%(fields)s) AND undone_at IS NULL
                           AND at >= %(start)s AND at < %(end)s
                         ORDER BY ticket_id, field, id DESC) c
                  LEFT JOIN {TriageDecision._meta.db_table} d ON d.id = c.decision_id
                 WHERE coalesce(d.fields->c.field->>'by', '') <> 'person'
                 GROUP BY 1, 2, 3""",
            {**span, "fields": Field.values},
        )
        for name, agreed, audited, count in cursor.fetchall():
            people = counted[name].people
            people["agreed" if agreed else "corrected"] += count
            if audited:
                people["audited"] += count
                people["audited_wrong"] += 0 if agreed else count


def _texts(span: Mapping[str, datetime]) -> list[TextIn]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT t.title, t.description
                  FROM (SELECT ticket_id FROM {TriageDecision._meta.db_table}
                         WHERE created_at >= %(start)s AND created_at < %(end)s AND NOT refined
                         ORDER BY id DESC LIMIT %(most)s) d
                  JOIN {Ticket._meta.db_table} t ON t.id = d.ticket_id""",
            {**span, "most": READ},
        )
        return list(cursor.fetchall())


def _answers_drift(model: TrainedModel | None, answers: Counter[str]) -> float | None:
    if model is None or answers.total() < drift.FEWEST:
        return None
    learnt = dict(zip(model.labels, model.prior.tolist(), strict=True))
    return round(drift.index(learnt, answers), 4)


def _words_drift(model: TrainedModel | None, words: Sequence[set[str]]) -> float | None:
    if model is None or len(words) < drift.FEWEST:
        return None
    expected = drift.expected_words(model.vocabulary, model.idf.tolist())
    return round(drift.word_index(expected, words), 4)


def newest_days() -> list[DriftDay]:
    """Each field's newest day on which anything was decided."""
    newest = DriftDay.objects.filter(decisions__gt=0).values("field").annotate(day=Max("day"))
    rows = DriftDay.objects.filter(day__in=[row["day"] for row in newest]).order_by("field")
    last = {row["field"]: row["day"] for row in newest}
    return [row for row in rows if last[row.field] == row.day]


def audits(now: datetime) -> dict[str, tuple[int, int]]:
    """Field -> how many automatic answers were audited in the last days, and how many of these were right."""
    since = (now - timedelta(days=AUDITED_DAYS)).date()
    sums = (
        DriftDay.objects.filter(day__gte=since)
        .values("field")
        .annotate(audited=Sum("audited"), wrong=Sum("audited_wrong"))
    )
    return {row["field"]: (row["audited"], row["audited"] - row["wrong"]) for row in sums}


def drift_findings(now: datetime) -> list[str]:
    """What has drifted so far that somebody should act, as sentences for `/health`."""
    yesterday = (now - timedelta(days=1)).date()
    found = [
        _sentence(row, what, value)
        for row in newest_days()
        if row.day >= yesterday
        for what, value in _shifts(row)
    ]
    targets = dict(FieldPolicy.objects.values_list("field", "target_precision"))
    for name, (audited, right) in audits(now).items():
        target = targets.get(name, 1.0)
        if drift.surely_below(right, audited, target):
            found.append(
                f"Automatic {name}: {right} of {audited} that were audited in {AUDITED_DAYS} days were right; "
                f"the target is {target:.0%}. Train again, or raise the target."
            )
    return found


def _shifts(row: DriftDay) -> list[tuple[str, float]]:
    """What of a day is not as the model learnt it, with its index."""
    measured = (("answers", row.psi_category), ("words of the tickets", row.psi_words))
    return [
        (what, value)
        for what, value in measured
        if value is not None and drift.level(value) == "shifted"
    ]


def _sentence(row: DriftDay, what: str, value: float) -> str:
    return (
        f"The {what} for {row.field} of {row.day} are not those that {row.model} learnt from "
        f"(stability index {value:.2f}, limit {drift.SHIFTED}): train again (admin, Classifiers)."
    )


def forget_old_drift(now: datetime) -> int:
    return int(DriftDay.objects.filter(day__lt=(now - KEPT).date()).delete()[0])
