"""The fleet: servers come, change their state, and go."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from django.db import IntegrityError, connection, transaction

from servers.lifecycle import ACTIONS, MOVES, Action, State
from servers.models import (
    Cause,
    Environment,
    Kind,
    Role,
    Server,
    ServerEvent,
    ServerLink,
    Simulation,
)
from tickets.services import UnknownNames
from workers.dispatch import enqueue
from workers.errors import PermanentError
from workers.names import TaskName
from workers.sql import insert_rows, update_rows

#: Two changes of links that make a circle only together must not pass each other.
_LINKS_LOCK: Final = 7_205_001
#: How whoever moves servers locks them: what only refers to one, such as a plan for it, need not wait for that.
LOCK: Final = "FOR NO KEY UPDATE"
#: What a new server is where nothing else is said.
_USUAL: Final[dict[str, Any]] = {
    "name": "",
    "role": Role.OTHER,
    "region": "",
    "host_group": "",
    "environment": Environment.PRODUCTION,
    "kind": Kind.MONITORED,
    "state": State.STOPPED,
    "state_since": None,
    "reason": "",
}


class IllegalMove(PermanentError):
    """The lifecycle does not allow this move."""

    def __init__(self, message: str, allowed: Iterable[str]) -> None:
        super().__init__(message)
        self.details = {"allowed": [str(word) for word in allowed]}


class NameTaken(PermanentError):
    """There is a server of this name already."""


class CircularLinks(PermanentError):
    """A server would depend on itself, directly or by way of others."""


@dataclass(frozen=True)
class Move:
    """One change of state. A `strict` one that is not allowed raises, any other is left out."""

    server: int
    to: State
    cause: Cause
    actor: str
    at: datetime
    reason: str = ""
    strict: bool = False


@transaction.atomic
def create_servers(*, values: Sequence[Mapping[str, Any]]) -> list[Server]:
    """Make servers, stopped. `depends_on` names servers that exist or are made with them.

    :raises NameTaken: one of the names is in use, or given twice.
    :raises UnknownNames: a server that one depends on does not exist.
    :raises CircularLinks: the links go round.
    """
    names = [row["name"] for row in values]
    taken = {name for name, times in Counter(names).items() if times > 1}
    taken |= _ids_of(names).keys()
    if taken:
        raise NameTaken(f"There is a server {min(taken)!r} already.")
    rows = [{field: row.get(field, usual) for field, usual in _USUAL.items()} for row in values]
    computed = {"state_since": "coalesce(state_since, now())", "created_at": "now()"}
    try:
        with transaction.atomic():
            ids = insert_rows(Server, rows, computed=computed, returning=True)
    except IntegrityError:
        raise NameTaken("Somebody made a server of one of these names just now.") from None
    _link(
        {
            pk: row["depends_on"]
            for pk, row in zip(ids, values, strict=True)
            if row.get("depends_on")
        }
    )
    return list(_lock(ids).values())


@transaction.atomic  # the admin's form saves inside a transaction of its own
def change_servers(*, ids: Sequence[int], values: Mapping[str, Any]) -> list[Server]:
    """Give servers the same new `values`. `depends_on`, if given, replaces the links they had.

    :raises UnknownNames: a server that they should depend on does not exist.
    :raises CircularLinks: the links would go round.
    """
    columns = {field: value for field, value in values.items() if field != "depends_on"}
    if "kind" in columns:
        columns["next_change_at"] = None  # whoever moves it from now on starts afresh
    found = list(_lock(ids))
    if columns:
        Server.objects.filter(pk__in=found).update(**columns)
    if "depends_on" in values:
        ServerLink.objects.filter(server__in=found).delete()
        _link(dict.fromkeys(found, values["depends_on"]))
    return list(Server.objects.filter(pk__in=found).order_by("pk"))


def _link(wanted: Mapping[int, Sequence[str]]) -> None:
    """Make each server of `wanted` need those that it names."""
    if not any(wanted.values()):
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LINKS_LOCK])
    names = {name for needed in wanted.values() for name in needed}
    known = _ids_of(names)
    if missing := names - known.keys():
        raise UnknownNames({"depends_on": [f"There is no server {min(missing)!r}."]})
    links = [
        {"server_id": pk, "needs_id": known[name]}
        for pk, needed in wanted.items()
        for name in dict.fromkeys(needed)
    ]
    for link in links:
        if link["server_id"] == link["needs_id"]:
            raise CircularLinks("A server cannot depend on itself.")
    insert_rows(ServerLink, links)
    _refuse_circles(list(wanted))


def _ids_of(names: Collection[str]) -> dict[str, int]:
    with (
        connection.cursor() as cursor
    ):  # an array, since there may be more than one statement takes parameters
        cursor.execute("SELECT name, id FROM servers_server WHERE name = ANY(%s)", [list(names)])
        return dict(cursor.fetchall())


def _refuse_circles(ids: Sequence[int]) -> None:
    """Follow the links from `ids` on to their ends, and raise if they come back."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE reached AS (
                SELECT unnest(%s::bigint[]) AS id
                UNION SELECT l.needs_id FROM servers_serverlink l JOIN reached r ON l.server_id = r.id)
            SELECT l.server_id, l.needs_id FROM servers_serverlink l JOIN reached r ON l.server_id = r.id
            """,
            [list(ids)],
        )
        graph: dict[int, set[int]] = defaultdict(set)
        for server, needs in cursor.fetchall():
            graph[server].add(needs)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        names = dict(Server.objects.filter(pk__in=circle).values_list("pk", "name"))
        way = " → ".join(names[pk] for pk in circle)
        raise CircularLinks(f"These servers would depend on each other: {way}.") from None


@transaction.atomic
def act_on(*, ids: Sequence[int], action: Action, actor: str, now: datetime) -> list[ServerEvent]:
    """Start, stop, fail or recover servers for a person: all of them or, if one may not, none.

    A server that is where the action leads stays as it is.

    :raises IllegalMove: naming the first that may not, and what could be done with it.
    """
    to = ACTIONS[action].to
    for server in _lock(ids).values():
        state = State(server.state)
        if state is not to and state not in ACTIONS[action].sources:
            allowed = [word for word, way in ACTIONS.items() if state in way.sources]
            raise IllegalMove(
                f"{server.name} is {state}; one can {' or '.join(allowed)} it, not {action} it.",
                allowed,
            )
    moves = [
        Move(pk, to, Cause.PERSON, actor, now, f"{action} by {actor}", strict=True) for pk in ids
    ]
    return change_states(moves=moves)


@transaction.atomic
def change_states(*, moves: Sequence[Move]) -> list[ServerEvent]:
    """Move servers, each with an event, and let the incidents follow. A move to the present state is none.

    Moves of the same server are made in the order given. Joins a transaction that is open already.

    :raises IllegalMove: a `strict` one is not allowed.
    """
    servers = _lock([move.server for move in moves])
    made: list[tuple[Server, State, Move]] = []
    for move in moves:
        server = servers.get(move.server)
        if server is None or server.state == move.to:
            continue
        old = State(server.state)
        if move.to not in MOVES[old]:
            if move.strict:
                words = ", ".join(MOVES[old])
                raise IllegalMove(
                    f"{server.name} is {old}; from there it can become: {words}.", MOVES[old]
                )
            continue
        made.append((server, old, move))
        server.state, server.state_since, server.reason = move.to, move.at, move.reason[:300]
        server.changes += 1
        server.next_change_at = None  # the simulation draws a new one
    write_states({server.pk: server for server, _, _ in made}.values())
    rows = [
        {
            "server_id": move.server,
            "old": old,
            "new": move.to,
            "at": move.at,
            "cause": move.cause,
            "actor": move.actor,
            "reason": move.reason[:300],
        }
        for _, old, move in made
    ]
    return [ServerEvent(pk=pk, **row) for pk, row in zip(write_events(rows), rows, strict=True)]


def _lock(ids: Sequence[int]) -> dict[int, Server]:
    """Lock servers in the order of their ids; before simulated ones the simulation, which moves them, too."""
    lock_simulation(ids)
    locked = Server.objects.raw(
        f"SELECT * FROM servers_server WHERE id = ANY(%s) ORDER BY id {LOCK}", [list(ids)]
    )
    return {server.pk: server for server in locked}


def lock_simulation(ids: Sequence[int]) -> None:
    """If any of these servers is simulated: a tick locks others besides them, in an order of its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT EXISTS (SELECT FROM servers_server WHERE id = ANY(%s) AND kind = 'simulated')""",
            [list(ids)],
        )
        if cursor.fetchone()[0]:
            Simulation.objects.select_for_update().first()


def write_states(servers: Iterable[Any]) -> None:
    """Write the state of servers in one statement, in the caller's transaction, which has locked them."""
    rows = [
        {
            "id": server.pk,
            "state": server.state,
            "state_since": server.state_since,
            "reason": server.reason,
            "changes": server.changes,
            "next_change_at": server.next_change_at,
        }
        for server in servers
    ]
    columns = ("state", "state_since", "reason", "changes", "next_change_at")
    update_rows(Server, rows, columns)


def write_events(rows: Sequence[dict[str, Any]]) -> list[int]:
    """Record changes of state in the caller's transaction, and ask for the incidents to follow them."""
    ids = insert_rows(ServerEvent, rows, returning=True)
    # One message: whoever gets it takes all events that nobody took note of.
    enqueue(TaskName.SERVERS_FOLLOW_EVENTS, ids[-1:])
    return ids
