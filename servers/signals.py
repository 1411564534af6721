"""The facts that incidents announce. `smartops/wiring.py` alone listens."""

from typing import Final

from django.dispatch import Signal

#: A storm began, in the transaction that opened its ticket. Arguments: storm, ticket (with its names), at.
storm_started: Final = Signal()
