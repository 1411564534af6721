"""Tables of analytics."""

from analytics.models.rollups import (
    ChangedTicket,
    CountScope,
    Dimension,
    FlowCount,
    FlowKind,
    Grain,
    RollupState,
    TicketCount,
    TicketFact,
    TicketFlow,
)

__all__ = [
    "ChangedTicket",
    "CountScope",
    "Dimension",
    "FlowCount",
    "FlowKind",
    "Grain",
    "RollupState",
    "TicketCount",
    "TicketFact",
    "TicketFlow",
]
