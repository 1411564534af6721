"""The demo's servers: enough of them to look at, and few enough that something breaks about once an hour."""

from datetime import datetime
from typing import Final

from servers.models import Kind, Server
from servers.services.simulation import make_fleet

SEED: Final = 20
SERVERS: Final = 60
REGIONS: Final = 3


def servers(*, now: datetime) -> int:
    """Make simulated servers, which boot at once, unless there are some. Returns how many were made."""
    if Server.objects.filter(kind=Kind.SIMULATED).exists():
        return 0
    return len(make_fleet(count=SERVERS, regions=REGIONS, seed=SEED, now=now))
