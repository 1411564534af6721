"""Whether a new classifier is better than the one in use: on which tickets that is judged, and what it came to."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from triage import judging, knowledge
from triage.classifier.comparison import Verdict, compare
from triage.classifier.features import Example, document
from triage.classifier.model import TrainedModel
from triage.classifier.suitability import FEWEST
from triage.classifier.thresholds import TARGET_PRECISION
from triage.models import ClassifierModel, FieldPolicy
from triage.services.labels import Label
from triage.services.models import SHIPPED_FROM

#: A comparison on fewer later tickets decides nothing.
JUDGED_ON: Final = 100
#: What a verdict stands on: labels that are newer than anything that either has learnt from, or those that the
#: challenger did learn from, each answered by a part of its training that had not seen it.
LATER: Final = "later"
FOLDS: Final = "folds"


def against(
    field: str,
    challenger: TrainedModel,
    champion: ClassifierModel | None,
    found: Sequence[Example] | Sequence[Label],
    truth: Sequence[str],
) -> Verdict:
    """Compare what the desk would answer with the one and with the other; without a champion, with rules."""
    texts = [(one.title, one.description) for one in found]
    rules, target = knowledge.current().knowledge.rules, target_of(field)
    new = judging.answers(field, challenger, texts, rules, target=target)
    return compare(
        truth,
        _said_by(field, champion, texts),
        [guess.label for guess in new],
        non_inferior=same_recipe(champion),
    )


def judge_later(
    field: str,
    challenger: TrainedModel,
    champion: ClassifierModel | None,
    later: Sequence[Example],
    now: datetime,
) -> dict[str, Any]:
    """The verdict on tickets that are newer than anything that either has learnt from."""
    verdict = against(field, challenger, champion, later, [one.label for one in later])
    return verdict_of(verdict, len(later), champion, now)


def judge_on_folds(
    field: str,
    challenger: TrainedModel,
    champion: ClassifierModel | None,
    found: Sequence[Label],
    later: int,
    now: datetime,
) -> dict[str, Any]:
    """The verdict where the `later` tickets are too few: on those that the challenger was trained on."""
    verdict, judged = _on_folds(field, challenger, champion, found)
    if verdict is None:
        return verdict_of(None, later, champion, now)
    return verdict_of(verdict, judged, champion, now, on=FOLDS)


def _on_folds(
    field: str,
    challenger: TrainedModel,
    champion: ClassifierModel | None,
    found: Sequence[Label],
) -> tuple[Verdict | None, int]:
    """Compare on the labels that the challenger was trained on, as far as the champion has not learnt from them.

    Of near-copies the newest stands for all: fifty copies of one alert are one ticket. Returns the verdict and on
    how many tickets it stands; None where they are too few, or the newest judged the training.
    """
    from triage.classifier.copies import near_copies  # megabytes, which only training needs

    if challenger.scores["judged_on"] != FOLDS:
        return None, 0
    learnt = [label for label in found if label.value in challenger.labels]
    texts = [(label.title, label.description) for label in learnt]
    groups = near_copies([document(text) for text in texts]).tolist()
    until = champion.trained_until if champion else None
    judged = [
        number
        for number in {group: number for number, group in enumerate(groups)}.values()
        if until is None or learnt[number].known_at > until
    ]
    if len(judged) < FEWEST:
        return None, len(judged)
    rules, target = knowledge.current().knowledge.rules, target_of(field)
    new = judging.held_out_answers(field, challenger, texts, rules, target=target)
    verdict = compare(
        [learnt[number].value for number in judged],
        _said_by(field, champion, [texts[number] for number in judged]),
        [new[number].label for number in judged],
        non_inferior=same_recipe(champion),
        cautious=True,
    )
    return verdict, len(judged)


def _said_by(
    field: str, champion: ClassifierModel | None, texts: Sequence[tuple[str, str]]
) -> list[str]:
    model = knowledge.readable(champion) if champion else None
    rules, target = knowledge.current().knowledge.rules, target_of(field)
    return [guess.label for guess in judging.answers(field, model, texts, rules, target=target)]


def target_of(field: str) -> float:
    policy = FieldPolicy.objects.filter(field=field).only("target_precision").first()
    return policy.target_precision if policy else TARGET_PRECISION


def same_recipe(champion: ClassifierModel | None) -> bool:
    """Whether the challenger is the champion again with more tickets: then it is enough not to be worse."""
    return champion is not None and champion.trained_from != SHIPPED_FROM


def verdict_of(
    verdict: Verdict | None,
    judged: int,
    champion: ClassifierModel | None,
    now: datetime,
    *,
    on: str = LATER,
) -> dict[str, Any]:
    """A comparison as the registry keeps it. On too few tickets it decides nothing, whatever the figures."""
    other = champion.name if champion else "rules"
    about = {"judged": judged, "on": on, "against": other, "at": now.isoformat()}
    if verdict is None or (on == LATER and judged < JUDGED_ON):
        why = (
            f"{judged} confirmed tickets are newer than what {other} learnt from; {JUDGED_ON} are needed "
            "to judge. It runs in the shadow until then."
        )
        return {**about, "better": False, "why": why}
    numbers = {
        name: round(getattr(verdict, name), 4) for name in ("champion", "challenger", "low", "high")
    }
    recalls = [asdict(recall) for recall in verdict.recalls]
    why = verdict.why if on == LATER else _why_on_folds(verdict, judged)
    return {**about, **numbers, "better": verdict.better, "why": why, "recalls": recalls}


def _why_on_folds(verdict: Verdict, judged: int) -> str:
    why = (
        f"Judged on {judged} of the desk's own tickets, each answered without having learnt from it or a "
        f"near-copy. {verdict.why}"
    )
    if verdict.better:
        return why
    return f"{why} It runs in the shadow until {JUDGED_ON} newer tickets are confirmed."
