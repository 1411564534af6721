"""Writes to tickets. One public function is one transaction; all take lists."""

from tickets.services.attaching import (
    AttachRefused,
    adopt_tickets,
    attach_tickets,
    detach_tickets,
    raise_parents,
)
from tickets.services.bulk import change_each, comment_on_each, move_each, tag_each
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
from tickets.services.saving import NameTaken, change_view, create_view, delete_view

__all__ = [
    "AttachRefused",
    "Change",
    "IllegalMove",
    "MergeRefused",
    "NameTaken",
    "Outcome",
    "TicketChanged",
    "TicketGone",
    "TicketMerged",
    "UnknownNames",
    "adopt_tickets",
    "attach_files",
    "attach_tickets",
    "change_each",
    "change_tickets",
    "change_view",
    "comment_on",
    "comment_on_each",
    "create_view",
    "delete_tickets",
    "delete_view",
    "detach_tickets",
    "forget_unused_contents",
    "merge_tickets",
    "move_each",
    "move_tickets",
    "open_tickets",
    "raise_parents",
    "record_changes",
    "release_locks",
    "remove_attachment",
    "route_tickets",
    "tag_each",
]
