"""Challengers: they look at the newest tickets without deciding, and are judged by what people confirmed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

from tickets.models import Ticket
from triage import judging, knowledge
from triage.decide import AUTO_FROM, band_of
from triage.models import ClassifierModel, Field, ShadowPrediction, TriageDecision
from triage.services.comparing import FOLDS, JUDGED_ON, against, target_of, verdict_of
from triage.services.labels import labels, values_of
from triage.services.models import crown, hold, retire, still_true
from triage.services.training import SCHEDULE, request_due_trainings

#: Newest decisions that a challenger looks at in one go, and in all: a sample says enough.
LOOKED_AT: Final = 500
KEPT: Final = 50_000
#: Confirmed tickets after which a challenger that is still not better goes.
ENOUGH: Final = 1_000


def run_shadow() -> int:
    """Ask each challenger about the newest decisions that it has not seen. Returns how many it looked at."""
    return sum(
        _look(model) for model in ClassifierModel.objects.filter(challenger=True).defer("data")
    )


class _Seen(NamedTuple):
    decision: int
    ticket: int
    title: str
    description: str
    champion_label: str
    champion_band: str


def _look(row: ClassifierModel) -> int:
    seen = _newest(row)
    if not seen:
        return 0
    model, target = knowledge.readable(row), target_of(row.field)
    if model is None:
        return 0
    thresholds = model.thresholds(target)
    guesses = judging.answers(
        row.field,
        model,
        [(one.title, one.description) for one in seen],
        knowledge.current().knowledge.rules,
        target=target,
    )
    found = [
        ShadowPrediction(
            ticket_id=one.ticket,
            decision_id=one.decision,
            model_id=row.pk,
            label=guess.label,
            confidence=round(guess.confidence, 4),
            band=band_of(guess.confidence, thresholds.get(guess.label, AUTO_FROM)),
            champion_label=one.champion_label,
            champion_band=one.champion_band,
        )
        for one, guess in zip(seen, guesses, strict=True)
    ]
    _keep(row, found)
    return len(found)


def _newest(row: ClassifierModel) -> list[_Seen]:
    """The newest decisions since the last look in which the machine chose the field's value."""
    field = Field(row.field).value
    band = "d.band" if row.field == Field.CATEGORY else f"d.fields->'{field}'->>'band'"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT d.id, d.ticket_id, t.title, t.description, d.{field}::text, coalesce({band}, 'auto')
                  FROM (SELECT * FROM {TriageDecision._meta.db_table}
                         WHERE id > %(since)s ORDER BY id DESC LIMIT %(most)s) d
                  JOIN {Ticket._meta.db_table} t ON t.id = d.ticket_id
                 WHERE NOT d.refined AND d.fields->'{field}'->>'by' <> 'person'""",
            {"since": row.shadow_until or 0, "most": LOOKED_AT},
        )
        return [_Seen(*found) for found in cursor.fetchall()]


@transaction.atomic(durable=True)
def _keep(row: ClassifierModel, found: Sequence[ShadowPrediction]) -> None:
    until = max(one.decision_id for one in found)
    if ClassifierModel.objects.filter(pk=row.pk, challenger=True).update(shadow_until=until):
        ShadowPrediction.objects.bulk_create(found, ignore_conflicts=True)


class Summary(NamedTuple):
    """What a challenger's shadow says so far. `bands` and `champion_bands`: shares of `looked_at`; `confirmed`:
    tickets among them whose value a person gave, and how many of these each had right."""

    looked_at: int
    agreed: int
    bands: dict[str, float]
    champion_bands: dict[str, float]
    confirmed: int
    champion_right: int
    challenger_right: int


def summarize(model: ClassifierModel) -> Summary:
    rows = list(
        ShadowPrediction.objects.filter(model=model).values_list(
            "ticket", "label", "champion_label", "band", "champion_band"
        )
    )
    truth = values_of(model.field, [row[0] for row in rows]) if rows else {}
    known = [(truth[ticket], mine, theirs) for ticket, mine, theirs, *_ in rows if ticket in truth]
    return Summary(
        looked_at=len(rows),
        agreed=sum(mine == theirs for _, mine, theirs, *_ in rows),
        bands=_shares([row[3] for row in rows]),
        champion_bands=_shares([row[4] for row in rows]),
        confirmed=len(known),
        champion_right=sum(value == theirs for value, _, theirs in known),
        challenger_right=sum(value == mine for value, mine, _ in known),
    )


def _shares(bands: Sequence[str]) -> dict[str, float]:
    return {
        band: round(bands.count(band) / len(bands), 4) if bands else 0.0
        for band in ("auto", "suggest", "review")
    }


def learn(*, now: datetime) -> int:
    """What is due each day: judge the challengers, then train where enough labels came. Returns how many trainings
    were asked for."""
    for field in Field.values:
        judge(field=field, by=SCHEDULE, now=now)
    return request_due_trainings()


def judge(*, field: Field | str, by: str, now: datetime) -> dict[str, Any] | None:
    """Compare the challenger with the champion on tickets confirmed later than either learnt from; None: there is
    no challenger.

    Better: it becomes the champion. Surely worse, or not better after 1,000 tickets: it goes. Else it stays.
    """
    challenger = ClassifierModel.objects.filter(field=field, challenger=True).first()
    model = knowledge.readable(challenger) if challenger else None
    if challenger is None or model is None:
        return None
    champion = ClassifierModel.objects.filter(field=field, champion=True).first()
    learnt = [m.trained_until for m in (challenger, champion) if m and m.trained_until]
    found = list(labels(field, known_after=max(learnt, default=None)))
    verdict = None
    if len(found) >= JUDGED_ON:
        verdict = against(
            challenger.field,
            model,
            champion,
            found,
            [label.value for label in found],
        )
    told = verdict_of(verdict, len(found), champion, now)
    if verdict and verdict.better:
        told = _promote(challenger, by, told)
    elif verdict and (verdict.high < 0 or len(found) >= ENOUGH):
        retire(model=challenger, verdict=told)
    elif verdict or not _stands(challenger.verdict, told):
        _note(challenger, told)
    return told


def _stands(before: dict[str, Any], told: dict[str, Any]) -> bool:
    """A judgement on folds says more than that later tickets are too few, while the same one decides."""
    return before.get("on") == FOLDS and before.get("against") == told["against"]


@transaction.atomic(durable=True)
def _promote(model: ClassifierModel, by: str, told: dict[str, Any]) -> dict[str, Any]:
    """Only while it is the challenger of the one that it was compared with. Returns what the verdict is then."""
    hold(model.field)
    told = still_true(model.field, told)
    mine = ClassifierModel.objects.filter(pk=model.pk, challenger=True)
    if mine.update(verdict=told) and told["better"]:
        crown(model, by, told["why"])
    return told


@transaction.atomic(durable=True)
def _note(model: ClassifierModel, told: dict[str, Any]) -> None:
    ClassifierModel.objects.filter(pk=model.pk, challenger=True).update(verdict=told)


def forget_old_shadows(now: datetime) -> int:
    """Keep the newest predictions of the challengers, and none of others. Returns how many went."""
    gone, _ = ShadowPrediction.objects.filter(model__challenger=False).delete()
    for model in ClassifierModel.objects.filter(challenger=True).only("pk"):
        mine = ShadowPrediction.objects.filter(model=model).order_by("-pk")
        for last in mine.values_list("pk", flat=True)[KEPT : KEPT + 1]:
            gone += ShadowPrediction.objects.filter(model=model, pk__lte=last).delete()[0]
    return gone
