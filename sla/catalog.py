"""Everything that is promised, as data: calendars and policies, and what a change makes of them. Pure.

A change is prepared here and looked at (`differences`) before `sla.services.policies` writes it, so that what a
preview shows is what happens.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple

from sla.configfile import ALWAYS, FileConfig
from sla.document import Calendar, PolicyDocument
from sla.problems import Problem

ADMIN: Final = "admin"
FILE: Final = "file"


@dataclass(frozen=True)
class CalendarEntry:
    """`pk` None: not stored yet."""

    calendar: Calendar
    source: str = ADMIN
    pk: int | None = None


@dataclass(frozen=True)
class PolicyEntry:
    """`version` is that of `document`; 0: not published yet."""

    name: str
    document: PolicyDocument
    position: int = 100
    enabled: bool = True
    is_default: bool = False
    source: str = ADMIN
    pk: int | None = None
    version: int = 0


@dataclass(frozen=True)
class Catalog:
    calendars: tuple[CalendarEntry, ...] = ()
    policies: tuple[PolicyEntry, ...] = ()

    def calendar(self, name: str) -> CalendarEntry | None:
        return next((entry for entry in self.calendars if entry.calendar.name == name), None)

    def policy(self, name: str) -> PolicyEntry | None:
        return next((entry for entry in self.policies if entry.name == name), None)

    def users_of(self, calendar: str) -> list[PolicyEntry]:
        return [entry for entry in self.policies if entry.document.calendar.name == calendar]

    def in_order(self) -> list[PolicyEntry]:
        """The enabled policies as they are asked: the default last."""
        enabled = [entry for entry in self.policies if entry.enabled]
        return sorted(
            enabled, key=lambda p: (p.is_default, p.position, p.pk is None, p.pk or 0, p.name)
        )

    def put_calendar(self, entry: CalendarEntry) -> "Catalog":
        """Add it, or replace the one with its `pk`; the policies that use that one follow."""
        old = next((known for known in self.calendars if known.pk == entry.pk), None)
        if entry.pk is None or old is None:
            return replace(self, calendars=(*self.calendars, entry))
        calendars = tuple(entry if known is old else known for known in self.calendars)
        name = old.calendar.name
        policies = tuple(
            _with_document(policy, policy.document.model_copy(update={"calendar": entry.calendar}))
            if policy.document.calendar.name == name
            else policy
            for policy in self.policies
        )
        return Catalog(calendars, policies)

    def drop_calendar(self, pk: int) -> "Catalog":
        return replace(self, calendars=tuple(c for c in self.calendars if c.pk != pk))

    def put_policy(self, entry: PolicyEntry) -> "Catalog":
        """Add it, or replace the one with its `pk`."""
        old = next((known for known in self.policies if known.pk == entry.pk), None)
        if entry.pk is None or old is None:
            return replace(self, policies=(*self.policies, replace(entry, version=0)))
        new = _with_document(
            replace(entry, document=old.document, version=old.version), entry.document
        )
        return replace(self, policies=tuple(new if p is old else p for p in self.policies))

    def with_file(self, config: FileConfig) -> "Catalog":
        """What the file makes of it. What left the file is disabled; a calendar that is not used goes.

        :raises sla.yamlfile.WrongFile: names that people's rows own, calendars that nobody knows.
        """
        result, problems = self, list[Problem]()
        for name, calendar in config.calendars.items():
            known = self.calendar(name)
            if known is not None and (known.source == ADMIN or name == ALWAYS):
                problems.append((("calendars", name), _taken("calendar", name)))
            else:
                pk = known.pk if known else None
                result = result.put_calendar(CalendarEntry(calendar, FILE, pk))
        for place, policy in enumerate(config.policies, start=1):
            path = config.places[policy.name]
            old, hours = result.policy(policy.name), result.calendar(policy.calendar)
            if old is not None and old.source == ADMIN:
                problems.append(((*path, "name"), _taken("policy", policy.name)))
            elif hours is None:
                known_names = ", ".join(sorted(entry.calendar.name for entry in result.calendars))
                message = f"There is no calendar {policy.calendar!r}. Known: {known_names}."
                problems.append(((*path, "calendar"), message))
            else:
                document = policy.document(hours.calendar)
                pk = old.pk if old else None
                new = PolicyEntry(policy.name, document, 10 * place, source=FILE, pk=pk)
                result = result.put_policy(new)
        config.refuse(problems)
        return result._without_what_left(config)

    def _without_what_left(self, config: FileConfig) -> "Catalog":
        policies = tuple(
            replace(policy, enabled=False)
            if policy.source == FILE and policy.name not in config.places
            else policy
            for policy in self.policies
        )
        calendars = tuple(
            entry
            for entry in self.calendars
            if entry.source == ADMIN
            or entry.calendar.name in config.calendars
            or self.users_of(entry.calendar.name)
        )
        return Catalog(calendars, policies)


def _with_document(policy: PolicyEntry, document: PolicyDocument) -> PolicyEntry:
    same = document.canonical() == policy.document.canonical()
    return policy if same else replace(policy, document=document, version=0)


def _taken(kind: str, name: str) -> str:
    return f"The {kind} {name!r} is kept in the admin. Use another name here, or rename it there."


class FieldChange(NamedTuple):
    field: str
    old: str
    new: str


@dataclass(frozen=True)
class Change:
    """What would become different about a calendar or a policy."""

    kind: Literal["calendar", "policy"]
    name: str
    action: Literal["new", "changed", "enabled", "disabled", "removed"]
    fields: tuple[FieldChange, ...] = ()


def differences(before: Catalog, after: Catalog) -> list[Change]:
    """Calendars first; what stays as it is is left out."""
    found: list[Change] = []
    old_calendars = {entry.pk: entry for entry in before.calendars}
    for calendar in after.calendars:
        old = old_calendars.pop(calendar.pk, None) if calendar.pk is not None else None
        fields = _compare(
            _of_calendar(old.calendar) if old else {}, _of_calendar(calendar.calendar)
        )
        if fields or old is None:
            action: Literal["new", "changed"] = "changed" if old else "new"
            found.append(Change("calendar", calendar.calendar.name, action, fields))
    found += [Change("calendar", gone.calendar.name, "removed") for gone in old_calendars.values()]
    old_policies = {entry.pk: entry for entry in before.policies}
    for policy in after.policies:
        was = old_policies.get(policy.pk) if policy.pk is not None else None
        fields = _compare(_of_policy(was) if was else {}, _of_policy(policy))
        if was is not None and _other_hours(was.document.calendar, policy.document.calendar):
            # They are told with the calendar; here only that this policy gets them.
            name = policy.document.calendar.name
            fields = (*fields, FieldChange("calendar", name, f"{name}, as changed"))
        if was is None:
            found.append(Change("policy", policy.name, "new", fields))
        elif was.enabled != policy.enabled:
            action_of = "enabled" if policy.enabled else "disabled"
            found.append(Change("policy", policy.name, action_of, fields))  # type: ignore[arg-type]
        elif fields:
            found.append(Change("policy", policy.name, "changed", fields))
    return found


def _of_calendar(calendar: Calendar) -> dict[str, str]:
    data = calendar.model_dump(mode="json")
    days = {day["date"]: day["name"] for day in data.pop("holidays")}
    return _flat({**data, "holidays": days})


def _of_policy(policy: PolicyEntry) -> dict[str, str]:
    data = policy.document.canonical()
    calendar = data.pop("calendar")
    fields = {"name": policy.name, "position": str(policy.position), "calendar": calendar["name"]}
    return {**fields, **_flat(data)}


def _other_hours(old: Calendar, new: Calendar) -> bool:
    return old.name == new.name and old != new


def _compare(old: dict[str, str], new: dict[str, str]) -> tuple[FieldChange, ...]:
    names = dict.fromkeys([*new, *old])
    pairs = [(name, old.get(name, ""), new.get(name, "")) for name in names]
    return tuple(FieldChange(*pair) for pair in pairs if pair[1] != pair[2])


def _flat(data: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """`{"tiers": {"gold": …}}` as `{"tiers.gold.P1.resolution": "4h"}`; what is empty is left out."""
    flat: dict[str, str] = {}
    for name, value in data.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict):
            flat |= _flat(value, f"{path}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            items: Iterable[tuple[int, Any]] = enumerate(value)
            for i, item in items:
                flat |= _flat(item, f"{path}[{i}].")
        elif isinstance(value, list):
            flat |= {path: ", ".join(map(str, value))} if value else {}
        elif isinstance(value, bool):
            flat |= {path: "yes"} if value else {}
        elif value is not None and value != "":
            flat[path] = f"{value:g}" if isinstance(value, float) else str(value)
    return flat
