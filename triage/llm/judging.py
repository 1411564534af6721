"""What an answer may change: allowed fields, levels by one step, and never more confidence than it has earned.

A model's own confidence is not calibrated: it counts as a judge that is right four times out of five at most.
Where it agrees with what rules and classifier found, both together may be sure enough to act alone; where it
disagrees, the likelier of the two is suggested, and a person looks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from triage.classifier.thresholds import NEVER
from triage.decide import AUTO_FROM, Decision, Knowledge, band_of, decide, pick_for_audit
from triage.evidence import Evidence, Given
from triage.llm.answers import Answer

#: The most and the least that the model's word counts for; what a word without a confidence counts for.
MOST_TRUST: Final = 0.8
LEAST_TRUST: Final = 0.05
UNSAID: Final = 0.5


@dataclass(frozen=True)
class Bounds:
    """What a prompt may change."""

    fields: frozenset[str] = frozenset({"category", "impact", "urgency"})
    level_steps: int = 1  # from what rules, signals and models found


def refine(
    given: Given, evidence: Evidence, knowledge: Knowledge, answer: Answer, bounds: Bounds
) -> Decision:
    """Decide a ticket with what the model answered. Priority, department and group follow as always."""
    first = decide(given, evidence, knowledge)
    why: dict[str, dict[str, Any]] = {}
    category, confidence, band = _category(first, given, knowledge, answer, bounds, why)
    if "category" in why and band == "auto":
        pick_for_audit(why["category"], first.input_hash, knowledge)
    chosen: dict[str, Any] = {"category": category}
    for name in ("impact", "urgency"):
        chosen[name] = _level(name, first, given, answer, bounds, why)
    # As if they were given, so that matrix and routes are asked in the one place that knows how.
    followed = decide(given._replace(fixed={**given.fixed, **chosen}), evidence, knowledge)
    if band == "review":  # an untrusted category sends the ticket nowhere
        followed = followed._replace(
            **{name: getattr(first, name) for name in ("department", "group")},
            fields={**followed.fields, **{n: first.fields[n] for n in ("department", "group")}},
        )
    return followed._replace(
        confidence=confidence,
        band=band,
        fields={**followed.fields, **{name: first.fields[name] for name in chosen}, **why},
        alternatives=first.alternatives,
        words=first.words,
        model=first.model,
        engines=(*first.engines, "llm"),
        input_hash=first.input_hash,
    )


def _category(
    first: Decision,
    given: Given,
    knowledge: Knowledge,
    answer: Answer,
    bounds: Bounds,
    why: dict[str, dict[str, Any]],
) -> tuple[str, float, str]:
    """Return category, confidence and band."""
    said = answer.values.get("category")
    decided = first.fields["category"]["by"] in ("person", "rule")
    if said is None or decided or "category" not in bounds.fields or "category" in given.fixed:
        return first.category, first.confidence, first.band
    trust = min(
        max(UNSAID if answer.confidence is None else answer.confidence, LEAST_TRUST), MOST_TRUST
    )
    if said == first.category:
        confidence = together(first.confidence, trust)
        classifier = knowledge.classifiers.get("category")
        threshold = classifier.threshold(said) if classifier else AUTO_FROM
        before = f"it agrees with what was found before ({first.confidence:.0%})"
        band = band_of(confidence, threshold)
        alone = f"acts alone from {threshold:.0%}" if threshold <= 1 else "never acts alone here"
    else:
        chosen, confidence = likelier(first.category, first.confidence, said, trust)
        before = f"before it was {first.category} ({first.confidence:.0%})"
        band = band_of(confidence, threshold=NEVER)
        alone = "they disagree, so a person looks"
        if chosen != said:
            text = f"The LLM would say {said}: {answer.why}" if answer.why else f"The LLM: {said}."
            kept = {**first.fields["category"]}
            kept.pop("audit", None)  # not decided alone any more
            why["category"] = {
                **kept,
                "why": f"{first.fields['category']['why']} {text}",
                "confidence": round(confidence, 4),
                "band": band,
            }
            return chosen, confidence, band
    why["category"] = {
        "by": "llm",
        "why": f"{answer.why} The LLM is sure to {trust:.0%} at most; {before}; {alone}.".strip(),
        "confidence": round(confidence, 4),
        "band": band,
        "before": first.category,
    }
    return said, confidence, band


def together(first: float, second: float) -> float:
    """Return how likely two judges who agree are right, each right that often, neither hearing the other."""
    both, neither = first * second, (1 - first) * (1 - second)
    return both / (both + neither) if both + neither else 0.5


def likelier(one: str, first: float, other: str, second: float) -> tuple[str, float]:
    """Return which of two judges who disagree is likelier right, and how likely: one of them, or neither."""
    mine, theirs, neither = (
        first * (1 - second),
        second * (1 - first),
        (1 - first) * (1 - second),
    )
    total = mine + theirs + neither
    if not total:
        return one, 0.5
    return (one, mine / total) if mine >= theirs else (other, theirs / total)


def _level(
    name: str,
    first: Decision,
    given: Given,
    answer: Answer,
    bounds: Bounds,
    why: dict[str, dict[str, Any]],
) -> int:
    found: int = getattr(first, name)
    said = answer.values.get(name)
    if said is None or name in given.fixed or name not in bounds.fields or said == found:
        return found
    level: int = min(max(said, found - bounds.level_steps), found + bounds.level_steps)
    if level == found:
        return found
    text = answer.why or "The LLM gave no reason."
    if level != said:
        text += f" The LLM said {said}; it may move what was found before ({found}) by {bounds.level_steps}."
    why[name] = {"by": "llm", "why": text, "before": found}
    return level


def bounds_of(invariants: Mapping[str, Any]) -> Bounds:
    """Return a prompt's invariants, which `check_invariants` found right."""
    return Bounds(
        frozenset(invariants.get("fields", Bounds().fields)),
        int(invariants.get("level_steps", 1)),
    )


def check_invariants(invariants: Any) -> list[str]:
    """Return what is wrong with a prompt's invariants."""
    if not isinstance(invariants, dict):
        return ['They must be an object: {"fields": ["category"], "level_steps": 1}.']
    problems = [
        f"{name!r} is unknown here. Known: fields, level_steps."
        for name in sorted(invariants.keys() - {"fields", "level_steps"})
    ]
    fields, steps = invariants.get("fields", ["category"]), invariants.get("level_steps", 1)
    known = sorted(Bounds().fields)
    if not isinstance(fields, list) or not fields or any(name not in known for name in fields):
        problems.append(f"fields must list at least one of: {', '.join(known)}.")
    if isinstance(steps, bool) or steps not in (0, 1, 2):
        problems.append("level_steps must be 0, 1 or 2.")
    return problems
