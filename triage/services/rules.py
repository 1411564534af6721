"""Trying a rule out before it counts."""

from collections.abc import Sequence
from dataclasses import dataclass

from tickets.models import Ticket
from triage.knowledge import rule_spec, rule_specs
from triage.models import Rule
from triage.rules import RuleBook, TicketText, category_of

SHOWN = 20


@dataclass(frozen=True)
class Matched:
    ticket: Ticket
    terms: tuple[str, ...]
    score: float


@dataclass(frozen=True)
class Preview:
    """What a rule would do among `read` tickets. `changed`: how many the rules would sort differently."""

    read: int
    matched: tuple[Matched, ...]
    changed: int

    @property
    def shown(self) -> tuple[Matched, ...]:
        return self.matched[:SHOWN]


def preview_rule(*, rule: Rule, tickets: Sequence[Ticket]) -> Preview:
    """Try `rule`, saved or not, on `tickets` beside all other enabled rules. Writes nothing."""
    now = rule_specs()
    mine = rule_spec(rule)
    others = [spec for spec in now if spec.id != mine.id]
    before = RuleBook.compile(now)
    after = RuleBook.compile([*others, mine] if rule.enabled else others)
    matched, changed = [], 0
    for ticket in tickets:
        text = TicketText(ticket.title, ticket.description, ticket.source, ticket.customer_tier)
        hits = after.match(text)
        hit = next((hit for hit in hits if hit.rule_id == mine.id), None)
        if hit:
            matched.append(Matched(ticket, hit.terms, hit.score))
        changed += category_of(hits).category != category_of(before.match(text)).category
    return Preview(len(tickets), tuple(matched), changed)
