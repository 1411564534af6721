"""Exports: asked for, shown, summed up."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from analytics.columns import COLUMNS, UnknownColumns, choose_columns
from analytics.models import Export, ExportFormat, ExportStatus
from analytics.services.downloads import LINK_LASTS, file_name, link_token
from tickets.filters import TicketFilter
from triage.serializers.jobs import as_query


class StreamSerializer(serializers.Serializer[Any]):
    """The parameters of a stream, beside the filters."""

    format = serializers.ChoiceField(choices=["csv", "ndjson"], default="csv")
    columns = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=2000,
        help_text=f"Separated by commas, in the order wanted; without it all: {', '.join(COLUMNS)}",
    )
    bom = serializers.BooleanField(
        required=False, default=False, help_text="A byte order mark before a CSV, for Excel"
    )

    def validate_columns(self, text: str) -> Any:
        return _columns(text.split(","))


class SummaryFormatSerializer(serializers.Serializer[Any]):
    format = serializers.ChoiceField(choices=["json", "csv"], default="json")


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A month for a spreadsheet",
            {
                "format": "xlsx",
                "filters": {
                    "opened_after": "2026-03-01T00:00:00Z",
                    "opened_before": "2026-04-01T00:00:00Z",
                },
                "columns": ["id", "title", "priority", "department", "opened_at", "resolved_at"],
            },
            request_only=True,
        )
    ]
)
class NewExportSerializer(serializers.Serializer[Any]):
    format = serializers.ChoiceField(choices=ExportFormat.choices)
    filters = serializers.DictField(
        required=False,
        default=dict,
        help_text="Name and value as `GET tickets/` takes them; several values as a list or with commas.",
    )
    columns = serializers.ListField(
        child=serializers.CharField(max_length=40),
        required=False,
        default=list,
        max_length=len(COLUMNS),
        help_text="Names in the order wanted; without it all",
    )
    bom = serializers.BooleanField(
        required=False, default=False, help_text="A byte order mark before a CSV, for Excel"
    )

    def validate_filters(self, filters: dict[str, Any]) -> dict[str, str]:
        return {str(name): as_query(name, value) for name, value in filters.items()}

    def validate_columns(self, names: list[str]) -> list[str]:
        return [column.name for column in _columns(names)] if names else []


def _columns(names: list[str]) -> Any:
    try:
        return choose_columns(names)
    except UnknownColumns as error:
        raise serializers.ValidationError(str(error)) from None


class ExportSerializer(serializers.ModelSerializer[Export]):
    status = serializers.ChoiceField(choices=ExportStatus.choices, read_only=True)
    percent = serializers.SerializerMethodField(help_text="null while nothing is counted yet")
    bytes = serializers.IntegerField(source="size", read_only=True)
    file_name = serializers.SerializerMethodField()
    download = serializers.SerializerMethodField(
        help_text=f"A link that works without a login for {LINK_LASTS.seconds // 60} minutes;"
        " null while there is no file"
    )

    class Meta:
        model = Export
        fields = (
            *("id", "status", "format", "filters", "columns", "bom", "rows", "total", "percent"),
            *("bytes", "file_name", "download", "error", "created_at", "finished_at"),
            "expires_at",
        )
        read_only_fields = fields

    def get_percent(self, export: Export) -> float | None:
        if export.status is ExportStatus.DONE:
            return 100.0
        return round(min(99.9, 100 * export.rows / export.total), 1) if export.total else None

    def get_file_name(self, export: Export) -> str:
        return file_name(export)

    def get_download(self, export: Export) -> str | None:
        if not export.has_file:
            return None
        path = reverse("export-download", kwargs={"pk": export.pk})
        address: str = self.context["request"].build_absolute_uri(path)
        return f"{address}?token={link_token(export)}"


class SummaryReportSerializer(serializers.Serializer[Any]):
    generated_at = serializers.DateTimeField()
    total_tickets = serializers.IntegerField()
    by_priority = serializers.DictField(child=serializers.IntegerField())
    by_group = serializers.DictField(child=serializers.IntegerField())


def filter_names() -> dict[str, str]:
    """The filters of the ticket list, and what each takes."""
    return {name: str(one.label or "") for name, one in TicketFilter.base_filters.items()}
