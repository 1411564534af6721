"""What the workspace sends and reads beside the tickets themselves: facets, presence, changes of many, views."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.http import QueryDict
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from tickets.facets import NAMES
from tickets.filters import WrongFilters, check
from tickets.models import SavedView
from tickets.pagination import TicketCursor
from tickets.priority import parse_priority
from tickets.schema import WORD, ItemErrorSerializer
from tickets.serializers import StatusField

MOST_AT_ONCE: Final = 500
MOST_LOOKED_AT: Final = 200
ACTIONS: Final = ("move", "assign", "route", "priority", "tag", "untag", "comment")
#: What each action needs besides the tickets.
_NEEDED: Final = {
    "move": "status",
    "assign": "assignee",
    "route": "department",
    "priority": "priority",
    "tag": "tags",
    "untag": "tags",
    "comment": "body",
}


class FacetCountSerializer(serializers.Serializer[Any]):
    value = serializers.CharField(help_text="As the filter of the facet's name takes it")
    label = serializers.CharField()
    count = serializers.IntegerField()


class FacetSerializer(serializers.Serializer[Any]):
    exact = serializers.BooleanField(help_text="false: the newest were counted; there are more")
    values = FacetCountSerializer(many=True)


class FacetsSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="Tickets in the list; at least, if not exact")
    exact = serializers.BooleanField()
    facets = serializers.DictField(
        child=FacetSerializer(), help_text=f"One each: {', '.join(NAMES)}"
    )


class PersonSerializer(serializers.Serializer[Any]):
    username = serializers.CharField()
    name = serializers.CharField()
    writing = serializers.BooleanField()


class HereSerializer(serializers.Serializer[Any]):
    writing = serializers.BooleanField(default=False, help_text="An answer is being written")
    leaving = serializers.BooleanField(default=False, help_text="The page is being left")


class OthersSerializer(serializers.Serializer[Any]):
    others = PersonSerializer(many=True)
    version = serializers.IntegerField(help_text="The ticket's, which grows with every change")


class PresentSerializer(serializers.Serializer[Any]):
    tickets = serializers.DictField(
        child=PersonSerializer(many=True), help_text="Ticket -> who is there; nobody: left out"
    )


class PriorityField(serializers.CharField):
    def to_internal_value(self, data: Any) -> Any:
        try:
            return parse_priority(data)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Take two tickets up",
            {"ids": [4711, 4712], "action": "move", "status": "in_progress"},
            request_only=True,
        ),
        OpenApiExample(
            "Assign them to oneself",
            {"ids": [4711, 4712], "action": "assign", "assignee": "me"},
            request_only=True,
        ),
    ]
)
class BulkSerializer(serializers.Serializer[Any]):
    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        min_length=1,
        max_length=MOST_AT_ONCE,
    )
    action = serializers.ChoiceField(choices=ACTIONS)
    status = StatusField(required=False, help_text="move: where to")
    reason = serializers.CharField(
        max_length=300, required=False, default="", allow_blank=True, help_text="move, route: why"
    )
    assignee = serializers.CharField(
        max_length=150, required=False, allow_null=True, help_text="assign: login name, me or null"
    )
    department = serializers.CharField(max_length=80, required=False, help_text="route: where to")
    group = serializers.CharField(
        max_length=80, required=False, allow_null=True, default=None, help_text="route: and to whom"
    )
    priority = PriorityField(
        required=False, allow_null=True, help_text=f"priority: {WORD}; null lets triage decide"
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=50),
        min_length=1,
        max_length=30,
        required=False,
        help_text="tag: those to add; untag: those to take away",
    )
    body = serializers.CharField(max_length=20_000, required=False, help_text="comment: its text")
    public = serializers.BooleanField(default=True, help_text="comment: the requester may read it")

    def validate(self, wish: dict[str, Any]) -> dict[str, Any]:
        needed = _NEEDED[wish["action"]]
        if needed not in wish:
            raise serializers.ValidationError({needed: [f"Give it: {wish['action']} needs it."]})
        wish["ids"] = list(dict.fromkeys(wish["ids"]))
        wish["tags"] = list(dict.fromkeys(" ".join(tag.split()) for tag in wish.get("tags", ())))
        return wish


class BulkItemSerializer(serializers.Serializer[Any]):
    ticket_id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=["CHANGED", "UNCHANGED", "REFUSED"])
    version = serializers.IntegerField(required=False, help_text="As it is now")
    error = ItemErrorSerializer(required=False)


class BulkResultSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="They were so already")
    refused = serializers.IntegerField()
    results = BulkItemSerializer(many=True)


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


def ticket_ids(words: Iterable[str]) -> list[int]:
    """The numbers of tickets among `words`; what cannot be one is left out."""
    return [int(word) for word in words if word.isdecimal() and len(word) <= 18]


def address_of(view: SavedView) -> str:
    """The list's query string for a view, the same each time. All tickets, too, are asked for by name."""
    given = QueryDict(mutable=True)
    given.update(dict(sorted(view.query.items())))
    if view.ordering or not view.query:
        given["ordering"] = view.ordering or "-opened_at"
    return given.urlencode(safe=",")
