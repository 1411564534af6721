"""The catalog and its tables: reading it whole, writing what changed. Every change of a policy passes here."""

from collections.abc import Iterable
from typing import Final

from django.db import connection, transaction
from django.db.models import Max
from django.db.models.functions import Now

from sla import promises
from sla.business_hours import BusinessHours
from sla.catalog import CalendarEntry, Catalog, PolicyEntry
from sla.document import PolicyTerms
from sla.models import BusinessCalendar, Channel, SlaPolicy, SlaPolicyVersion
from sla.problems import Problem
from sla.promises import Policies, Promise
from tickets.models import Department, SupportGroup
from tickets.services import UnknownNames

_SHOWN: Final = 20


class WrongFields(UnknownNames):
    """A policy or calendar says what cannot be. The API answers 400 with `errors` by field."""


def read_catalog() -> Catalog:
    """All calendars, and all policies with their newest versions."""
    newest = (
        SlaPolicyVersion.objects.select_related("policy")
        .order_by("policy", "-number")
        .distinct("policy")
    )
    return Catalog(
        tuple(
            CalendarEntry(row.document(), row.source, row.pk)
            for row in BusinessCalendar.objects.order_by("name")
        ),
        tuple(
            PolicyEntry(
                name=row.policy.name,
                document=row.read(),
                position=row.policy.position,
                enabled=row.policy.enabled,
                is_default=row.policy.is_default,
                source=row.policy.source,
                pk=row.policy_id,
                version=row.pk,
            )
            for row in newest
        ),
    )


def lock_catalog() -> Catalog:
    """Let nobody else change policies or calendars until the transaction ends; readers go on."""
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {SlaPolicy._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")
    return read_catalog()


def in_force(catalog: Catalog) -> Policies:
    """What would hold if `catalog` were stored. A document that is not published has version 0."""
    return Policies(
        [
            Promise(
                entry.version, entry.name, entry.document, BusinessHours(entry.document.calendar)
            )
            for entry in catalog.in_order()
        ]
    )


def store(before: Catalog, after: Catalog, *, actor: str) -> None:
    """Write what is different, inside the caller's transaction, which has locked the catalog."""
    _store_calendars(before, after)
    ids = _store_policies(before, after)
    numbers = dict(
        SlaPolicyVersion.objects.filter(policy__in=ids.values())
        .values_list("policy")
        .annotate(Max("number"))
    )
    SlaPolicyVersion.objects.bulk_create(
        SlaPolicyVersion(
            policy_id=ids[entry.name],
            number=numbers.get(ids[entry.name], 0) + 1,
            document=entry.document.canonical(),
            created_by=actor,
        )
        for entry in after.policies
        if not entry.version
    )
    promises.forget()
    transaction.on_commit(promises.forget)


def _store_calendars(before: Catalog, after: Catalog) -> None:
    old = {entry.pk: entry for entry in before.calendars}
    for entry in after.calendars:
        if entry.pk is not None and old.pop(entry.pk) == entry:
            continue
        values = {**entry.calendar.model_dump(mode="json"), "source": entry.source}
        if entry.pk is None:
            BusinessCalendar.objects.create(**values)
        else:
            BusinessCalendar.objects.filter(pk=entry.pk).update(**values, updated_at=Now())
    BusinessCalendar.objects.filter(pk__in=[pk for pk in old if pk is not None]).delete()


def _store_policies(before: Catalog, after: Catalog) -> dict[str, int]:
    """Return the ids of all policies by name."""
    old = {entry.pk: entry for entry in before.policies}
    ids: dict[str, int] = {}
    for entry in after.policies:
        values = {
            "name": entry.name,
            "position": entry.position,
            "enabled": entry.enabled,
            "source": entry.source,
        }
        if entry.pk is None:
            ids[entry.name] = SlaPolicy.objects.create(**values).pk
            continue
        ids[entry.name] = entry.pk
        was = old[entry.pk]
        if any(getattr(was, name) != value for name, value in values.items()):
            SlaPolicy.objects.filter(pk=entry.pk).update(**values)
    return ids


class KnownNames:
    """The departments, groups and channels that policies may name."""

    def __init__(self) -> None:
        self.departments = set(Department.objects.values_list("name", flat=True))
        self.groups = set(SupportGroup.objects.values_list("name", flat=True))
        self.channels = set(Channel.objects.values_list("name", flat=True))

    def problems(self, terms: PolicyTerms) -> list[Problem]:
        """Every name in `terms` that nobody has, with its place."""
        found = [
            (("departments", i), _unknown("department", name, self.departments))
            for i, name in enumerate(terms.departments)
            if name not in self.departments
        ]
        problems: list[Problem] = [*found]
        for i, level in enumerate(terms.levels):
            if level.assign_group and level.assign_group not in self.groups:
                message = _unknown("group", level.assign_group, self.groups)
                problems.append((("levels", i, "assign_group"), message))
            for j, name in enumerate(level.notify.channels):
                if name not in self.channels:
                    path = ("levels", i, "notify", "channels", j)
                    problems.append((path, _unknown("channel", name, self.channels)))
        return problems


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    listed = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    return f"There is no {kind} {name[:80]!r}. Known: {listed or 'none'}."
