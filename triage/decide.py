"""The decision about one ticket: every field with who decided it and why. Pure; reads nothing, writes nothing.

Order of engines for the category: a person's value, a rule marked final, the classifier together with keyword
rules, keyword rules alone where there is no classifier, `general`. For impact and urgency: a person's value, a
classifier that is sure enough, rules and signals in the text, a classifier that is not, the lowest level.
Priority comes from their matrix, department and group from the routing table. What a person set is an input,
never an output.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from triage.classifier.model import Prediction
from triage.evidence import Evidence, Given
from triage.matrix import PriorityMatrix, priority
from triage.pool import pooled
from triage.routing import Facts, RoutingTable, route
from triage.rules import (
    CategoryVote,
    RuleBook,
    category_of,
    impact_of,
    urgency_of,
    votes_of,
)

#: Below this the department would be wrong more than once in four times: the default route takes the ticket.
REVIEW_BELOW: Final = 0.30
#: Where the classifier knows no threshold for a label, this much confidence acts alone.
AUTO_FROM: Final = 0.90
FALLBACK_CATEGORY: Final = "general"
LEAST: Final = 3  # impact and urgency of a ticket that says nothing about them


@dataclass(frozen=True)
class Classifier:
    """What a decision needs to know of the classifier that made a guess.

    `thresholds`: label -> the confidence from which it is right often enough to act alone.
    """

    name: str
    thresholds: Mapping[str, float] = field(default_factory=dict)
    rule_weight: float = 0.0

    def threshold(self, label: str) -> float:
        return self.thresholds.get(label, AUTO_FROM)


@dataclass(frozen=True)
class Knowledge:
    """Everything a decision depends on, besides the ticket. `classifiers`: by the field that they decide."""

    rules: RuleBook
    matrix: PriorityMatrix
    routing: RoutingTable
    classifiers: Mapping[str, Classifier] = field(default_factory=dict)
    #: Which share of what is decided automatically a person looks at all the same.
    audit_share: float = 0.0


class Decision(NamedTuple):
    category: str
    impact: int
    urgency: int
    priority: int
    department: str
    group: str | None
    confidence: float
    band: str
    tags: tuple[str, ...]
    fields: dict[str, dict[str, Any]]
    alternatives: tuple[tuple[str, float], ...]
    words: tuple[tuple[str, float], ...]
    rules: tuple[int, ...]
    model: str
    engines: tuple[str, ...]
    input_hash: str


def decide(given: Given, evidence: Evidence, knowledge: Knowledge) -> Decision:
    """Decide every field of one ticket.

    `band` is `auto` (act), `suggest` (act, but ask a person to look) or
    `review` (a person decides; meanwhile the ticket goes to the default route).
    """
    hits, signals, guesses = evidence
    guess = guesses.get("category")
    if guess:
        guess = pooled(guess, votes_of(hits), knowledge.classifiers["category"].rule_weight)
    why: dict[str, dict[str, Any]] = {}
    category, confidence, band = _category(given, guess, category_of(hits), knowledge, why)
    digest = input_hash(given)
    if band == "auto" and why["category"]["by"] != "person":
        pick_for_audit(why["category"], digest, knowledge)
    impact = _level("impact", given, impact_of(hits, signals), evidence, knowledge, why)
    urgency = _level("urgency", given, urgency_of(hits, signals), evidence, knowledge, why)
    rank = _priority(given, impact, urgency, knowledge, why)
    department, group = _destination(given, category, rank, band, knowledge, why)
    return Decision(
        category=category,
        impact=impact,
        urgency=urgency,
        priority=rank,
        department=department,
        group=group,
        confidence=confidence,
        band=band,
        tags=tuple(dict.fromkeys(tag for hit in hits for tag in hit.tags)),
        fields=why,
        alternatives=guess.alternatives if guess else (),
        words=guess.words if guess else (),
        rules=tuple(hit.rule_id for hit in hits),
        model=knowledge.classifiers["category"].name if guess else "",
        engines=_engines(given, guesses),
        input_hash=digest,
    )


def _engines(given: Given, guesses: Mapping[str, Prediction]) -> tuple[str, ...]:
    """Who was asked, in the order in which they count."""
    person, model = ("person",) if given.fixed else (), ("model",) if guesses else ()
    return (*person, "rules", "signals", *model)


def input_hash(given: Given) -> str:
    """Identify what the decision was made from: the same hash, the same input."""
    fixed = sorted((name, str(value)) for name, value in given.fixed.items())
    parts = (given.title, given.description, given.source, given.tier, fixed)
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def pick_for_audit(why: dict[str, Any], digest: str, knowledge: Knowledge) -> None:
    """Note in the category's `why` if a ticket with this input hash is audited: the same one always or never."""
    if int(digest[:8], 16) < knowledge.audit_share * 2**32:
        why["audit"] = True
        why["why"] += " Picked for an audit: a person looks all the same."


def _category(
    given: Given,
    guess: Prediction | None,
    vote: CategoryVote,
    knowledge: Knowledge,
    why: dict[str, dict[str, Any]],
) -> tuple[str, float, str]:
    """Return category, confidence 0-1 and band."""
    if "category" in given.fixed:
        why["category"] = {"by": "person", "why": "Set by a person or the sender."}
        return given.fixed["category"], 1.0, "auto"
    if vote.final and vote.category:
        why["category"] = _by_rule(vote, "rule")
        return vote.category, vote.confidence, "auto"
    if guess is not None:
        classifier = knowledge.classifiers["category"]
        backed = classifier.rule_weight and vote.category == guess.label
        why["category"] = _by_model(guess, classifier, vote.terms if backed else ())
        return guess.label, guess.confidence, why["category"]["band"]
    if vote.category:
        why["category"] = _by_rule(vote, "keywords")
        return vote.category, vote.confidence, band_of(vote.confidence, AUTO_FROM)
    why["category"] = {"by": "default", "why": "No rule matched and there is no classifier."}
    return FALLBACK_CATEGORY, vote.confidence, "review"


def _by_rule(vote: CategoryVote, engine: str) -> dict[str, Any]:
    quoted = ", ".join(f"“{term}”" for term in vote.terms)
    return {"by": engine, "why": f"Found {quoted}.", "rules": list(vote.rule_ids)}


def _by_model(
    guess: Prediction, classifier: Classifier, terms: Sequence[str] = ()
) -> dict[str, Any]:
    """What a classifier said; `terms` are the words of rules that say the same."""
    who = classifier.name
    if terms:
        who += " with " + ", ".join(f"“{term}”" for term in terms)
    threshold = classifier.threshold(guess.label)
    alone = f"acts alone from {threshold:.0%}" if threshold <= 1 else "never acts alone here"
    return {
        "by": "model",
        "why": f"{who} is {guess.confidence:.0%} sure; it {alone}.",
        "confidence": round(guess.confidence, 4),
        "threshold": round(threshold, 4),
        "band": band_of(guess.confidence, threshold),
    }


def band_of(confidence: float, threshold: float) -> str:
    """The band of an answer of which a classifier is so sure."""
    if confidence >= threshold:
        return "auto"
    return "suggest" if confidence >= REVIEW_BELOW else "review"


def _level(
    name: str,
    given: Given,
    found: tuple[int | None, str],
    evidence: Evidence,
    knowledge: Knowledge,
    why: dict[str, dict[str, Any]],
) -> int:
    if name in given.fixed:
        why[name] = {"by": "person", "why": "Set by a person or the sender."}
        return int(given.fixed[name])
    level, reason = found
    guess = evidence.guesses.get(name)
    if guess is not None:
        said = _by_model(guess, knowledge.classifiers[name])
        said |= {
            "model": knowledge.classifiers[name].name,
            "alternatives": [[label, round(share, 4)] for label, share in guess.alternatives],
            "words": [[word, round(weight, 3)] for word, weight in guess.words],
        }
        if said["band"] == "auto" or level is None:
            why[name] = said
            return int(guess.label)
        why[name] = {"by": "rule", "why": reason, "instead_of": {"value": guess.label, **said}}
        return level
    if level is None:
        why[name] = {"by": "default", "why": f"Nothing in the text speaks of {name}."}
        return LEAST
    why[name] = {"by": "rule", "why": reason}
    return level


def _priority(
    given: Given, impact: int, urgency: int, knowledge: Knowledge, why: dict[str, dict[str, Any]]
) -> int:
    if "priority" in given.fixed:
        why["priority"] = {"by": "person", "why": "Set by a person or the sender."}
        return int(given.fixed["priority"])
    rank = priority(knowledge.matrix, impact, urgency)
    why["priority"] = {
        "by": "matrix",
        "why": f"Impact {impact} and urgency {urgency} make P{rank}.",
    }
    return rank


def _destination(
    given: Given,
    category: str,
    rank: int,
    band: str,
    knowledge: Knowledge,
    why: dict[str, dict[str, Any]],
) -> tuple[str, str | None]:
    facts = Facts(
        # An untrusted category must not send the ticket anywhere: only the default route takes it.
        category="" if band == "review" else category,
        title=given.title,
        description=given.description,
        tier=given.tier,
        source=given.source,
        priority=rank,
    )
    found = route(knowledge.routing, facts)
    department, group = found.department, found.group
    reason = found.reason
    if band == "review":
        reason = f"Not sure enough of the category for its own route. {reason}"
    why["department"] = why["group"] = {"by": "routing", "why": reason, "rule": found.rule_id}
    if "department" in given.fixed:
        why["department"] = {"by": "person", "why": "Set by a person or the sender."}
        if given.fixed["department"] != department:
            department, group = given.fixed["department"], None
            why["group"] = {"by": "default", "why": "No route leads to this department."}
    if "group" in given.fixed:
        why["group"] = {"by": "person", "why": "Set by a person or the sender."}
        group = given.fixed["group"]
    return department, group
