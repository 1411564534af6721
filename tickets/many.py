"""What is asked and told about many tickets at once: facets, presence, the same change to each."""

from collections.abc import Iterable
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from tickets.facets import NAMES
from tickets.intake import TAGS_MAX
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
        max_length=TAGS_MAX,
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


def ticket_ids(words: Iterable[str]) -> list[int]:
    """The numbers of tickets among `words`; what cannot be one is left out."""
    return [int(word) for word in words if word.isdecimal() and len(word) <= 18]
