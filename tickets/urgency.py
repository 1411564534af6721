"""Pages by priority, the newest first within each. A page's end names both, so that any depth costs the same.

The framework's cursor remembers one column and counts the rows that share its value: here a quarter of all.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils.dateparse import parse_datetime

ORDER = ("priority", "-opened_at", "-id")
_REVERSED = ("-priority", "opened_at", "id")


class Place(NamedTuple):
    """Where a page begins: after this ticket, or before it when one goes back."""

    back: bool
    priority: int
    opened_at: datetime
    pk: int


def encode(place: Place) -> str:
    told = [int(place.back), place.priority, place.opened_at.isoformat(), place.pk]
    return urlsafe_b64encode(json.dumps(told).encode()).decode()


def decode(text: str) -> Place:
    """:raises ValueError: no page gave this out."""
    try:
        back, priority, opened_at, pk = json.loads(urlsafe_b64decode(text.encode()))
        at = parse_datetime(opened_at)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("no place") from error
    numbers = all(type(number) is int and 0 <= number < 2**63 for number in (back, priority, pk))
    if at is None or at.tzinfo is None or not numbers or priority > 9:
        raise ValueError("no place")
    return Place(bool(back), priority, at, pk)


def read_page(tickets: Any, place: Place | None, size: int) -> tuple[list[Any], str, str]:
    """One page of those of `tickets` that have a priority; the cursors of the pages before and after it, or ""."""
    rows = tickets.filter(priority__isnull=False).order_by(*ORDER)
    if place is None:
        found = list(rows[: size + 1])
        return found[:size], "", _after(found, size)
    if place.back:
        found = _from(rows.order_by(*_REVERSED), place, size + 1)
        page = found[:size][::-1]
        before = encode(_place(page[0], back=True)) if len(found) > size else ""
        return page, before, encode(_place(page[-1])) if page else ""
    found = _from(rows, place, size + 1)
    page = found[:size]
    return page, encode(_place(page[0], back=True)) if page else "", _after(found, size)


def _after(found: list[Any], size: int) -> str:
    return encode(_place(found[size - 1])) if len(found) > size else ""


def _place(ticket: Any, *, back: bool = False) -> Place:
    return Place(back, ticket.priority, ticket.opened_at, ticket.pk)


def _from(rows: Any, place: Place, count: int) -> list[Any]:
    """The rest of the place's own priority, then the other ones: each a range of the index."""
    at = place.opened_at
    if place.back:
        beside = Q(opened_at__gte=at) & (Q(opened_at__gt=at) | Q(pk__gt=place.pk))
        others = Q(priority__lt=place.priority)
    else:
        beside = Q(opened_at__lte=at) & (Q(opened_at__lt=at) | Q(pk__lt=place.pk))
        others = Q(priority__gt=place.priority)
    found = list(rows.filter(beside, priority=place.priority)[:count])
    return found if len(found) == count else [*found, *rows.filter(others)[: count - len(found)]]
