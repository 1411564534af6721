"""The live feed of alerts, `/ws/alerts`: a WebSocket beside the API (docs/live-feed.md)."""

from sla.feed.application import Feed

__all__ = ["Feed"]
