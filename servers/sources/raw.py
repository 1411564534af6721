"""What a product's body is taken apart into, and small helpers that all products need."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

MOST_LABELS: Final = 40
MOST_LABEL: Final = 200
_HOST_LABELS: Final = ("server", "host", "hostname", "node", "instance")
_HOST: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:[^@/\s]*@)?(\[[^\]\s]+\]|[^:/\s]+)", re.I)


class BadBody(Exception):
    """A body that is not what the product sends. The message names the field and what would be right."""


@dataclass(frozen=True)
class Templates:
    """The wording of one source: each renders `payload` (one alert as it came) and its `labels`."""

    group_key: str
    title: str
    body: str
    severity: str
    resolve_condition: str


@dataclass(frozen=True)
class Raw:
    """One alert: the payload for the templates, and the facts that are no matter of wording."""

    payload: Mapping[str, Any]
    labels: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None  # when it was sent, or happened
    server: str = ""
    acknowledges: bool = False
    began: datetime | None = None  # where that is another time than `at`


@dataclass(frozen=True)
class Ignored:
    """What the product sent besides alerts, and why nothing comes of it."""

    detail: str


Found = Raw | Ignored


def mapping(value: Any, name: str) -> Mapping[str, Any]:
    """:raises BadBody: it is no object."""
    if not isinstance(value, Mapping):
        raise BadBody(f"{name}: an object is needed, not {_kind(value)}.")
    return value


def mappings(value: Any, name: str) -> list[Mapping[str, Any]]:
    """:raises BadBody: it is no list of objects."""
    if not isinstance(value, list):
        raise BadBody(f"{name}: a list is needed, not {_kind(value)}.")
    return [mapping(one, f"{name}[{index}]") for index, one in enumerate(value)]


def word(payload: Mapping[str, Any], name: str, *allowed: str) -> str:
    """:raises BadBody: the field is missing or says something else than `allowed`."""
    given = payload.get(name)
    if not isinstance(given, str) or given.strip().lower() not in allowed:
        raise BadBody(f"{name}: use one of {', '.join(allowed)}.")
    return given.strip().lower()


def labels_of(*groups: Any) -> dict[str, str]:
    """The scalar entries of some objects, later ones first, as texts of bounded size."""
    found: dict[str, str] = {}
    for group in groups:
        for name, value in group.items() if isinstance(group, Mapping) else ():
            if isinstance(value, str | int | float) and len(found) < MOST_LABELS:
                found[str(name)[:MOST_LABEL]] = str(value)[:MOST_LABEL]
    return found


def server_of(labels: Mapping[str, str]) -> str:
    """The host that the labels name, without scheme and port: "http://web-1:9100/x" is web-1."""
    for name in _HOST_LABELS:
        if host := _HOST.match(labels.get(name, "").strip()):
            return host[1].strip("[]")[:120]
    return ""


def time_of(value: Any) -> datetime | None:
    """An instant as products write it: ISO 8601, or seconds since 1970. None: it says none."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if not isinstance(value, str) or value.startswith("0001-"):
            return None  # Go's zero time: not over yet
        found = datetime.fromisoformat(value.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _kind(value: Any) -> str:
    kinds = {type(None): "nothing", bool: "a truth value", str: "a text", list: "a list"}
    return kinds.get(type(value), "an object" if isinstance(value, Mapping) else "a number")
