"""The simulated part of the fleet: made, moved on tick by tick, paused."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F

from servers.lifecycle import State
from servers.models import Cause, Kind, PlannedMove, Server, Simulation
from servers.services.fleet import LOCK, create_servers, write_events, write_states
from servers.simulation import engine
from servers.simulation.disturbances import HOUR, Disturbance, Place, by_chance, moves
from servers.simulation.layout import layout
from servers.simulation.machine import Change, Machine, Planned, World
from workers.sql import insert_rows, quick_cursor

#: So much time goes by in one tick at most: after an outage of ours the fleet catches up step by step.
LONGEST_TICK: Final = timedelta(hours=1)
ACTOR: Final = "simulation"


@dataclass(frozen=True)
class Tick:
    until: datetime
    changes: int


@transaction.atomic
def advance(*, now: datetime) -> Tick:
    """Let everything happen to simulated servers that is due until `now`, or in the next hour if that is less.

    Only one does this at a time; whoever comes second finds it done.
    """
    simulation = _lock(now)
    since, until = simulation.until, min(now, simulation.until + LONGEST_TICK)
    if simulation.paused or until <= since:
        return Tick(since, 0)
    world = World(simulation.seed, simulation.intensity)
    _plan_hours(since, until, world)
    done = engine.advance(
        due=_due(until),
        planned=_take_planned(until),
        fleet=engine.Fleet(_load, _dependents),
        since=since,
        until=until,
        world=world,
    )
    _plan(done.later)
    write_states(done.machines)
    write_events([_event(change) for change in done.changes])
    Simulation.objects.filter(pk=1).update(until=until)
    return Tick(until, len(done.changes))


@transaction.atomic
def make_fleet(*, count: int, regions: int, seed: int, now: datetime) -> list[Server]:
    """Make simulated servers that boot at once, and let everything that happens to them follow from `seed`.

    :raises NameTaken: such a fleet is there already.
    """
    servers = create_servers(
        values=[
            {
                **vars(server),
                "kind": Kind.SIMULATED,
                "state": State.BOOTING,
                "state_since": now,
                "reason": "made",
            }
            for server in layout(count, regions=regions, seed=seed)
        ]
    )
    change_simulation(values={"seed": seed}, now=now)
    return servers


@transaction.atomic  # the admin's form saves inside a transaction of its own
def change_simulation(*, values: Mapping[str, Any], now: datetime) -> Simulation:
    """Pause or resume (`paused`), or go on with another `seed` or `intensity`.

    The fleet's time stands still during a pause. With another seed or intensity all next changes are drawn anew.
    """
    simulation = _lock(now)
    if simulation.paused and values.get("paused") is False:
        pause = max(now - simulation.until, timedelta(0))  # no hour comes twice
        Server.objects.filter(next_change_at__isnull=False).update(
            next_change_at=F("next_change_at") + pause
        )
        PlannedMove.objects.update(at=F("at") + pause)
        simulation.until += pause
    if {"seed", "intensity"} & values.keys():
        Server.objects.filter(next_change_at__isnull=False).update(next_change_at=None)
    for field, value in values.items():
        setattr(simulation, field, value)
    simulation.save(update_fields=["until", *values])
    return simulation


def current(*, now: datetime) -> Simulation:
    """The simulation as it is, or as it will be made by the first tick."""
    return Simulation.objects.filter(pk=1).first() or Simulation(pk=1, until=now)


def _lock(now: datetime) -> Simulation:
    return Simulation.objects.select_for_update().get_or_create(pk=1, defaults={"until": now})[0]


def _plan_hours(since: datetime, until: datetime, world: World) -> None:
    """Plan what strikes by chance in each hour that begins now, for the servers that are there now."""
    hour = since.replace(minute=0, second=0, microsecond=0) + HOUR
    while hour <= until:
        places = Server.objects.filter(kind=Kind.SIMULATED).values_list(
            "region", "host_group", "role"
        )
        for one in by_chance([Place(*place) for place in places.distinct()], hour, world):
            _plan(moves(one, list(_struck_by(one)), world))
        hour += HOUR


def _struck_by(one: Disturbance) -> Iterable[tuple[int, str]]:
    servers = Server.objects.filter(kind=Kind.SIMULATED, region=one.region)
    named = {"host_group": one.host_group, "role": one.role}
    named = {field: value for field, value in named.items() if value}
    return servers.filter(**named).values_list("pk", "name")


def _plan(planned: Iterable[Planned]) -> None:
    insert_rows(
        PlannedMove,
        [
            {
                "server_id": move.server,
                "at": move.at,
                "to": move.to,
                "stay": move.stay,
                "reason": move.reason,
            }
            for move in planned
        ],
    )


def _take_planned(until: datetime) -> list[Planned]:
    with quick_cursor() as cursor:
        cursor.execute(
            """DELETE FROM servers_plannedmove WHERE at <= %s
               RETURNING server_id, at, "to", reason, stay""",
            [until],
        )
        return [
            Planned(server, at, State(to), reason, stay)
            for server, at, to, reason, stay in cursor.fetchall()
        ]


_COLUMNS: Final = "id, name, role, state, state_since, changes, next_change_at, reason"


def _due(until: datetime) -> list[Machine]:
    return _read(
        f"""SELECT {_COLUMNS} FROM servers_server
             WHERE kind = 'simulated' AND state <> 'stopped'
               AND (next_change_at <= %s OR next_change_at IS NULL)
             ORDER BY id {LOCK}""",
        until,
    )


def _load(ids: Collection[int]) -> list[Machine]:
    return _read(
        f"""SELECT {_COLUMNS} FROM servers_server
             WHERE kind = 'simulated' AND id = ANY(%s) ORDER BY id {LOCK}""",
        list(ids),
    )


def _read(query: str, parameter: Any) -> list[Machine]:
    with quick_cursor() as cursor:
        cursor.execute(query, [parameter])
        return [
            Machine(pk, name, role, State(state), *rest)
            for pk, name, role, state, *rest in cursor.fetchall()
        ]


def _dependents(ids: Collection[int]) -> dict[int, list[tuple[int, str]]]:
    found: dict[int, list[tuple[int, str]]] = defaultdict(list)
    with connection.cursor() as cursor:
        # OFFSET keeps it to the index: with statistics of a smaller fleet PostgreSQL would read all servers.
        cursor.execute(
            """SELECT l.needs_id, s.id, s.name
                 FROM servers_serverlink l
                 CROSS JOIN LATERAL (SELECT id, name FROM servers_server
                                      WHERE id = l.server_id AND kind = 'simulated' OFFSET 0) s
                WHERE l.needs_id = ANY(%s)""",
            [list(ids)],
        )
        for needed, pk, name in cursor.fetchall():
            found[needed].append((pk, name))
    return found


def _event(change: Change) -> dict[str, Any]:
    return {
        "server_id": change.server,
        "old": change.old,
        "new": change.new,
        "at": change.at,
        "cause": Cause.SIMULATION,
        "actor": ACTOR,
        "reason": change.reason,
    }
