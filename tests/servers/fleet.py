"""Servers for tests."""

from datetime import UTC, datetime
from typing import Any

from servers.lifecycle import State
from servers.models import Server
from servers.services.fleet import create_servers

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


def make_server(name: str = "web-1", **fields: Any) -> Server:
    """A server that runs, unless `fields` say otherwise."""
    given = {"state": State.RUNNING, "state_since": NOON, **fields}
    [server] = create_servers(values=[{"name": name, **given}])
    return server
