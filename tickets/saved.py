"""Saved views, whose filters and order are checked as the list would."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from tickets.filters import WrongFilters, check
from tickets.models import SavedView
from tickets.pagination import TicketCursor


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "What I should look at",
            {
                "name": "Mine, by deadline",
                "query": {"assignee": "me", "status": "open,in_progress"},
                "ordering": "due_at",
                "shared": False,
            },
            request_only=True,
        )
    ]
)
class SavedViewSerializer(serializers.ModelSerializer[SavedView]):
    name = serializers.CharField(max_length=80)
    owner = serializers.SlugRelatedField(
        slug_field="username", read_only=True, help_text="null: the desk's own"
    )
    query = serializers.DictField(
        child=serializers.CharField(max_length=500, allow_blank=True),
        required=False,
        help_text="Filters of `tickets/` by name, with their values as text",
    )
    ordering = serializers.CharField(
        max_length=20, required=False, allow_blank=True, help_text="As `tickets/` takes it"
    )
    address = serializers.SerializerMethodField(help_text="The same as a query string")
    editable = serializers.SerializerMethodField(help_text="Whether you may change it")

    class Meta:
        model = SavedView
        fields = (
            *("id", "name", "owner", "shared", "query", "ordering", "position"),
            *("address", "editable", "created_at", "updated_at"),
        )
        read_only_fields = ("created_at", "updated_at")

    def get_address(self, view: SavedView) -> str:
        return address_of(view)

    def get_editable(self, view: SavedView) -> bool:
        return view.may_be_changed_by(self.context["request"].user)

    def validate_query(self, query: dict[str, str]) -> dict[str, str]:
        return checked_query(query)

    def validate_ordering(self, ordering: str) -> str:
        return checked_ordering(ordering)

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        query = values.get("query", self.instance.query if self.instance else {})
        ordering = values.get("ordering", self.instance.ordering if self.instance else "")
        check_rank(query, ordering)
        return values


def check_rank(query: Mapping[str, str], ordering: str) -> None:
    """:raises serializers.ValidationError: the best match is asked for first, and there is nothing to match."""
    if ordering == "rank" and not query.get("q", "").strip():
        why = "'rank' puts the best match of the filter `q` first: give both, or another order."
        raise serializers.ValidationError({"ordering": [why]})


def checked_query(query: dict[str, str]) -> dict[str, str]:
    """Return `query` if the list understands it.

    :raises serializers.ValidationError: naming each filter that is wrong.
    """
    try:
        check(query)
    except WrongFilters as error:
        raise serializers.ValidationError(
            [f"{name}: {' '.join(why)}" for name, why in error.errors.items()]
        ) from None
    return query


def checked_ordering(ordering: str) -> str:
    if ordering and ordering not in TicketCursor.orderings:
        allowed = ", ".join(TicketCursor.orderings)
        raise serializers.ValidationError(f"{ordering!r} is unknown. Use one of: {allowed}.")
    return ordering


def address_of(view: SavedView) -> str:
    """The list's query string for a view, the same each time. All tickets, too, are asked for by name."""
    given = QueryDict(mutable=True)
    given.update(dict(sorted(view.query.items())))
    if view.ordering or not view.query:
        given["ordering"] = view.ordering or "-opened_at"
    return given.urlencode(safe=",")
