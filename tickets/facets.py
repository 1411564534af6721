"""How many tickets each value of each filter would show, for the list that is shown.

Each facet leaves its own filter out, so that one sees what choosing another value would bring; tags, of which all
that are chosen must be there, do not. At most MOST of the newest are counted, for nobody waits for a million. What
cannot be counted within PATIENCE, because such tickets are rare and far apart, is counted among the newest WINDOW
tickets of the desk, all facets in one statement: so the whole takes little longer, whatever is asked.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Case, CharField, IntegerField, Value, When
from django.db.models.functions import Now

from tickets.counting import ALL, TAG, Line, count_newest, in_time, opened_before_the_newest
from tickets.filters import TicketFilter
from tickets.lifecycle import Status
from tickets.models import (
    Category,
    Department,
    Priority,
    SlaState,
    SupportGroup,
    Tier,
    TriageStatus,
)
from tickets.querysets import RANKED_MATCHES, newest_matches, search_query, sla_conditions
from tickets.words import short_label

#: So many tickets are counted, the newest: below it the counts are exact.
MOST: Final = 10_000
#: So long the exact counts of one list may take together.
PATIENCE: Final = 0.06  # seconds
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
#: Stands for no value.
NOBODY: Final = ""
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
    until = time.monotonic() + patience
    tickets = tickets.shown_in(filters.get("ordering", ""))
    chosen = TicketFilter(filters, queryset=tickets, request=request)
    if not chosen.is_valid():
        return dict(chosen.errors)
    every = True
    if text := chosen.form.cleaned_data["q"].strip():
        tickets, every = _matching(tickets, text)
    counts = _Counts(chosen, tickets.annotate(standing=_standing()), most)
    counts.count_each(until)
    if counts.late:
        counts.count_window()
    labels = _labels(counts.values)
    told = {
        name: Facet(counts.exact[name] and every, _told(values, labels[name]))
        for name, values in counts.values.items()
    }
    return Facets(counts.total, counts.exact[ALL] and every, told)


class _Counts:
    """Values of each facet with their counts, and whether those are all there are; of ALL, the list itself."""

    def __init__(self, chosen: TicketFilter, tickets: Any, most: int) -> None:
        self.chosen, self.tickets, self.most = chosen, tickets, most
        given = chosen.form.cleaned_data
        self.used = [name for name in COLUMNS if given[name]]
        self.unused = [name for name in COLUMNS if not given[name]]
        self.total = 0
        self.values: dict[str, dict[str, int]] = {}
        self.exact: dict[str, bool] = {}
        #: Filters without which something could not be counted in time; ALL stands for none.
        self.late: list[str] = []

    def facets_without(self, without: str) -> list[str]:
        return self.unused if without == ALL else [without]

    def count_each(self, until: float) -> None:
        """Count the list, and once more without each filter that has a facet, as far as time allows."""
        for without in (ALL, *self.used):
            names = self.facets_without(without)
            columns = [COLUMNS[name] for name in names]
            tags = SHOWN if without == ALL else 0
            parts = self._parts(without)
            lines = in_time(until, lambda: count_newest(parts, columns, most=self.most, tags=tags))  # noqa: B023
            if lines is None:
                self.late.append(without)
            else:
                found = sum(line.tickets for line in lines if line.name == ALL)
                self._take(without, lines, {0}, exact=found < self.most)

    def _parts(self, without: str) -> list[Any]:
        """Tickets that meet all filters but this one. Those of each status stand in an index in their order, those
        of several statuses do not."""
        statuses = self.chosen.form.cleaned_data["status"] if without != "status" else []
        if len(statuses) < 2:
            return [_missing(self.chosen.narrow(self.tickets, without=[without]))]
        rows = _missing(self.chosen.narrow(self.tickets, without=[without, "status"]))
        return [rows.filter(status=status) for status in dict.fromkeys(statuses)]

    def count_window(self) -> None:
        """Count what is late among the newest tickets of the desk: those that miss one filter at most."""
        bits = {name: 1 << place for place, name in enumerate(self.used)}
        conditions = {bit: self.chosen.condition(name) for name, bit in bits.items()}
        rows = self.chosen.narrow(self.tickets, without=self.used)
        rows = _missing(rows, conditions).filter(missed__in=[0, *conditions])
        oldest = opened_before_the_newest(WINDOW)
        rows = rows if oldest is None else rows.filter(opened_at__gt=oldest)
        columns = [COLUMNS[name] for without in self.late for name in self.facets_without(without)]
        tags = SHOWN if ALL in self.late else 0
        lines = count_newest([rows], columns, most=WINDOW, tags=tags)
        for without in self.late:
            missed = {0} if without == ALL else {0, bits[without]}
            self._take(without, lines, missed, exact=oldest is None)

    def _take(self, without: str, lines: Iterable[Line], missed: set[int], *, exact: bool) -> None:
        names = self.facets_without(without)
        found: dict[str, dict[str, int]] = {COLUMNS[name]: {} for name in names}
        if without == ALL:
            found |= {ALL: {}, TAG: {}}
        for name, value, what, count in lines:
            if name in found and what in missed:
                found[name][value] = found[name].get(value, 0) + count
        self.values |= {name: found[COLUMNS[name]] for name in names}
        self.exact |= dict.fromkeys(names, exact)
        if without == ALL:
            self.total = sum(found[ALL].values())
            self.values[TAG] = found[TAG]
            self.exact |= {ALL: exact, TAG: exact}


def _missing(rows: Any, conditions: Mapping[int, Any] | None = None) -> Any:
    """`rows` with the bits of those conditions that they do not meet as `missed`."""
    missed: Any = Value(0, output_field=IntegerField())
    for bit, condition in (conditions or {}).items():
        missed += Case(
            When(condition, then=Value(0)), default=Value(bit), output_field=IntegerField()
        )
    return rows.annotate(missed=missed)


def _matching(tickets: Any, text: str) -> tuple[Any, bool]:
    """Those of `tickets` among the newest that the words find, and whether older ones cannot be there."""
    query = search_query(text)
    ids = newest_matches(query) if query is not None else []
    return tickets.filter(pk__in=ids), len(ids) < RANKED_MATCHES


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
        name: {str(c.value): (str(c.value), short_label(c)) for c in choices}
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


def _told(values: Mapping[str, int], labels: Mapping[str, tuple[str, str]]) -> list[Count]:
    """The most frequent first. A value that no filter can name, such as no priority yet, is left out."""
    told = [Count(*labels[value], count) for value, count in values.items() if value in labels]
    told.sort(key=lambda one: (-one.count, one.label))
    return told[:SHOWN]
