"""Desks with labels, for the tests of what is learnt from them."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from tests.factories import NOON, item
from tickets.models import Ticket
from tickets.services import open_tickets
from triage.models import Correction
from triage.services import comparing

#: Words that tell what a ticket is about, so that even a small model can learn it.
WORDS = {
    "network": ["vpn", "wifi", "router", "dns", "tunnel", "gateway", "switch", "packets"],
    "billing": ["invoice", "refund", "payment", "card", "charge", "receipt", "price", "tax"],
    "hardware": ["laptop", "screen", "keyboard", "battery", "dock", "mouse", "fan", "printer"],
    "1": ["outage", "everyone", "down", "production", "stopped", "halted", "emergency", "all"],
    "2": ["slow", "sometimes", "team", "workaround", "partly", "several"],
    "3": ["question", "whenever", "minor", "cosmetic", "someday", "wish", "typo", "colour"],
}
FILLER = [
    "please",
    "help",
    "since",
    "today",
    "our",
    "the",
    "with",
    "again",
    "it",
    "some",
    "from",
    "office",
]


def text(label: str, number: int, *, said: int = 3) -> str:
    """A text about `label`, the same for the same number."""
    drawn = random.Random(f"{label} {number}")
    return " ".join(drawn.sample(WORDS[label], said) + drawn.sample(FILLER, 4))


def open_about(labels: Sequence[str], *, at: datetime = NOON, first: int = 0) -> list[Ticket]:
    """Open a ticket about each of `labels`, an hour apart."""
    items = [
        item(
            title=text(label, first + number),
            description=text(label, first + number + 10_000),
            at=at + timedelta(hours=number),
        )
        for number, label in enumerate(labels)
    ]
    found = [outcome.ticket for outcome in open_tickets(items=items, actor="test", now=at)]
    return [ticket for ticket in found if ticket is not None]


def say(
    ticket: Ticket,
    value: str,
    *,
    field: str = "category",
    at: datetime = NOON,
    **given: object,
) -> Correction:
    said = {"ticket": ticket, "field": field, "value": value, "at": at}
    return Correction.objects.create(
        **{**said, "agreed": False, "via": "review", "by": "ana", **given}
    )


def label_many(
    labels: Sequence[str], *, field: str, at: datetime = NOON, first: int = 0
) -> list[Ticket]:
    """Open tickets and let a person label each, an hour apart."""
    tickets = open_about(labels, at=at, first=first)
    Correction.objects.bulk_create(
        Correction(
            ticket=ticket,
            field=field,
            value=label,
            agreed=False,
            via="review",
            by="ana",
            at=at + timedelta(hours=number),
        )
        for number, (ticket, label) in enumerate(zip(tickets, labels, strict=True))
    )
    return tickets


def judge_later_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few labels decide nothing, so that what they teach is a challenger."""
    monkeypatch.setattr(comparing, "FEWEST", 10_000)


def in_turn(*labels: str, times: int) -> list[str]:
    return [label for _ in range(times) for label in labels]
