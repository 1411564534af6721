"""What happened to a ticket, in sentences."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from tickets.models import EventKind, TicketEvent

_VERBS: Final = {
    EventKind.OPENED: "opened this ticket",
    EventKind.UPDATED: "changed it",
    EventKind.MOVED: "moved it",
    EventKind.COMMENTED: "commented",
    EventKind.TRIAGED: "sorted it",
    EventKind.TRIAGE_FAILED: "could not sort it",
    EventKind.ROUTED: "sent it",
    EventKind.ESCALATED: "escalated it",
    EventKind.ACKNOWLEDGED: "acknowledged it",
    EventKind.MERGED: "merged",
    EventKind.ATTACHED: "attached",
    EventKind.DETACHED: "detached",
    EventKind.FOLLOWED: "did the same here",
    EventKind.CONFIRMED: "confirmed what triage decided",
    EventKind.REVIEWED: "reviewed it",
    EventKind.REVIEW_UNDONE: "took the review back",
    EventKind.FILE_ADDED: "added a file",
    EventKind.FILE_REMOVED: "removed a file",
}
#: What a comment's event says besides stands in the comment itself.
_ELSEWHERE: Final = ("comment", "public", "from_requester")
_LONG: Final = 160


class Difference(NamedTuple):
    name: str
    old: str
    new: str


class Line(NamedTuple):
    pk: int
    ticket: int
    actor: str
    verb: str
    differences: list[Difference]
    reason: str
    at: datetime


def lines(events: Iterable[TicketEvent]) -> list[Line]:
    return [_line(event) for event in events]


def _line(event: TicketEvent) -> Line:
    verb = _VERBS[EventKind(event.kind)]
    if event.kind == EventKind.COMMENTED and event.changes.get("public", [None, True])[1] is False:
        verb = "wrote an internal note"
    told = [
        Difference(name.replace("_", " "), _words(pair[0]), _words(pair[1]))
        for name, pair in event.changes.items()
        if name not in _ELSEWHERE and isinstance(pair, list) and len(pair) == 2
    ]
    return Line(event.pk, event.ticket_id, event.actor, verb, told, event.reason, event.at)


def _words(value: Any) -> str:
    if value is None or value == "" or value == []:
        return "–"
    if isinstance(value, list):
        value = ", ".join(str(one) for one in value)
    if isinstance(value, float):
        value = f"{value:.2f}"
    text = str(value).replace("\n", " ")
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"
