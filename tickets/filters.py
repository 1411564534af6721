"""The list's filters. A value that names nothing is an error, never an unfiltered list.

Only login names may be nobody's, for people leave: such a one has no tickets.
"""

from collections.abc import Collection, Mapping
from typing import Any

import django_filters
from django import forms
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from tickets.lifecycle import Status, parse_status
from tickets.models import (
    Category,
    Department,
    SlaState,
    SupportGroup,
    Ticket,
    Tier,
    TriageStatus,
)
from tickets.naming import find_in, known_by, split_names
from tickets.priority import parse_priority
from tickets.querysets import in_any_sla_state


def refusal(message: str) -> forms.ValidationError:
    """An error whose message may quote what was typed, with a % in it."""
    return forms.ValidationError("%(message)s", params={"message": message})


class WordsField(forms.CharField):
    """Comma-separated values, each read by `read`, which raises ValueError for what it does not know."""

    def __init__(self, *, read: Any, **kwargs: Any) -> None:
        self.read = read
        super().__init__(**kwargs)

    def clean(self, value: Any) -> list[Any]:
        text = super().clean(value)
        try:
            return [self.read(word) for word in split_names(text)]
        except ValueError as error:
            raise refusal(str(error)) from None


class WordsFilter(django_filters.Filter):
    field_class = WordsField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, lookup_expr="in", **kwargs)


def one_of(choices: list[str]) -> Any:
    def read(word: str) -> str:
        plain = word.strip().lower()
        if plain not in choices:
            raise ValueError(f"{word!r} is unknown. Use one of: {', '.join(choices)}.")
        return plain

    return read


class NamesField(forms.CharField):
    """Comma-separated names of rows, in any case; one with a comma in it stands in quotes."""

    def __init__(self, *, model: Any, column: str, **kwargs: Any) -> None:
        self.model, self.column = model, column
        super().__init__(**kwargs)

    def clean(self, value: Any) -> list[Any]:
        text = super().clean(value)
        try:
            names = split_names(text)
        except ValueError as error:
            raise refusal(str(error)) from None
        if not names:
            return []
        rows = self.model._default_manager.order_by("pk")
        known = known_by((str(getattr(row, self.column)), row) for row in rows)
        found = {name: find_in(known, name) for name in names}
        for name, row in found.items():
            if row is None:
                raise refusal(f"There is no {self.model._meta.verbose_name} {name!r}.")
        return list(found.values())


class NamesFilter(django_filters.Filter):
    field_class = NamesField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, lookup_expr="in", **kwargs)


class TicketFilter(django_filters.FilterSet):
    """Several values of one filter are separated by commas and mean "or"; several filters mean "and"."""

    q = django_filters.CharFilter(
        max_length=200,
        label='Full text: words, "phrases", last word may be cut off',
    )
    status = WordsFilter(read=parse_status, label=f"Any of: {', '.join(Status.values)}, pending")
    priority = WordsFilter(read=parse_priority, label="1-4, P1-P4 or a word such as high")
    department = NamesFilter(model=Department, column="name")
    group = NamesFilter(model=SupportGroup, column="name")
    category = NamesFilter(model=Category, column="slug", label="Slugs")
    tier = WordsFilter(field_name="customer_tier", read=one_of(Tier.values))
    triage_status = WordsFilter(read=one_of(TriageStatus.values))
    sla_state = WordsFilter(
        read=one_of(SlaState.values), method="by_sla_state", label=f"Any of: {', '.join(SlaState)}"
    )
    due_before = django_filters.IsoDateTimeFilter(
        field_name="due_at", lookup_expr="lt", label="Next deadline before"
    )
    assignee = WordsFilter(
        read=str.strip, method="by_assignee", label="Login names, me (who asks), none"
    )
    tag = WordsFilter(
        read=str.strip,
        method="by_tag",
        label='All of these tags, separated by commas; one with a comma in "quotes"',
    )
    unsorted = django_filters.BooleanFilter(
        method="by_sorting",
        label="true: those without a department or a priority; false: all others",
    )
    owner_id = django_filters.UUIDFilter(label="The client system's owner")
    parent = django_filters.NumberFilter(
        field_name="parent_id",
        label="Those attached to this ticket",
        min_value=1,
        max_value=2**63 - 1,
    )
    source = django_filters.CharFilter(field_name="source")
    external_id = django_filters.CharFilter(field_name="external_id")
    opened_after = django_filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="gte")
    opened_before = django_filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="lt")
    updated_after = django_filters.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")

    class Meta:
        model = Ticket
        fields: list[str] = []

    def filter_queryset(self, queryset: Any) -> Any:
        """The words come last: they are looked for among the tickets that the other filters leave."""
        words = self.form.cleaned_data["q"]
        queryset = self.narrow(queryset)
        return self.with_words(queryset, words) if words else queryset

    def narrow(self, queryset: Any, *, without: Collection[str] = ()) -> Any:
        """Those of `queryset` that meet the filters `without` some of them, and without the words."""
        for name, value in self.form.cleaned_data.items():
            if name != "q" and name not in without:
                queryset = self.filters[name].filter(queryset, value)
        return queryset

    def condition(self, name: str) -> Q:
        """What the filter `name` asks for, one of those that name values of a column."""
        value = self.form.cleaned_data[name]
        if name == "assignee":
            return self.assigned_to(value)
        if name == "sla_state":
            return in_any_sla_state(value, timezone.now())
        return Q((f"{self.filters[name].field_name}__in", value))

    def with_words(self, queryset: Any, words: str) -> Any:
        return queryset.ranked(words)

    def by_assignee(
        self, queryset: QuerySet[Ticket], name: str, value: list[str]
    ) -> QuerySet[Ticket]:
        return queryset.filter(self.assigned_to(value)) if value else queryset

    def by_sorting(self, queryset: QuerySet[Ticket], name: str, value: bool) -> QuerySet[Ticket]:
        missing = Q(department=None) | Q(priority=None)
        return queryset.filter(missing if value else ~missing)

    def assigned_to(self, names: list[str]) -> Q:
        words = {word.lower() for word in names}
        asker = getattr(self.request, "user", None)
        wanted = Q(pk__in=[])
        if "none" in words:
            wanted |= Q(assignee__isnull=True)
        if ids := people_named(words - {"me", "none"}):
            wanted |= Q(assignee__in=ids)
        if "me" in words and asker is not None:
            wanted |= Q(assignee=asker.pk)
        return wanted

    def by_sla_state(
        self, queryset: QuerySet[Ticket], name: str, value: list[str]
    ) -> QuerySet[Ticket]:
        return queryset.in_sla_states(value, timezone.now()) if value else queryset  # type: ignore[attr-defined]

    def by_tag(self, queryset: QuerySet[Ticket], name: str, value: list[str]) -> QuerySet[Ticket]:
        # The second condition says what the index's own does: PostgreSQL does not see that it follows.
        return queryset.filter(tags__contains=value).exclude(tags=[]) if value else queryset


def people_named(names: Collection[str]) -> list[int]:
    """Ids of the people with these login names, which may be written in any case."""
    lower = [name.lower() for name in names]
    people = get_user_model().objects.annotate(plain=Lower("username")).filter(plain__in=lower)
    return list(people.values_list("pk", flat=True)) if lower else []


class WrongFilters(ValueError):
    """`errors`: filter -> messages."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(why)}" for name, why in errors.items()))
        self.errors = errors


class _Choice(TicketFilter):
    """The filters of the list, for work on everything that they choose."""

    def with_words(self, queryset: Any, words: str) -> Any:
        return queryset.matching(words)  # all, where the list ranks the newest


def check(filters: Mapping[str, str]) -> TicketFilter:
    """Return `filters` as the list reads them, before anything is looked for.

    :raises WrongFilters: a name or a value is wrong. Here an empty value is, too: it would choose everything.
    """
    names = list(_Choice.base_filters)
    errors = {
        name: [f"There is no such filter. Use one of: {', '.join(names)}."]
        for name in filters
        if name not in names
    }
    errors |= {
        name: ["Give a value, or leave the filter out."]
        for name, value in filters.items()
        if name in names and not value.strip(" ,")
    }
    chosen = _Choice(filters, queryset=Ticket.objects.all())
    if not chosen.is_valid():
        errors |= {name: [str(why) for why in whys] for name, whys in chosen.errors.items()}
    if errors:
        raise WrongFilters(errors)
    return chosen


def choose(filters: Mapping[str, str], tickets: Any) -> Any:
    """Return those of `tickets` that the list would show with `filters`, all and in no order.

    :raises WrongFilters: a name or a value is wrong, or is `me`: nobody in particular asks here.
    """
    chosen = check(filters)
    if "me" in [word.lower() for word in chosen.form.cleaned_data["assignee"]]:
        raise WrongFilters({"assignee": ["Give the login name: nobody knows later who `me` was."]})
    chosen.queryset = tickets
    return chosen.qs.order_by()
