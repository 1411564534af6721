"""Writes to tickets. One public function is one transaction; all take lists."""

from tickets.services.attaching import (
    AttachRefused,
    adopt_tickets,
    attach_tickets,
    detach_tickets,
    raise_parents,
)
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
from tickets.services.filing import attach_files, forget_unused_contents, remove_attachment
from tickets.services.merging import MergeRefused, merge_tickets
from tickets.services.opening import Outcome, open_tickets
from tickets.services.recording import Change, TicketGone, record_changes

__all__ = [
    "AttachRefused",
    "Change",
    "IllegalMove",
    "MergeRefused",
    "Outcome",
    "TicketChanged",
    "TicketGone",
    "TicketMerged",
    "UnknownNames",
    "adopt_tickets",
    "attach_files",
    "attach_tickets",
    "change_tickets",
    "comment_on",
    "delete_tickets",
    "detach_tickets",
    "forget_unused_contents",
    "merge_tickets",
    "move_tickets",
    "open_tickets",
    "raise_parents",
    "record_changes",
    "release_locks",
    "remove_attachment",
    "route_tickets",
]
