"""Rules: which of them a ticket's words meet, and what they say together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from triage.signals import LOW, Signals
from triage.terms import TITLE_FACTOR, Matcher, Term, words_of

#: Confidence of one weak hit, of no hit, and the most that keywords can reach.
ONE_HIT: Final = 0.55
NO_HIT: Final = 0.30
CAP: Final = 0.85


@dataclass(frozen=True)
class RuleSpec:
    """A rule as data; see `triage.models.Rule` for the meaning of each field."""

    id: int
    position: int
    name: str
    terms: tuple[Term, ...]
    exclude: tuple[Term, ...] = ()
    min_score: float = 1.0
    sources: frozenset[str] = frozenset()
    tiers: frozenset[str] = frozenset()
    category: str | None = None
    impact: int | None = None
    urgency: int | None = None
    tags: tuple[str, ...] = ()
    final: bool = False


class TicketText(NamedTuple):
    title: str
    description: str
    source: str = ""
    tier: str = ""


class RuleHit(NamedTuple):
    """A rule that matched: with which terms, and how strongly."""

    rule: RuleSpec
    score: float
    terms: tuple[str, ...]

    @property
    def rule_id(self) -> int:
        return self.rule.id

    @property
    def tags(self) -> tuple[str, ...]:
        return self.rule.tags


class CategoryVote(NamedTuple):
    """What the rules say about the category. None when no rule with a category matched."""

    category: str | None
    confidence: float
    rule_ids: tuple[int, ...] = ()
    terms: tuple[str, ...] = ()
    final: bool = False


@dataclass(frozen=True)
class RuleBook:
    """All rules, compiled into one matcher."""

    rules: tuple[RuleSpec, ...] = ()
    _matcher: Matcher = field(default_factory=lambda: Matcher.compile(()))
    _owners: tuple[tuple[int, Term, bool], ...] = ()  # term -> (rule's index, term, excludes)

    @classmethod
    def compile(cls, specs: Iterable[RuleSpec]) -> "RuleBook":
        rules = tuple(sorted(specs, key=lambda rule: (rule.position, rule.id)))
        owners: list[tuple[int, Term, bool]] = []
        for index, rule in enumerate(rules):
            owners += [(index, term, False) for term in rule.terms]
            owners += [(index, term, True) for term in rule.exclude]
        return cls(rules, Matcher.compile(term.text for _, term, _ in owners), tuple(owners))

    def match(self, text: TicketText) -> tuple[RuleHit, ...]:
        """Return the rules that `text` meets, in their order.

        A rule's score is the sum of its terms' weights, each counted once, doubled when it stands in the title.
        """
        in_title = self._matcher.find(words_of(text.title))
        in_body = self._matcher.find(words_of(text.description))
        scores: dict[int, float] = {}
        terms: dict[int, list[str]] = {}
        excluded: set[int] = set()
        for key in sorted(in_title | in_body):
            index, term, excludes = self._owners[key]
            if excludes:
                excluded.add(index)
                continue
            factor = TITLE_FACTOR if key in in_title else 1.0
            scores[index] = scores.get(index, 0.0) + term.weight * factor
            terms.setdefault(index, []).append(term.text)
        return tuple(
            RuleHit(self.rules[index], score, tuple(terms[index]))
            for index, score in sorted(scores.items())
            if index not in excluded and _applies(self.rules[index], score, text)
        )


def _applies(rule: RuleSpec, score: float, text: TicketText) -> bool:
    return (
        score >= rule.min_score
        and (not rule.sources or text.source in rule.sources)
        and (not rule.tiers or text.tier in rule.tiers)
    )


def votes_of(hits: Iterable[RuleHit]) -> dict[str, float]:
    """Return the rules' score for each category they speak of."""
    votes: dict[str, float] = {}
    for hit in hits:
        if hit.rule.category:
            votes[hit.rule.category] = votes.get(hit.rule.category, 0.0) + hit.score
    return votes


def category_of(hits: Sequence[RuleHit]) -> CategoryVote:
    """Return the category with the highest sum of scores; a final rule beats all others.

    Confidence is 1 for a final rule. Otherwise it grows from 0.55 with the score's lead over the runner-up, up to
    0.85: 0.55 + 0.30 × (1 - runner-up / winner) × (1 - 1 / winner's score), for scores above 1.
    """
    for hit in hits:
        if hit.rule.category and hit.rule.final:
            return CategoryVote(hit.rule.category, 1.0, (hit.rule_id,), hit.terms, final=True)
    sums = votes_of(hits)
    if not sums:
        return CategoryVote(None, NO_HIT)
    ranked = sorted(
        sums.items(), key=lambda pair: -pair[1]
    )  # stable: a tie goes to the earlier rule
    winner, score = ranked[0]
    lead = 1 - (ranked[1][1] / score if len(ranked) > 1 else 0.0)
    confidence = ONE_HIT + (CAP - ONE_HIT) * lead * (1 - 1 / max(score, 1.0))
    mine = [hit for hit in hits if hit.rule.category == winner]
    return CategoryVote(
        winner,
        confidence,
        tuple(hit.rule_id for hit in mine),
        tuple(term for hit in mine for term in hit.terms),
    )


def impact_of(hits: Sequence[RuleHit], signals: Signals) -> tuple[int | None, str]:
    """Return the most severe impact that rules or signals found, and why; None when nothing speaks of it.

    A text that names itself the only one hit outweighs what rules conclude from other words.
    """
    if signals.impact == LOW:
        return signals.impact, signals.impact_reason
    return _severest(
        [(hit.rule.impact, hit) for hit in hits if hit.rule.impact],
        signals.impact,
        signals.impact_reason,
    )


def urgency_of(hits: Sequence[RuleHit], signals: Signals) -> tuple[int | None, str]:
    """Return the most severe urgency that rules or signals found, and why.

    Words that calm down ("no rush") outweigh what rules conclude from other words.
    """
    if signals.calm:
        return signals.urgency, signals.urgency_reason
    return _severest(
        [(hit.rule.urgency, hit) for hit in hits if hit.rule.urgency],
        signals.urgency,
        signals.urgency_reason,
    )


def _severest(
    found: list[tuple[int, RuleHit]], signal: int | None, reason: str
) -> tuple[int | None, str]:
    best = min(found, key=lambda pair: pair[0], default=None)
    if best is None or (signal is not None and signal <= best[0]):
        return signal, reason
    quoted = ", ".join(f"“{term}”" for term in best[1].terms)
    return best[0], f"Rule “{best[1].rule.name}” found {quoted}."
