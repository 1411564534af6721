"""Alerts by HTTP: a small ASGI application beside the API, for which a body is one insert (docs/adr/0021)."""

from servers.gateway.application import Intake

__all__ = ["Intake"]
