"""`reports/` and `exports/`: tickets as files, streamed at once or made by a worker."""

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.http import content_disposition_header
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, Throttled, ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.answers import as_answer
from analytics.models import Export, ExportFormat
from analytics.serializers.exports import (
    ExportSerializer,
    NewExportSerializer,
    StreamSerializer,
    SummaryFormatSerializer,
    SummaryReportSerializer,
    filter_names,
)
from analytics.services import downloads, exporting
from analytics.services.copying import csv_blocks, json_blocks
from analytics.services.downloads import TYPES
from analytics.services.streaming import Stream, TooManyStreams
from analytics.services.summing import as_csv, summarize
from tickets.downloads import AnyRenderer
from tickets.filters import WrongFilters, choose
from tickets.models import Ticket
from tickets.pagination import NewestCursor
from tickets.permissions import RolePermission
from tickets.schema import DeletedSerializer
from tickets.services.idempotency import Answer
from tickets.views.repeating import IDEMPOTENCY_KEY, done_once
from workers.replica import read

FILTERS = [OpenApiParameter(name, str, description=what) for name, what in filter_names().items()]


class OurFormat(DefaultContentNegotiation):
    """`format=` is a parameter of ours here; errors are always JSON."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        return renderers[0], renderers[0].media_type


class FileView(APIView):
    """Answers with tickets in a format of the asker's choice."""

    content_negotiation_class = OurFormat
    renderer_classes = (AnyRenderer,)

    def chosen(self, form: Any) -> Any:
        """Read the query string with `form`, and return the tickets that the rest of it chooses."""
        form.is_valid(raise_exception=True)
        query = self.request.query_params
        wanted = {name: query[name] for name in query if name not in form.fields}
        try:
            return choose(wanted, Ticket.objects.visible_to(self.request.user))
        except WrongFilters as error:
            raise ValidationError(error.errors) from None


class ReportExportView(FileView):
    permissions = {"GET": "tickets.view_ticket", "POST": "analytics.add_export"}

    @extend_schema(
        parameters=[StreamSerializer, *FILTERS],
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR),
            (200, "application/x-ndjson"): OpenApiResponse(OpenApiTypes.STR),
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """The tickets that `GET tickets/` would list with these filters, all of them, as one file.

        It is sent while it is read: any number of tickets, as they were at one moment, by number.
        """
        form = StreamSerializer(data=request.query_params)
        tickets, wanted = self.chosen(form), form.validated_data
        name = f"tickets_{timezone.now():%Y-%m-%d_%H%M%S}.{wanted['format']}"
        headers = {
            "Content-Type": TYPES[ExportFormat(wanted["format"])],
            "Content-Disposition": content_disposition_header(True, name) or "",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        if request.method == "HEAD":
            return StreamingHttpResponse((), headers=headers)

        def stream() -> Stream:
            blocks = (
                csv_blocks(tickets, wanted["columns"], bom=wanted["bom"])
                if wanted["format"] == ExportFormat.CSV
                else json_blocks(tickets, wanted["columns"])
            )
            return Stream(blocks, who=request.user.pk or 0)

        try:
            return StreamingHttpResponse(read(stream), headers=headers)
        except TooManyStreams as error:
            raise Throttled(wait=5, detail=str(error)) from None

    @extend_schema(
        request=NewExportSerializer,
        responses={202: ExportSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Have a file made, also as XLSX or Parquet. `exports/{id}/` tells how far it is and where it is."""
        form = NewExportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            return done_once(request, request.data, lambda: self._ask(form.validated_data))
        except WrongFilters as error:
            raise ValidationError({"filters": error.errors}) from None

    def _ask(self, wanted: dict[str, Any]) -> Answer:
        export_format = wanted.pop("format")
        owner = self.request.user
        export = exporting.request_export(owner=owner, export_format=export_format, **wanted)
        export.refresh_from_db()
        shown = ExportSerializer(export, context={"request": self.request})
        return Answer(202, shown.data)


class ReportSummaryView(FileView):
    permissions = {"GET": "tickets.view_ticket"}

    @extend_schema(
        parameters=[SummaryFormatSerializer, *FILTERS],
        responses={
            200: SummaryReportSerializer,
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR),
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """How many tickets there are by priority and by group, as JSON or CSV. Takes the filters of `tickets/`."""
        form = SummaryFormatSerializer(data=request.query_params)
        tickets = self.chosen(form)
        now = timezone.now()
        summary = read(lambda: summarize(tickets, now=now))
        if form.validated_data["format"] == "json":
            return Response(SummaryReportSerializer(summary).data, content_type="application/json")
        name = f"summary_{now:%Y-%m-%d_%H%M%S}.csv"
        return HttpResponse(
            as_csv(summary),
            content_type=TYPES[ExportFormat.CSV],
            headers={"Content-Disposition": content_disposition_header(True, name) or ""},
        )


class ExportFilter(filters.FilterSet):
    format = filters.ChoiceFilter(choices=ExportFormat.choices)

    class Meta:
        model = Export
        fields: list[str] = []


class LinkOrRole(RolePermission):
    """A link's token opens the file that it names; who has none needs a login and the role."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.query_params.get("token")) or super().has_permission(request, view)


class ExportViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Export]
):
    """The asker's exports, newest first: how far they are and where their files are."""

    queryset = Export.objects.none()
    serializer_class = ExportSerializer
    pagination_class = NewestCursor
    filterset_class = ExportFilter
    content_negotiation_class = OurFormat
    lookup_value_regex = r"\d{1,18}"
    permissions = {
        "GET": "analytics.view_export",
        "POST": "analytics.add_export",
        "DELETE": "analytics.add_export",
    }

    def get_queryset(self) -> Any:
        return Export.objects.filter(owner=self.request.user.pk or 0)

    @extend_schema(responses={200: DeletedSerializer})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove an export with its file. One that is still being made is cancelled."""
        export = self.get_object()
        exporting.remove_export(export=export)
        return Response({"message": f"Export {pk} deleted successfully"})

    @extend_schema(request=None, responses=ExportSerializer)
    @action(detail=True, methods=["POST"], filterset_class=None, pagination_class=None)
    def cancel(self, request: Request, pk: str) -> Response:
        """End an export that waits or is being made. One that has ended answers 409."""
        export = self.get_object()
        exporting.cancel_export(export=export, actor=request.user.get_username())
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("token", str, description="Of the link in `download`; or log in"),
            OpenApiParameter(
                "Range", str, OpenApiParameter.HEADER, description="One part, as `bytes=1000-`"
            ),
            OpenApiParameter(
                "If-Range", str, OpenApiParameter.HEADER, description="The ETag of what is there"
            ),
        ],
        responses={
            (200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY),
            (206, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY),
            416: OpenApiResponse(description="The range begins behind the end of the file."),
        },
    )
    @action(
        detail=True,
        renderer_classes=[AnyRenderer],
        permission_classes=[LinkOrRole],
        filterset_class=None,
        pagination_class=None,
    )
    def download(self, request: Request, pk: str) -> HttpResponseBase:
        """The file, or a part of it. Without a login with the token of its link, which is valid for an hour."""
        try:
            if token := request.query_params.get("token"):
                found = get_object_or_404(downloads.exports_of_link(token), pk=pk)
                return as_answer(found, request)
            return as_answer(self.get_object(), request)
        except downloads.LinkRefused as error:
            raise PermissionDenied(str(error)) from None
        except TooManyStreams as error:
            raise Throttled(wait=5, detail=str(error)) from None
