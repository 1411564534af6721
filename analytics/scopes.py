"""Whose tickets are asked about: what the asker may see, and of these a department's, a group's or an agent's."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.contrib.auth import get_user_model

from tickets.models import Category, Department, SupportGroup
from tickets.naming import find_row
from tickets.querysets import hidden_department_ids
from tickets.services import UnknownNames

#: For tickets without a department, group, agent, category or priority.
NONE: Final = "none"
PRIORITIES: Final = {1: "critical", 2: "high", 3: "medium", 4: "low", 0: NONE}
_LISTED: Final = 10


class By(StrEnum):
    """What figures can be broken down by."""

    DEPARTMENT = "department"
    GROUP = "group"
    AGENT = "agent"
    PRIORITY = "priority"


@dataclass(frozen=True)
class Scope:
    """Ids; None: all that are not hidden."""

    hidden: tuple[int, ...] = ()
    department: int | None = None
    group: int | None = None
    agent: int | None = None

    def condition(self) -> tuple[str, dict[str, Any]]:
        """As SQL over a table with the columns of these names, and its parameters."""
        parts, given = ["true"], {}
        if self.hidden:
            parts.append("department_id <> ALL(%(hidden)s)")
            given["hidden"] = list(self.hidden)
        for name in ("department", "group", "agent"):
            if (value := getattr(self, name)) is not None:
                parts.append(f"{name}_id = %({name})s")
                given[name] = value
        return " AND ".join(parts), given


def scope_of(
    user: Any,
    *,
    department: str | None = None,
    group: str | None = None,
    agent: str | None = None,
) -> Scope:
    """What `user` asks about; names as people write them.

    :raises UnknownNames: there is no such department, group or agent, or the user may not see it.
    """
    hidden = hidden_department_ids(user)
    seen = {
        "department": Department.objects.visible_to(user),
        "group": SupportGroup.objects.exclude(department__in=hidden),
        "agent": get_user_model().objects.all(),
    }
    asked = {"department": department, "group": group, "agent": agent}
    ids, errors = {}, {}
    for name, value in asked.items():
        if value is None or value == "":
            continue
        ids[name] = _id_of(name, value, seen[name])
        if ids[name] is None:
            errors[name] = [_unknown(name, value, seen[name])]
    if errors:
        raise UnknownNames(errors)
    return Scope(tuple(hidden), **ids)


def _id_of(kind: str, value: str, rows: Any) -> int | None:
    found = find_row(rows, value, "username" if kind == "agent" else "name")
    return None if found is None else found.pk


def _unknown(kind: str, value: str, rows: Any) -> str:
    if kind == "agent":
        return f"Nobody with the login name {value[:80]!r} works here."  # no list of people
    known = list(rows.order_by("name").values_list("name", flat=True)[: _LISTED + 1])
    more = ", …" if len(known) > _LISTED else ""
    return (
        f"There is no {kind} {value[:80]!r}. Known: {', '.join(known[:_LISTED]) or 'none'}{more}."
    )


def names_of(by: By, scope: Scope) -> dict[int, str]:
    """id -> name of everything that figures are broken down by; 0 stands for none."""
    if by is By.PRIORITY:
        return dict(PRIORITIES)
    if by is By.DEPARTMENT:
        rows = Department.objects.exclude(pk__in=scope.hidden)
        return {**dict(rows.order_by("name").values_list("pk", "name")), 0: NONE}
    if by is By.GROUP:
        groups = SupportGroup.objects.exclude(department__in=scope.hidden)
        return {**dict(groups.order_by("name").values_list("pk", "name")), 0: NONE}
    # What nobody works on has no agent: it is left out, not counted as somebody's.
    return dict(get_user_model().objects.order_by("username").values_list("pk", "username"))


def categories() -> Mapping[int, str]:
    return {**dict(Category.objects.values_list("pk", "slug")), 0: NONE}
