"""Checks: made, changed, removed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from servers.models import Cause, Check, CheckKind, Kind
from servers.services.judging import judge_servers
from servers.services.probing import check_target, parse_target
from workers.addresses import Refused

#: Changed, these make a check another one: what it said before no longer counts.
_MEANING: Final = {"kind", "target", "status_min", "status_max", "max_milliseconds", "enabled"}


def problems(values: Mapping[str, Any], *, check: Check | None = None) -> dict[str, list[str]]:
    """Return what is wrong with a new check, or with these changes of one: field -> messages.

    Looks the target up, which may take seconds.
    """
    errors: dict[str, list[str]] = {}
    before = check or Check()

    def value(name: str) -> Any:
        return values[name] if name in values else getattr(before, name)

    server = value("server")
    if server is not None and server.kind != Kind.MONITORED:
        errors["server"] = [f"{server} is simulated: only monitored servers are checked."]
    if check is not None and server != check.server:
        errors["server"] = ["A check stays with its server. Make a new one."]
    if {"kind", "target"} & values.keys():
        try:
            check_target(parse_target(CheckKind(value("kind")), value("target")))
        except Refused as error:
            errors["target"] = [str(error)]
    if value("status_min") > value("status_max"):
        errors["status_max"] = ["The highest status is below the lowest."]
    return errors


@transaction.atomic
def create_check(*, values: Mapping[str, Any], now: datetime) -> Check:
    """Make a check of values without `problems`. It is made for the first time at once."""
    return Check.objects.create(**values, next_at=now)


@transaction.atomic
def change_check(*, check: Check, values: Mapping[str, Any], now: datetime) -> Check:
    """Change values without `problems`. A look that is under way counts no more, the next one comes at once."""
    columns = {"next_at": now, "lease_token": None, "lease_until": None, **values}
    if _MEANING & values.keys():
        columns |= {"verdict": "", "outcome": "", "streak": 0}
    Check.objects.filter(pk=check.pk).update(**columns)
    judge_servers(ids=[check.server_id], trigger=Cause.CHECK, now=now)
    check.refresh_from_db()
    return check


@transaction.atomic
def delete_check(*, check: Check, now: datetime) -> None:
    """Remove a check with its results. What else is said of its server decides from now on."""
    check.delete()
    judge_servers(ids=[check.server_id], trigger=Cause.CHECK, now=now)
