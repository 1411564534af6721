"""From a body to alerts: taken apart by its product's module, put into words by templates."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from types import ModuleType
from typing import Any, Final

import msgspec

from servers.alerts import Action, Alert, Severity
from servers.sources import alertmanager, events, generic, grafana, healthchecks, sentry
from servers.sources.raw import BadBody, Ignored, Raw, Templates
from servers.sources.sandbox import BrokenTemplate, check, render
from servers.sources.severities import LEVELS, severity_of

PRODUCTS: Final[dict[str, ModuleType]] = {
    "alertmanager": alertmanager,
    "grafana": grafana,
    "events": events,
    "healthchecks": healthchecks,
    "sentry": sentry,
    "generic": generic,
}
MOST_ALERTS: Final = 500  # in one body
MOST_KEY: Final = 300
MOST_TITLE: Final = 255
MOST_BODY: Final = 64 * 1024  # bytes
_YES: Final = ("true", "1", "yes", "on")
_NO: Final = ("false", "0", "no", "off", "none", "")


class Unreadable(Exception):
    """A body that no alerts can be made of. The message names the field or template."""


@dataclass(frozen=True)
class Sender:
    """What is known of whoever sent a body. `templates` are those that differ from the product's own."""

    product: str
    origin: str
    templates: Mapping[str, str]
    department: int | None = None
    group: int | None = None


@dataclass(frozen=True)
class Read:
    alert: Alert
    severity: Severity | None


def defaults(product: str) -> dict[str, str]:
    """The product's own templates, by name; none for products without HTTP."""
    return asdict(PRODUCTS[product].TEMPLATES) if product in PRODUCTS else {}


def wrong_templates(templates: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what is wrong with templates, whatever they will be given: name -> messages."""
    errors = {}
    for name, source in templates.items():
        try:
            check(source)
        except BrokenTemplate as error:
            errors[name] = [str(error)]
    return errors


def read(
    sender: Sender, body: bytes, *, delivery: int, received_at: datetime
) -> list[Read | Ignored]:
    """Return what `body` says, in its order. `delivery`, its number, names what the sender gave no name.

    :raises Unreadable: it is not what the product sends, or a template cannot be rendered with it.
    """
    try:
        found = PRODUCTS[sender.product].read(_parse(body))
        if len(found) > MOST_ALERTS:
            raise BadBody(f"body: send at most {MOST_ALERTS} alerts at once, not {len(found)}.")
    except BadBody as error:
        raise Unreadable(str(error)) from None
    templates = Templates(**{**defaults(sender.product), **sender.templates})
    return [
        one if isinstance(one, Ignored) else _worded(one, sender, templates, delivery, received_at)
        for one in found
    ]


def _parse(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadBody(f"body: it is not JSON: {error}.") from None
    except RecursionError:
        raise BadBody("body: it is nested too deeply.") from None


def _worded(
    raw: Raw, sender: Sender, templates: Templates, delivery: int, received_at: datetime
) -> Read:
    variables = {"payload": raw.payload, "labels": raw.labels}

    def text(name: str, *, cut: bool = False) -> str:
        try:
            return _storable(render(getattr(templates, name), variables, cut=cut))
        except BrokenTemplate as error:
            raise Unreadable(f"{name}: {error}") from None

    action = Action.ACKNOWLEDGE if raw.acknowledges else _action(text("resolve_condition"))
    key = " ".join(text("group_key").split())
    title = ""
    # Who ends a problem need not describe it again.
    if action is Action.TRIGGER or sender.product not in ("events", "generic") or not key:
        title = " ".join(text("title").split())[:MOST_TITLE]
        if not title:
            raise Unreadable("title: it is empty.")
    severity = severity_of(text("severity"))
    impact, urgency = LEVELS[severity] if severity else (None, None)
    alert = Alert(
        origin=sender.origin,
        key=_key(key, sender.product, title, raw.server, delivery),
        action=action,
        title=title,
        # By a clock that is ahead it would outdo what comes after it.
        at=min(raw.at or received_at, received_at),
        received_at=received_at,
        body=_tidy(text("body", cut=True)) if action is Action.TRIGGER else "",
        impact=impact,
        urgency=urgency,
        labels={_storable(name): _storable(value) for name, value in raw.labels.items()},
        server=_storable(raw.server),
        began=min(raw.began, received_at) if raw.began else None,
        department=sender.department,
        group=sender.group,
    )
    return Read(alert, severity)


def generated_key(delivery: int) -> str:
    """What an event without a dedup_key is called: each is a problem of its own."""
    return f"auto:1:{delivery}"


def _key(given: str, product: str, title: str, server: str, delivery: int) -> str:
    """Kinds of keys that we make carry a version, so that another way of making them splits no open problem."""
    if len(given) > MOST_KEY:
        return f"long:1:{hashlib.sha256(given.encode()).hexdigest()}"
    if given:
        return given
    if product == "events":
        return generated_key(delivery)
    told = f"{title}\n{server}".encode()
    return f"auto:1:{hashlib.sha256(told).hexdigest()[:32]}"


def _action(condition: str) -> Action:
    word = condition.strip().lower()
    if word not in (*_YES, *_NO):
        raise Unreadable(
            f"resolve_condition: it says {word[:40]!r}; let it be a comparison, which is True or False."
        )
    return Action.RESOLVE if word in _YES else Action.TRIGGER


def _storable(text: str) -> str:
    return text.replace("\x00", "")


def _tidy(text: str) -> str:
    lines = (line.rstrip() for line in text.strip().splitlines())
    kept = re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
    return kept.encode()[:MOST_BODY].decode(errors="ignore")
