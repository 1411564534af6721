"""The record of a ticket: what was asked, who works on it, and everything that ever happened to it."""

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

__all__ = [
    "SEARCH_CONFIG",
    "Category",
    "Comment",
    "Department",
    "EventKind",
    "IdempotencyKey",
    "Level",
    "Priority",
    "SlaState",
    "SupportGroup",
    "Ticket",
    "TicketEvent",
    "TicketSearch",
    "Tier",
    "TriageStatus",
]
