"""Pages continued from where the last one ended: equally quick at any depth, and stable while tickets arrive."""

from typing import Any

from django.core.exceptions import ValidationError as NoSuchValue
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from tickets import urgency


class Cursor(CursorPagination):
    """Pages whose cursor anybody may type: one that no page gave out is an error of the asker, not of ours."""

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, NoSuchValue):
            if self.cursor is None or self.cursor.position is None:
                raise
            raise NotFound(self.invalid_cursor_message) from None


class TicketCursor(Cursor):
    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"
    ordering = ("-opened_at", "-id")
    #: `ordering=` in the query string -> columns. The last is unique, so that no row is skipped.
    orderings = {
        "opened_at": ("opened_at", "id"),
        "-opened_at": ("-opened_at", "-id"),
        "updated_at": ("updated_at", "id"),
        "-updated_at": ("-updated_at", "-id"),
        "id": ("id",),
        "-id": ("-id",),
        # Only tickets with a running clock have a deadline.
        "due_at": ("due_at", "id"),
        "-due_at": ("-due_at", "-id"),
        # P1 first, the newest of each; only tickets that have a priority. Its pages: tickets/urgency.py.
        "priority": urgency.ORDER,
        "rank": ("-rank", "-id"),
    }
    _by_priority: tuple[str, str] | None = None

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        ordering = request.query_params.get("ordering") or ""
        if ordering == "priority":
            return self._pages_by_priority(queryset, request)
        if ordering.lstrip("-") == "due_at":
            queryset = queryset.shown_in(ordering)
        return super().paginate_queryset(queryset, request, view)

    def _pages_by_priority(self, queryset: Any, request: Request) -> list[Any]:
        cursor = request.query_params.get(self.cursor_query_param)
        try:
            place = urgency.decode(cursor) if cursor else None
        except ValueError:
            raise NotFound(self.invalid_cursor_message) from None
        self.base_url = request.build_absolute_uri()
        size = self.get_page_size(request) or self.page_size
        page, before, after = urgency.read_page(queryset, place, size)
        self._by_priority = (before, after)
        return page

    def get_next_link(self) -> str | None:
        return self._link(1) if self._by_priority else super().get_next_link()

    def get_previous_link(self) -> str | None:
        return self._link(0) if self._by_priority else super().get_previous_link()

    def _link(self, which: int) -> str | None:
        cursor = self._by_priority[which] if self._by_priority else ""
        url: str = self.base_url or ""
        return replace_query_param(url, self.cursor_query_param, cursor) if cursor else None

    def get_ordering(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> tuple[str, ...]:
        searched = "rank" in queryset.query.annotations
        wanted = request.query_params.get("ordering") or ("rank" if searched else "-opened_at")
        if wanted not in self.orderings or (wanted == "rank" and not searched):
            allowed = [name for name in self.orderings if name != "rank" or searched]
            raise ValidationError(
                {"ordering": [f"{wanted!r} is unknown. Use one of: {', '.join(allowed)}."]}
            )
        return self.orderings[wanted]


class HistoryCursor(Cursor):
    """Oldest first, as histories are read."""

    page_size = 100
    max_page_size = 500
    page_size_query_param = "page_size"
    ordering = "id"


class NewestCursor(HistoryCursor):
    ordering = "-id"
