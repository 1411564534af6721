"""From what heartbeats and checks say to the state of their servers."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from servers.checks.judging import Signal, still_counts, way, worst
from servers.lifecycle import State
from servers.models import Cause, Check, Heartbeat, Kind, Said, Server, ServerEvent
from servers.services.fleet import Move, change_states


@transaction.atomic
def judge_servers(*, ids: Collection[int], trigger: Cause, now: datetime) -> list[ServerEvent]:
    """Give monitored servers the state that follows from all that is said about them. `trigger` was said last.

    A stopped server stays so: that is a person's word. Joins a transaction that is open already.
    """
    # The lock comes before the reading: of two who judge the same server, the second sees what the first one saw.
    servers = list(
        Server.objects.select_for_update(no_key=True)
        .filter(pk__in=ids, kind=Kind.MONITORED)
        .exclude(state=State.STOPPED)
        .order_by("pk")
    )
    signals = _signals([server.pk for server in servers])
    moves = []
    for server in servers:
        state = State(server.state)
        counting = [
            signal
            for signal in signals[server.pk]
            if still_counts(signal.state, signal.at, state=state, since=server.state_since)
        ]
        if signal := worst(counting, trigger=trigger):
            moves += [
                Move(server.pk, to, Cause(signal.cause), signal.cause, now, signal.reason)
                for to in way(state, signal.state)
            ]
    return change_states(moves=moves) if moves else []


def _signals(ids: Collection[int]) -> dict[int, list[Signal]]:
    found = defaultdict(list)
    for beat in Heartbeat.objects.filter(server__in=ids, enabled=True).exclude(status=Said.NEW):
        found[beat.server_id].append(
            Signal(Cause.HEARTBEAT, _MEANING[Said(beat.status)], beat.said_at, _words(beat))
        )
    for check in Check.objects.filter(server__in=ids, enabled=True).exclude(verdict=""):
        words = f"{check}: {check.last_error or 'well'}"
        at = check.checked_at or check.created_at
        found[check.server_id].append(Signal(Cause.CHECK, State(check.verdict), at, words))
    return found


_MEANING = {
    Said.START: State.BOOTING,
    Said.OK: State.RUNNING,
    Said.FAIL: State.FAILED,
    Said.MISSING: State.FAILED,
}


def _words(beat: Heartbeat) -> str:
    if beat.status == Said.MISSING:
        since = f" since {beat.last_at:%Y-%m-%d %H:%M:%S} UTC" if beat.last_at else ""
        return f"no heartbeat{since}"
    said = {Said.START: "it starts", Said.OK: "heartbeat", Said.FAIL: "it says that it failed"}
    return ": ".join(filter(None, (said[Said(beat.status)], beat.message)))
