"""Names of departments, groups, categories and people, as senders write them, looked up in one go."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models

from tickets.intake import Errors
from tickets.models import Category, Department, SupportGroup
from tickets.naming import find_in, known_by

LOOKED_UP = ("category", "department", "group", "assignee")


class Directory:
    """Reads each kind of name at most once, and only when somebody asks for one."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}

    def resolve(self, fields: dict[str, Any]) -> Errors:
        """Replace names in `fields` by rows, and return what is unknown: field -> messages."""
        errors: Errors = {}
        for field in LOOKED_UP:
            name = fields.get(field)
            if name is None or isinstance(name, models.Model):
                continue
            known = self._of(field)
            if (row := find_in(known, name)) is not None:
                fields[field] = row
            else:
                errors[field] = [_unknown(field, name, known.values())]
        group, department = fields.get("group"), fields.get("department")
        if isinstance(group, SupportGroup):
            if department is None:
                fields["department"] = self._of("department")[group.department.name]
            elif isinstance(department, Department) and group.department_id != department.pk:
                errors["group"] = [
                    f"{group.name} belongs to {group.department.name}, not {department.name}."
                ]
        return errors

    def _of(self, field: str) -> dict[str, Any]:
        if field not in self._known:
            self._known[field] = self._read(field)
        return self._known[field]

    def _read(self, field: str) -> dict[str, Any]:
        if field == "department":
            return known_by((row.name, row) for row in Department.objects.order_by("pk"))
        if field == "group":
            groups = SupportGroup.objects.select_related("department").order_by("pk")
            return known_by((row.name, row) for row in groups)
        if field == "assignee":
            people = get_user_model().objects.filter(is_active=True).order_by("pk")
            return known_by((person.get_username(), person) for person in people)
        found: dict[str, Any] = {}
        for row in Category.objects.all():
            found |= {word.casefold(): row for word in (*row.aliases, row.name, row.slug)}
        return found


def _unknown(field: str, name: str, rows: Iterable[Any]) -> str:
    if field == "assignee":
        return f"Nobody with the login name {name!r} works here."  # no list of people
    right = sorted({getattr(row, "slug", str(row)) for row in rows})
    return f"{name!r} is not a {field}. Use one of: {', '.join(right)}."
