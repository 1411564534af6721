"""The filters of the list of servers. A value that names nothing is an error."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from servers.lifecycle import State
from servers.models import Environment, Kind, Role, Server
from tickets.filters import WordsFilter, one_of


class ServerFilter(django_filters.FilterSet):
    """Several values of one filter are separated by commas and mean "or"; several filters mean "and"."""

    q = django_filters.CharFilter(
        field_name="name", lookup_expr="icontains", max_length=120, label="Part of the name"
    )
    state = WordsFilter(read=one_of([state.value for state in State]))
    role = WordsFilter(read=one_of(Role.values))
    environment = WordsFilter(read=one_of(Environment.values))
    kind = WordsFilter(read=one_of(Kind.values))
    region = django_filters.CharFilter(method="by_words", max_length=500)
    host_group = django_filters.CharFilter(method="by_words", max_length=500)

    class Meta:
        model = Server
        fields: list[str] = []

    def by_words(self, queryset: QuerySet[Server], name: str, value: str) -> Any:
        words = {value, *(word.strip() for word in value.split(","))}  # a name may hold a comma
        return queryset.filter(**{f"{name}__in": words})
