"""Who sends alerts: the rules of each origin, and the ticket that one of its alerts asks for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings

from servers.alerts import Alert
from servers.models import Integration, Server
from servers.problems import Rules
from tickets.intake import DESCRIPTION_MAX_BYTES, TITLE_MAX, Errors, TicketIn, parse
from tickets.models import Department, SupportGroup

SERVERS: Final = "servers"


@dataclass(frozen=True)
class Names:
    """What alerts may name by its id."""

    departments: Mapping[int, str]
    groups: Mapping[int, str]
    servers: Mapping[str, int]  # by name


@dataclass(frozen=True)
class Sender:
    name: str
    rules: Rules
    names: Names
    integration: int | None = None
    server: int | None = None

    def server_of(self, name: str) -> int | None:
        return self.server or self.names.servers.get(name)

    def ticket_of(self, alert: Alert, now: datetime) -> TicketIn | Errors:
        """The ticket that `alert` asks for, or what is wrong with it: field -> messages."""
        wanted: dict[str, Any] = {
            "source": self.name[:40],
            "title": " ".join(clean(alert.title or alert.key).split())[:TITLE_MAX],
            "description": _shortened(clean(alert.body)),
            "impact": alert.impact,
            "urgency": alert.urgency,
            "server": clean(alert.server)[:120],
            "department": self.names.departments.get(alert.department or 0),
            "group": self.names.groups.get(alert.group or 0),
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        item = parse(TicketIn, given, now=now)
        assert isinstance(item, TicketIn | dict)
        return item


def read_senders(origins: Collection[str], alerts: Sequence[Alert] = ()) -> dict[str, Sender]:
    """The senders by origin, with what `alerts` name; an integration that was deleted is missing."""
    ids: dict[str, list[int]] = {"server": [], "integration": []}
    for origin in origins:
        kind, _, pk = origin.partition(":")
        ids[kind].append(int(pk))
    servers = {alert.server for alert in alerts if alert.server}
    names = Names(
        _names(Department, {a.department for a in alerts if a.department}),
        _names(SupportGroup, {a.group for a in alerts if a.group}),
        dict(Server.objects.filter(name__in=servers).values_list("name", "pk")) if servers else {},
    )
    found = {
        f"server:{pk}": Sender(SERVERS, server_rules(), names, server=pk) for pk in ids["server"]
    }
    for one in Integration.objects.filter(pk__in=ids["integration"]) if ids["integration"] else ():
        rules = _rules(one.recovery_grace, one.reopen_window)
        found[f"integration:{one.pk}"] = Sender(one.name, rules, names, integration=one.pk)
    return found


def server_rules() -> Rules:
    return _rules(
        timedelta(seconds=settings.RECOVERY_GRACE_SECONDS), timedelta(hours=settings.REOPEN_WINDOW)
    )


def _rules(grace: timedelta, window: timedelta) -> Rules:
    within = timedelta(minutes=settings.FLAPPING_MINUTES)
    return Rules(grace, window, settings.FLAPPING_CHANGES, within)


def _names(model: type[Department | SupportGroup], ids: Collection[int]) -> dict[int, str]:
    return dict(model.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}


def clean(text: str) -> str:
    """Without what the database cannot keep: NUL characters and halves of surrogate pairs."""
    return text.replace("\x00", "").encode(errors="replace").decode()


def _shortened(text: str) -> str:
    if len(text.encode()) <= DESCRIPTION_MAX_BYTES:
        return text
    return text.encode()[: DESCRIPTION_MAX_BYTES - 3].decode(errors="ignore") + "…"
