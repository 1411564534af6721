"""Writes to tickets. One public function is one transaction; all take lists."""

from tickets.services.changing import (
    IllegalMove,
    TicketChanged,
    TicketMerged,
    UnknownNames,
    change_tickets,
    delete_tickets,
    move_tickets,
    release_locks,
    route_tickets,
)
from tickets.services.commenting import comment_on
from tickets.services.merging import MergeRefused, merge_tickets
from tickets.services.opening import Outcome, open_tickets
from tickets.services.recording import Change, record_changes

__all__ = [
    "Change",
    "IllegalMove",
    "MergeRefused",
    "Outcome",
    "TicketChanged",
    "TicketMerged",
    "UnknownNames",
    "change_tickets",
    "comment_on",
    "delete_tickets",
    "merge_tickets",
    "move_tickets",
    "open_tickets",
    "record_changes",
    "release_locks",
    "route_tickets",
]
