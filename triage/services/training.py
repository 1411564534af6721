"""Training a classifier from the desk's labels: asked for by a row, run by a worker of queue `reports`."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Max

from tickets.models import Category
from triage import judging, knowledge
from triage.classifier.dataset import load_corpus
from triage.classifier.features import Example
from triage.classifier.model import TrainedModel
from triage.classifier.suitability import FEWEST_PER_LABEL, suitability
from triage.models import ClassifierModel, Field, TrainingRun
from triage.services.comparing import JUDGED_ON, judge_later, judge_on_folds
from triage.services.labels import Label, count_labels, labels
from triage.services.models import FROM_TICKETS, crown, hold, keep, still_true
from workers import leases
from workers import services as work
from workers.dispatch import enqueue
from workers.keeping import kept
from workers.leases import Claim, State
from workers.names import TaskName

log = structlog.get_logger("triage.train")

SCHEDULE: Final = "schedule"
#: Labels that must have come since the last training before the schedule trains again.
NEW_LABELS: Final = 20
#: What a promotion says of a model without any threshold.
ALL_LOOKED_AT: Final = (
    "No confidence is high enough to act alone yet: it suggests, and people look at each answer."
)


class _Lost(Exception):
    """The lease ran out or was given back meanwhile: somebody else may have the row."""


class _Outcome(NamedTuple):
    """What a training came to. Without a model the field stays with what it has."""

    message: str
    report: dict[str, Any]
    model: TrainedModel | None = None
    verdict: dict[str, Any] | None = None
    until: datetime | None = None


@transaction.atomic(durable=True)
def request_training(*, field: Field | str, requested_by: str) -> TrainingRun:
    """Ask for a training. While one of the field is waiting or running, that one is returned."""
    hold(field)
    failed = TrainingRun.objects.filter(field=field, state=State.FAILED)
    # A retry of those would be a second training of the field beside this one.
    work.settle(TrainingRun, failed.values_list("pk", flat=True), actor=requested_by)
    run = TrainingRun.objects.filter(field=field, finished_at__isnull=True).first()
    run = run or TrainingRun.objects.create(field=field, requested_by=requested_by)
    enqueue(TaskName.TRIAGE_TRAIN, [run.pk])
    return run


def request_due_trainings() -> int:
    """Ask for a training of each field with enough new labels. Returns how many were asked for."""
    due = [
        field for field in Field if count_labels(field, known_after=_learnt(field)) >= NEW_LABELS
    ]
    for field in due:
        request_training(field=field, requested_by=SCHEDULE)
    return len(due)


def _learnt(field: Field) -> datetime | None:
    """The newest label that the last training of a field has seen, whatever came of it."""
    done = TrainingRun.objects.filter(field=field, state=State.DONE, report__has_key="until")
    seen = [datetime.fromisoformat(run.report["until"]) for run in done.order_by("-pk")[:1]]
    models = ClassifierModel.objects.filter(field=field).aggregate(until=Max("trained_until"))
    return max([*seen, *([models["until"]] if models["until"] else [])], default=None)


def run_trainings(*, ids: Sequence[int], now: datetime) -> int:
    """Train for those of `ids` that are free, one after the other. Returns how many were done."""
    return sum(_run(pk, now) for pk in ids)


def _run(pk: int, now: datetime) -> int:
    lease = timedelta(seconds=settings.TRAINING_LEASE_SECONDS)
    held = leases.claim(TrainingRun, [pk], lease=lease)
    if not held.ids:
        return 0
    run = TrainingRun.objects.get(pk=pk)
    started = time.monotonic()
    try:
        with kept(TrainingRun, held, lease=lease, gives_back=True):
            outcome = _train(run, held, now)
        outcome.report["seconds"] = round(time.monotonic() - started, 1)
        return _finish(run, held, outcome)
    except _Lost:
        log.warning("training was taken over or given back", run=pk)
    except Exception as error:  # whatever labels do to a training: its row says it
        _fail(run, held, error)
    return 0


def _train(run: TrainingRun, held: Claim, now: datetime) -> _Outcome:
    _tell(run, held, 2, "Reading the labels")
    found = list(labels(run.field))
    report = _data(found, run, now)
    if why := suitability([label.value for label in found]):
        return _Outcome(f"{why} {_as_before(run.field)}", report)
    # Here, for it loads scikit-learn: 1.5 s and 80 MB that only training needs.
    from triage.classifier.training import TooFewExamples, train

    shipped, examples = _shipped(run.field), [label.example() for label in found]
    champion = ClassifierModel.objects.filter(field=run.field, champion=True).first()
    split = judging.split_by_time(
        examples,
        [label.known_at for label in found],
        champion.trained_until if champion else None,
    )
    rules = knowledge.current().knowledge.rules if run.field == Field.CATEGORY else None
    learn = partial(train, name=f"{run.field} {now:%Y-%m-%d %H:%M} #{run.pk}", rules=rules, now=now)
    instead, base = beside_own(examples, shipped)
    try:
        told = None
        if len(split.later) >= JUDGED_ON:
            _tell(run, held, 10, "Training on the older labels, to be judged on the newer")
            filled, helping = beside_own(split.older, shipped)
            trial = learn(split.older, base=helping, instead=filled)
            _tell(run, held, 45, "Judging")
            told = judge_later(run.field, trial, champion, split.later, now)
        _tell(run, held, 50, "Training on all labels")
        model = learn(examples, base=base, instead=instead)
    except TooFewExamples as error:
        return _Outcome(f"{error} {_as_before(run.field)}", report)
    if told is None:
        _tell(run, held, 90, "Judging")
        told = judge_on_folds(run.field, model, champion, found, len(split.later), now)
    _tell(run, held, 95, "Keeping the model")
    if told["better"] and not model.scores["automatic"]:
        told["why"] += f" {ALL_LOOKED_AT}"
    report |= {
        "scores": dict(model.scores),
        "shipped": {"beside": len(base), "instead": len(instead)},
        "held_out": len(split.later),
        "verdict": told,
    }
    until = max(label.known_at for label in found)
    return _Outcome(told["why"], report, model, told, until)


def _data(found: Sequence[Label], run: TrainingRun, now: datetime) -> dict[str, Any]:
    """What a training learns from, as the registry shows it."""
    return {
        "labels": len(found),
        "by_label": dict(Counter(label.value for label in found).most_common()),
        "from": min(label.at for label in found).isoformat() if found else None,
        **({"until": max(label.known_at for label in found).isoformat()} if found else {}),
        "by": run.requested_by,
        "at": now.isoformat(),
    }


def _as_before(field: str) -> str:
    row = ClassifierModel.objects.filter(field=field, champion=True).only("name").first()
    return f"{row.name} goes on deciding." if row else "Rules go on deciding."


def _shipped(field: str) -> list[Example]:
    """Shipped examples of the categories that the desk still has."""
    if field != Field.CATEGORY:
        return []
    kept = set(Category.objects.values_list("slug", flat=True))
    return [example for example in load_corpus(held_out=False) if example.label in kept]


def beside_own(
    examples: Sequence[Example], shipped: Sequence[Example]
) -> tuple[list[Example], list[Example]]:
    """Return which shipped examples stand in for labels of the desk's own, and which only help beside these.

    A label that the desk has hardly given is learnt from shipped examples instead: a model without it would sort
    all its tickets under other labels, and be sure of it.
    """
    counts = Counter(example.label for example in examples)
    lacking = {one.label for one in shipped if counts[one.label] < FEWEST_PER_LABEL}
    instead = [one for one in shipped if one.label in lacking]
    return instead, [one for one in shipped if one.label not in lacking]


def _tell(run: TrainingRun, held: Claim, progress: int, phase: str) -> None:
    mine = TrainingRun.objects.filter(pk=run.pk, lease_token=held.token)
    if not mine.update(progress=progress, phase=phase):
        raise _Lost


@transaction.atomic(durable=True)
def _finish(run: TrainingRun, held: Claim, outcome: _Outcome) -> int:
    """Keep the model and end the run, together and only if the run is still ours."""
    hold(run.field)
    if not leases.finish(TrainingRun, held, [run.pk]):
        return 0
    model, message = None, outcome.message
    if outcome.model is not None:
        verdict = still_true(run.field, outcome.verdict or {})
        message = verdict.get("why", message)
        model = keep(
            model=outcome.model,
            trained_from=FROM_TICKETS,
            by=run.requested_by,
            field=run.field,
            trained_until=outcome.until,
            challenger=True,
            verdict=verdict,
        )
        if verdict.get("better"):
            crown(model, run.requested_by, verdict["why"])
    TrainingRun.objects.filter(pk=run.pk).update(
        progress=100, phase="", message=message, report=outcome.report, model=model
    )
    return 1


@transaction.atomic(durable=True)
def _fail(run: TrainingRun, held: Claim, error: Exception) -> None:
    reason = f"{type(error).__name__}: {error}"[:2000]
    log.warning("training failed", run=run.pk, error=reason, exc_info=error)
    if leases.give_back(TrainingRun, held, run.pk, error=reason):
        bury_failed_trainings([run.pk])


@transaction.atomic(durable=True)
def requeue_stale_trainings() -> int:
    """Send a message again for trainings that nobody works on. Returns how many were found."""
    stale = work.requeue(
        TrainingRun, nudge=timedelta(seconds=settings.NUDGE_SECONDS), each_alone=True
    )
    bury_failed_trainings(stale.failed)
    return len(stale.together) + len(stale.alone) + len(stale.failed)


def bury_failed_trainings(ids: Sequence[int]) -> None:
    """Give failed runs a dead letter, in the caller's transaction."""
    runs = TrainingRun.objects.filter(pk__in=ids) if ids else []
    work.bury(TrainingRun, [(run.pk, str(run), run.error, run.request_id) for run in runs])
