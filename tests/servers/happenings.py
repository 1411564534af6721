"""Servers and what happens to them, as tests need them."""

from datetime import datetime
from typing import Any

from servers.lifecycle import State
from servers.models import Cause, Server, ServerEvent, ServerLink
from tests.factories import NOON


def make_server(name: str = "db-1", *, needs: tuple[Server, ...] = (), **fields: Any) -> Server:
    given = {"role": "database", "region": "eu-1", "state": "running", **fields}
    server = Server.objects.create(name=name, **given)
    for other in needs:
        ServerLink.objects.create(server=server, needs=other)
    return server


def happen(server: Server, new: State, *, at: datetime = NOON, reason: str = "") -> ServerEvent:
    """An event as the fleet writes it."""
    event = ServerEvent.objects.create(
        server=server,
        old=server.state,
        new=new,
        at=at,
        cause=Cause.SIMULATION,
        actor="simulation",
        reason=reason,
    )
    Server.objects.filter(pk=server.pk).update(state=new, state_since=at, reason=reason)
    server.state = new
    return event
