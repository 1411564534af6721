"""The record of a ticket: what was asked, who works on it, and everything that ever happened to it."""

from tickets.models.attachment import Attachment, Content, read_content
from tickets.models.directory import Category, Department, SupportGroup
from tickets.models.history import (
    SEARCH_CONFIG,
    Comment,
    EventKind,
    IdempotencyKey,
    TicketEvent,
    TicketSearch,
)
from tickets.models.ticket import Level, Priority, SlaState, Ticket, Tier, TriageStatus
from tickets.models.view import SavedView

__all__ = [
    "SEARCH_CONFIG",
    "Attachment",
    "Category",
    "Comment",
    "Content",
    "Department",
    "EventKind",
    "IdempotencyKey",
    "Level",
    "Priority",
    "SavedView",
    "SlaState",
    "SupportGroup",
    "Ticket",
    "TicketEvent",
    "TicketSearch",
    "Tier",
    "TriageStatus",
    "read_content",
]
