"""`sla/calendars/`: when time counts."""

from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from pydantic import ValidationError as WrongCalendar
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from sla.document import Calendar
from sla.models import BusinessCalendar
from sla.problems import by_field
from sla.schema import (
    CalendarInSchema,
    CalendarSerializer,
    ImportedSerializer,
    ImportSerializer,
    MoveOpenSerializer,
    show_calendar,
)
from sla.services.calendars import (
    calendar_problems,
    delete_calendar,
    import_holidays,
    save_calendar,
)
from sla.services.storing import read_catalog
from sla.views.parsers import ICalendarParser, StrictParser
from tickets.schema import DeletedSerializer


class CalendarViewSet(viewsets.GenericViewSet[BusinessCalendar]):
    queryset = BusinessCalendar.objects.order_by("name")
    serializer_class = CalendarSerializer
    pagination_class = None
    lookup_value_regex = r"\d{1,18}"
    permissions = {
        "GET": "sla.view_businesscalendar",
        "POST": "sla.add_businesscalendar",
        "PUT": "sla.change_businesscalendar",
        "PATCH": "sla.change_businesscalendar",
        "DELETE": "sla.delete_businesscalendar",
        "import_": "sla.change_businesscalendar",
    }

    @extend_schema(responses=CalendarSerializer(many=True))
    def list(self, request: Request) -> Response:
        """All calendars, each with the policies that use it."""
        catalog = read_catalog()
        return Response(
            [
                show_calendar(row, [policy.name for policy in catalog.users_of(row.name)])
                for row in self.get_queryset()
            ]
        )

    @extend_schema(responses=CalendarSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """A calendar, with the policies that use it."""
        return self._answer(self.get_object())

    @extend_schema(request=CalendarInSchema, responses={201: CalendarSerializer})
    def create(self, request: Request) -> Response:
        """Write a calendar down; policies may use it by its name."""
        return self._answer(self._save(request, {}, None), 201)

    @extend_schema(request=CalendarInSchema, responses=CalendarSerializer)
    def update(self, request: Request, pk: str) -> Response:
        """Publish the policies that use it anew; open tickets move along unless `move_open` is false."""
        return self._answer(self._save(request, {}, self.get_object().pk))

    @extend_schema(request=CalendarInSchema, responses=CalendarSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """As PUT; what is not given stays as it is."""
        row = self.get_object()
        return self._answer(self._save(request, row.document().model_dump(mode="json"), row.pk))

    @extend_schema(responses={200: DeletedSerializer})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a calendar that no policy uses."""
        row = self.get_object()
        delete_calendar(calendar_id=row.pk, actor=request.user.get_username())
        return Response({"message": f"Calendar {row.name!r} is removed."})

    @extend_schema(
        request={"application/json": ImportSerializer, "text/calendar": OpenApiTypes.STR},
        responses=ImportedSerializer,
    )
    @action(
        detail=True,
        methods=["post"],
        url_path="import",
        url_name="import",
        parser_classes=[StrictParser, ICalendarParser],
    )
    def import_(self, request: Request, pk: str) -> Response:
        """Add the all-day events of an iCalendar file as holidays. Days that are there stay as they are."""
        row, move_open = self.get_object(), True
        body: Any = request.data
        if isinstance(body, bytes):
            try:
                text = body.decode("utf-8-sig")
            except UnicodeDecodeError:
                raise ParseError("The body is not UTF-8.") from None
        else:
            form = ImportSerializer(data=request.data)
            form.is_valid(raise_exception=True)
            text, move_open = form.validated_data["ical"], form.validated_data["move_open"]
        added, skipped = import_holidays(
            calendar_id=row.pk,
            text=text,
            move_open=move_open,
            actor=request.user.get_username(),
            now=timezone.now(),
        )
        return Response({"added": added, "skipped": skipped})

    def _save(self, request: Request, base: dict[str, Any], pk: int | None) -> BusinessCalendar:
        body: Any = request.data
        form = MoveOpenSerializer(data=body)
        form.is_valid(raise_exception=True)
        given = {name: value for name, value in body.items() if name != "move_open"}
        if "name" not in {**base, **given}:
            raise ValidationError({"name": ["This field is required."]})
        try:
            calendar = Calendar.model_validate({**base, **given})
        except WrongCalendar as error:
            raise ValidationError(by_field(calendar_problems(error))) from None
        return save_calendar(
            calendar=calendar,
            calendar_id=pk,
            move_open=form.validated_data["move_open"],
            actor=request.user.get_username(),
            now=timezone.now(),
        )

    def _answer(self, row: BusinessCalendar, status: int = 200) -> Response:
        users = [policy.name for policy in read_catalog().users_of(row.name)]
        return Response(show_calendar(row, users), status=status)
