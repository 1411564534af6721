"""Maintenance windows: announced, changed and called off by people."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django.db import transaction

from servers.models import MaintenanceWindow

LONGEST: Final = timedelta(days=90)
_MOST_LABELS: Final = 10
_LONGEST_LABEL: Final = 300

Errors = dict[str, list[str]]


def problems(values: Mapping[str, Any], *, window: MaintenanceWindow | None = None) -> Errors:
    """What is wrong with a new window, or with these changes of one: field -> messages."""
    errors: Errors = {}
    starts, ends = (
        values.get(name, getattr(window, name, None)) for name in ("starts_at", "ends_at")
    )
    if starts and ends and ends <= starts:
        errors["ends_at"] = ["It must end after it starts."]
    elif starts and ends and ends - starts > LONGEST:
        errors["ends_at"] = [f"It may last {LONGEST.days} days at most."]
    if "labels" in values and (wrong := wrong_labels(values["labels"])):
        errors["labels"] = [wrong]
    return errors


def wrong_labels(labels: Any) -> str:
    """What is wrong with labels that shall say what is covered; "" if nothing is."""
    if not isinstance(labels, dict) or not labels:
        return 'Say what it covers, such as {"region": "eu-1"} or {"server": "db-1"}.'
    if len(labels) > _MOST_LABELS:
        return f"At most {_MOST_LABELS} labels."
    for name, value in labels.items():
        if not isinstance(value, str) or not name or not value:
            return f"{name or 'A label'}: give its name and value as text."
        if len(name + value) > _LONGEST_LABEL:
            return f"{name[:20]}: at most {_LONGEST_LABEL} characters for name and value."
        if "\x00" in name + value:
            return f"{name!r}: must not contain NUL characters."
    return ""


@transaction.atomic
def create_window(*, values: Mapping[str, Any], actor: str) -> MaintenanceWindow:
    return MaintenanceWindow.objects.create(**values, created_by=actor)


@transaction.atomic
def change_window(*, window: MaintenanceWindow, values: Mapping[str, Any]) -> MaintenanceWindow:
    """What it covered and does not any more, and still fires, gets its ticket within seconds."""
    for name, value in values.items():
        setattr(window, name, value)
    window.save(update_fields=list(values))
    return window


@transaction.atomic
def delete_windows(*, ids: Sequence[int]) -> int:
    """Call windows off. What fires gets its ticket within seconds."""
    return MaintenanceWindow.objects.filter(pk__in=ids).delete()[0]
