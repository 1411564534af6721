"""The facts that tickets announce. `smartops/wiring.py` alone listens, in the order it lists.

All are sent inside the transaction that makes them true; receivers write in that same transaction. What `sla`
keeps on the ticket (`tickets.services.recording.KEPT_BY_SLA`) it sets before the row is written.
"""

from typing import Final

from django.dispatch import Signal

#: Tickets that are about to be written for the first time, without an id. Argument: tickets (list[Ticket]).
tickets_opening: Final = Signal()
#: New tickets, written. Argument: tickets (list[Ticket]).
tickets_opened: Final = Signal()
#: Changed tickets, their history written, their rows not yet. Arguments: tickets, events: what happened, in order.
tickets_changed: Final = Signal()
