"""The rail beside the list and the chips above it: links that add a value to the list's address, or remove it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from django.http import QueryDict

from tickets.counting import TAG
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
from tickets.naming import join_names, split_names
from tickets.querysets import hidden_department_ids
from tickets.words import short_label

#: Filters of the list as people name them.
TITLES: Final[Mapping[str, str]] = {
    "status": "Status",
    "priority": "Priority",
    "sla_state": "Deadline",
    "assignee": "Assignee",
    "department": "Department",
    "group": "Group",
    "category": "Category",
    "tier": "Customer",
    "triage_status": "Triage",
    "tag": "Tag",
    "q": "Words",
    "due_before": "Due before",
    "unsorted": "Without department or priority",
    "opened_after": "Opened after",
    "opened_before": "Opened before",
    "updated_after": "Changed after",
    "owner_id": "Owner",
    "parent": "Attached to",
    "source": "Source",
    "external_id": "Their number",
}
SLA_WORDS: Final[Mapping[str, str]] = {
    SlaState.BREACHED: "Missed",
    SlaState.WARNING: "Near",
    SlaState.OK: "In time",
    SlaState.PAUSED: "On hold",
    SlaState.NONE: "Nothing due",
}
#: Facets that are open from the start; others are when they filter.
_OPEN: Final = ("status", "priority", "sla_state", "assignee")
_ORDERINGS: Final = (
    ("-opened_at", "Newest first"),
    ("opened_at", "Oldest first"),
    ("due_at", "Next deadline first"),
    ("priority", "Most urgent first"),
)


class Words(NamedTuple):
    """The names by which tickets are sorted, of which restricted departments' are seen by members only."""

    departments: list[str]
    groups: list[tuple[str, str]]
    categories: list[tuple[str, str]]
    hidden: frozenset[str]

    @classmethod
    def read(cls, user: Any) -> "Words":
        """Departments; groups with theirs; categories as slug and name. A ticket can be sent anywhere."""
        hidden = hidden_department_ids(user)
        departments = list(Department.objects.order_by("name").values_list("pk", "name"))
        groups = SupportGroup.objects.order_by("name").values_list("name", "department__name")
        categories = Category.objects.order_by("name").values_list("slug", "name")
        return cls(
            [name for _, name in departments],
            list(groups),
            list(categories),
            frozenset(name for pk, name in departments if pk in hidden),
        )


class Value(NamedTuple):
    value: str
    label: str
    address: str
    chosen: bool


class Facet(NamedTuple):
    name: str
    title: str
    values: list[Value]
    open: bool


class Chip(NamedTuple):
    title: str
    text: str
    without: str


def words(query: QueryDict, name: str) -> list[str]:
    return split_names(query.get(name, ""))


def address(query: QueryDict, **changes: str | None) -> str:
    """The list's address with other values of some parameters, from its first page."""
    new = {name: value for name, value in query.items() if name != "cursor"} | changes
    kept = {name: value for name, value in new.items() if value}
    # Without anything the list shows the first view.
    return f"?{urlencode(kept or {'ordering': '-opened_at'}, safe=',')}"


def toggled(query: QueryDict, name: str, value: str) -> Value:
    """A value of a facet as a link: taken when it is not, and left out when it is."""
    same = str if name == TAG else str.casefold  # of tags the case counts
    chosen = words(query, name)
    left = [word for word in chosen if same(word) != same(value)]
    taken = len(left) < len(chosen)
    wanted = join_names(left if taken else [*chosen, value])
    return Value(value, value, address(query, **{name: wanted}), taken)


def rail(query: QueryDict, known_words: Words) -> list[Facet]:
    """Every facet with the values that are known without counting."""
    hidden = known_words.hidden
    known: dict[str, Sequence[tuple[str, str]]] = {
        "status": [(str(s.value), short_label(s)) for s in Status],
        "priority": [(str(p.value), str(p.label)) for p in Priority],
        "sla_state": list(SLA_WORDS.items()),
        "assignee": [("me", "Me"), ("none", "Nobody")],
        "department": [(name, name) for name in known_words.departments if name not in hidden],
        "group": [(name, name) for name, owner in known_words.groups if owner not in hidden],
        "category": known_words.categories,
        "tier": [(str(tier.value), str(tier.label)) for tier in Tier],
        "triage_status": [(str(status.value), short_label(status)) for status in TriageStatus],
        "tag": [],
    }
    facets = []
    for name, values in known.items():
        labels: dict[str, str] = dict(values)
        plain = {value.casefold() for value in labels}
        labels |= {word: word for word in words(query, name) if word.casefold() not in plain}
        told = [toggled(query, name, v)._replace(label=label) for v, label in labels.items()]
        is_open = name in _OPEN or any(value.chosen for value in told)
        facets.append(Facet(name, TITLES[name], told, is_open))
    return facets


def chips(query: QueryDict, facets: Iterable[Facet]) -> list[Chip]:
    """What the list is narrowed down by, each with the address without it."""
    labels = {(facet.name, v.value.casefold()): v.label for facet in facets for v in facet.values}
    told = []
    for name in TicketFilter.base_filters:
        if query.get(name, "").strip(" ,"):
            plain = [str(query[name])] if name == "q" else words(query, name)
            text = ", ".join(labels.get((name, word.casefold()), word) for word in plain)
            told.append(Chip(TITLES.get(name, name), text, address(query, **{name: None})))
    return told


def filters_of(query: QueryDict) -> dict[str, str]:
    """The filters in an address that filter anything, as a saved view keeps them."""
    return {
        name: str(query[name])
        for name in TicketFilter.base_filters
        if query.get(name, "").strip(" ,")
    }


def orderings(query: QueryDict) -> list[Value]:
    """The orders that the list offers; with words the best matches come first."""
    offered = [("rank", "Best match first")] if query.get("q") else []
    now = query.get("ordering") or ("rank" if query.get("q") else "-opened_at")
    return [
        Value(name, label, address(query, ordering=name), name == now)
        for name, label in (*offered, *_ORDERINGS)
    ]
