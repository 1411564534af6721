"""Similar tickets, as the API shows them."""

from typing import Any

from rest_framework import serializers


class SolutionSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()


class SimilarSerializer(serializers.Serializer[Any]):
    """`score` is how alike they are, 0 to 1; `duplicate`: enough to be the same matter."""

    id = serializers.IntegerField(source="ticket.pk")
    title = serializers.CharField(source="ticket.title")
    status = serializers.CharField(source="ticket.status")
    category = serializers.CharField(source="ticket.category.slug", allow_null=True, default=None)
    opened_at = serializers.DateTimeField(source="ticket.opened_at")
    score = serializers.FloatField()
    duplicate = serializers.BooleanField()
    shared = serializers.ListField(
        child=serializers.CharField(), help_text="Words that both speak of, the weightiest first"
    )
    solution = SolutionSerializer(
        allow_null=True, help_text="What the requester was told last, or why the ticket ended"
    )


class SimilarListSerializer(serializers.Serializer[Any]):
    results = SimilarSerializer(many=True)
