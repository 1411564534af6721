"""The two facts that tickets announce. `smartops/wiring.py` alone listens, in the order it lists.

Both are sent inside the transaction that made them true; receivers write in that same transaction.
"""

from typing import Final

from django.dispatch import Signal

#: New tickets. Argument: tickets (list[Ticket]).
tickets_opened: Final = Signal()
#: Changed tickets. Arguments: tickets, events: one event a ticket, whose `changes` tell the fields.
tickets_changed: Final = Signal()
