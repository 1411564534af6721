"""How many tickets each value of each filter would show, for the list that is shown.

Each facet leaves its own filter out, so that one sees what choosing another value would bring; tags, of which all
that are chosen must be there, do not. At most MOST of the newest are counted, for nobody waits for a million; and
where those are so rare that to find them takes too long, those among the newest WINDOW tickets.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, transaction
from django.db.models import Case, CharField, Value, When
from django.db.models.functions import Now
from psycopg.errors import QueryCanceled

from tickets.filters import TicketFilter
from tickets.lifecycle import Status
from tickets.models import (
    Category,
    Department,
    Priority,
    SlaState,
    SupportGroup,
    Ticket,
    Tier,
    TriageStatus,
)
from tickets.querysets import RANKED_MATCHES, newest_matches, search_query, sla_conditions

#: So many tickets are counted, the newest: below it the counts are exact.
MOST: Final = 10_000
#: So long the counts of one list may take together, before only the newest tickets are looked at.
PATIENCE: Final = 0.12  # seconds
WINDOW: Final = 20_000
#: So many values of one facet are told, the most frequent.
SHOWN: Final = 20

#: Facet, which is the name of its filter -> column.
COLUMNS: Final[Mapping[str, str]] = {
    "status": "status",
    "priority": "priority",
    "department": "department_id",
    "group": "group_id",
    "category": "category_id",
    "tier": "customer_tier",
    "assignee": "assignee_id",
    "sla_state": "standing",
    "triage_status": "triage_status",
}
TAG: Final = "tag"
#: Stands for no value.
NOBODY: Final = ""
_TAGS: Final = -1
NAMES: Final = (*COLUMNS, TAG)
_CHOICES: Final[Mapping[str, Any]] = {
    "status": Status,
    "priority": Priority,
    "tier": Tier,
    "sla_state": SlaState,
    "triage_status": TriageStatus,
}


@dataclass(frozen=True)
class Count:
    value: str
    label: str
    count: int


@dataclass(frozen=True)
class Facet:
    exact: bool
    values: list[Count]


@dataclass(frozen=True)
class Facets:
    """`count` tickets are in the list; when that is not `exact`, there are at least so many."""

    count: int
    exact: bool
    facets: dict[str, Facet]


def facets(
    filters: Mapping[str, str],
    *,
    tickets: Any,
    request: Any,
    most: int = MOST,
    patience: float = PATIENCE,
) -> Facets | dict[str, Any]:
    """Count those of `tickets` that the list would show with `filters`, or say what is wrong: filter -> messages.

    `request` says who `me` is. Of an `ordering` those count that the list shows in this order.
    """
    tickets = tickets.shown_in(filters.get("ordering", ""))
    whole = TicketFilter(filters, queryset=tickets, request=request)
    if not whole.is_valid():
        return dict(whole.errors)
    until = time.monotonic() + patience
    given = {name: value for name, value in filters.items() if value.strip(" ,")}
    every = True
    if text := given.pop("q", "").strip():
        tickets, every = _matching(tickets, text)
    oldest = cache(_oldest_of_window)

    def rows(without: str = "") -> Any:
        kept = {name: value for name, value in given.items() if name != without}
        return TicketFilter(kept, queryset=tickets, request=request).qs

    used = [name for name in COLUMNS if name in given]
    unused = [name for name in COLUMNS if name not in used]
    count, exact, counted = _counts(rows(), unused, most, until, oldest, tags=True)
    found = {name: (exact, values) for name, values in counted.items()}
    for name in used:
        _, sure, counted = _counts(rows(without=name), [name], most, until, oldest)
        found[name] = (sure, counted[name])
    labels = _labels({name: values for name, (_, values) in found.items()})
    told = {
        name: Facet(sure and every, _told(values, labels[name]))
        for name, (sure, values) in found.items()
    }
    return Facets(count, exact and every, told)


def _matching(tickets: Any, text: str) -> tuple[Any, bool]:
    """Those of `tickets` among the newest that the words find, and whether older ones cannot be there."""
    query = search_query(text)
    ids = newest_matches(query) if query is not None else []
    return tickets.filter(pk__in=ids), len(ids) < RANKED_MATCHES


def _counts(
    rows: Any,
    names: Sequence[str],
    most: int,
    until: float,
    oldest_of_window: Callable[[], datetime | None],
    *,
    tags: bool = False,
) -> tuple[int, bool, dict[str, dict[str, int]]]:
    """How many of `rows` there are, whether that is all of them, and per facet how many have which value."""
    if "sla_state" in names:
        rows = rows.annotate(standing=_standing())
    left = int((until - time.monotonic()) * 1000)
    if left > 0 and (counted := _within(left, lambda: _group(rows, names, most, tags))):
        return counted[0], counted[0] < most, counted[1]
    oldest = oldest_of_window()
    window = rows if oldest is None else rows.filter(opened_at__gt=oldest)
    total, found = _group(window, names, most, tags)
    return total, oldest is None and total < most, found


def _oldest_of_window() -> datetime | None:
    """When the newest ticket outside the window was opened; None: all are inside."""
    newest = Ticket.objects.order_by("-opened_at", "-id").values_list("opened_at", flat=True)
    return newest[WINDOW : WINDOW + 1].first()


def _within(milliseconds: int, work: Callable[[], Any]) -> Any:
    """What `work` answers; None when the database had not done it by then."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
            answer = work()
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
            return answer
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            return None
        raise


def _group(
    rows: Any, names: Sequence[str], most: int, tags: bool
) -> tuple[int, dict[str, dict[str, int]]]:
    """Count the newest of `rows` in one statement."""
    columns = [COLUMNS[name] for name in names]
    wanted = rows.order_by("-opened_at", "-id").values_list("pk", "tags", *columns)[:most]
    sql, given = wanted.query.sql_with_params()
    named = ", ".join(["pk", "tags", *columns])
    sets = ", ".join(["()", *(f"({column})" for column in columns)])
    told = ", ".join(f"{column}::text" for column in columns)
    statement = f"""WITH chosen ({named}) AS MATERIALIZED ({sql})
        SELECT {f"GROUPING({', '.join(columns)})" if columns else 0}, count(*), ARRAY[{told}]::text[]
          FROM chosen GROUP BY GROUPING SETS ({sets})"""
    if tags:
        statement += f""" UNION ALL
            (SELECT {_TAGS}, count(*), ARRAY[tag] FROM chosen, unnest(tags) AS tag
              WHERE tags <> '{{}}' GROUP BY tag ORDER BY count(*) DESC, tag LIMIT {SHOWN})"""
    counted: dict[str, dict[str, int]] = {name: {} for name in (*names, TAG)}
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        answer = cursor.fetchall()
    total, everything = 0, 2 ** len(names) - 1
    for grouping, count, values in answer:
        if grouping == everything:  # a bit is set for each column that is not told apart
            total = count
        elif grouping == _TAGS:
            counted[TAG][values[0]] = count
        else:
            place = len(names) - (everything - grouping).bit_length()
            counted[names[place]][values[place] or NOBODY] = count
    return total, counted


def _standing() -> Case:
    """`sla_state` of each ticket, as SQL."""
    conditions = sla_conditions(Now())
    whens = [
        When(conditions[state], then=Value(state))
        for state in ("breached", "warning", "paused", "none")
    ]
    return Case(*whens, default=Value("ok"), output_field=CharField())


def _labels(found: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, tuple[str, str]]]:
    """Facet -> stored value as text -> (value as the filter takes it, label)."""
    labels: dict[str, dict[str, tuple[str, str]]] = {
        name: {str(c.value): (str(c.value), short(c)) for c in choices}
        for name, choices in _CHOICES.items()
    }
    labels[TAG] = {tag: (tag, tag) for tag in found.get(TAG, ())}
    for name, model in (("department", Department), ("group", SupportGroup)):
        rows: Any = model._default_manager
        labels[name] = {str(pk): (n, n) for pk, n in rows.values_list("pk", "name")}
    labels["category"] = {
        str(pk): (slug, name)
        for pk, slug, name in Category.objects.values_list("pk", "slug", "name")
    }
    people = get_user_model().objects.filter(pk__in=[key for key in found["assignee"] if key])
    labels["assignee"] = {NOBODY: ("none", "Nobody")} | {
        str(p.pk): (p.get_username(), p.get_full_name() or p.get_username()) for p in people
    }
    return labels


def short(choice: Any) -> str:
    """A choice's label without what explains it: "none: nothing is promised" -> "None"."""
    word = str(choice.label).partition(":")[0]
    return word[0].upper() + word[1:]


def _told(values: Mapping[str, int], labels: Mapping[str, tuple[str, str]]) -> list[Count]:
    """The most frequent first. A value that no filter can name, such as no priority yet, is left out."""
    told = [Count(*labels[value], count) for value, count in values.items() if value in labels]
    told.sort(key=lambda one: (-one.count, one.label))
    return told[:SHOWN]
