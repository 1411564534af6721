"""Plain JSON: an alert, or a list of them, in the words that most tools have in common."""

from collections.abc import Mapping
from typing import Any, Final

from servers.sources.raw import (
    BadBody,
    Found,
    Raw,
    Templates,
    labels_of,
    mapping,
    mappings,
    server_of,
    time_of,
)

_ACKNOWLEDGES: Final = ("acknowledge", "acknowledged", "ack")
_WORDS: Final = (
    *("trigger", "triggered", "firing", "alerting", "open", "problem", "down", "failed"),
    *("resolve", "resolved", "close", "closed", "ok", "up", "recovery", "recovered", "normal"),
    *_ACKNOWLEDGES,
)

TEMPLATES: Final = Templates(
    group_key="{{ payload.dedup_key or payload.key or payload.id or '' }}",
    title="{{ payload.summary or payload.title or payload.message or payload.name }}",
    body="{{ payload.details or payload.description or payload.message or payload.summary or '' }}",
    severity="{{ payload.severity or payload.level or payload.priority or '' }}",
    resolve_condition=(
        "{{ (payload.action or payload.status or payload.state or '') | lower | trim in"
        " ['resolve', 'resolved', 'close', 'closed', 'ok', 'up', 'recovery', 'recovered', 'normal'] }}"
    ),
)


def read(body: Any) -> list[Found]:
    """:raises BadBody: it holds no alerts."""
    if isinstance(body, list):
        return [_alert(one) for one in mappings(body, "body")]
    return [_alert(mapping(body, "body"))]


def _alert(payload: Mapping[str, Any]) -> Raw:
    given = payload.get("action") or payload.get("status") or payload.get("state") or "trigger"
    action = given.strip().lower() if isinstance(given, str) else ""
    if action not in _WORDS:
        raise BadBody("status: use trigger, acknowledge or resolve, or leave it out.")
    labels = {**labels_of({"source": payload.get("source")}), **labels_of(payload.get("labels"))}
    named = payload.get("server") or payload.get("host")
    server = server_of({"server": str(named)}) if named else server_of(labels)
    at = time_of(payload.get("at", payload.get("timestamp")))
    return Raw(payload, labels, at, server, action in _ACKNOWLEDGES)
