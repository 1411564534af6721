"""Lines of the list: what each shows of its ticket, and a stamp that changes when something of it does."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.http import HttpRequest, QueryDict
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request

from tickets.filters import TicketFilter
from tickets.models import Ticket
from tickets.pagination import TicketCursor
from tickets.words import short_age

#: Tags that fit a line; the rest are counted.
_TAGS: Final = 3


class Row(NamedTuple):
    ticket: Ticket
    sla: str
    age: str
    tags: Sequence[str]
    more_tags: int
    stamp: str


class Page(NamedTuple):
    """One page of the list; `error` says why there is none."""

    rows: list[Row]
    newer: str
    older: str
    error: str = ""


class _Pages(TicketCursor):
    page_size = 50
    max_page_size = 100


def read_page(request: HttpRequest, visible: Any, now: datetime) -> Page:
    """The page that the request's address asks for, as the API would answer it."""
    chosen, error = choose(request, request.GET, visible)
    return Page([], "", "", error) if error else page_of(request, chosen, now)


def page_of(request: HttpRequest, chosen: Any, now: datetime) -> Page:
    """The page that the request's address asks for, of those that `choose` found."""
    pages = _Pages()
    try:
        tickets = pages.paginate_queryset(
            chosen.with_names().defer("description"), Request(request)
        )
    except ValidationError as wrong:
        return Page([], "", "", _told(wrong.detail))
    except NotFound as wrong:
        return Page([], "", "", str(wrong.detail))
    newer, older = _query_of(pages.get_previous_link()), _query_of(pages.get_next_link())
    return Page(rows_of(tickets or (), now), newer, older)


def page_size(request: HttpRequest) -> int:
    """How many tickets a page of this list shows."""
    return _Pages().get_page_size(Request(request)) or _Pages.page_size


def choose(request: HttpRequest, query: QueryDict, visible: Any) -> tuple[Any, str]:
    """Those of `visible` that the list shows, and what is wrong with its filters."""
    wanted = TicketFilter(query, queryset=visible, request=request)
    if not wanted.is_valid():
        return visible.none(), _told(wanted.errors)
    return wanted.qs, ""


def _told(errors: Any) -> str:
    return " ".join(str(why) for whys in errors.values() for why in whys)


def _query_of(link: str | None) -> str:
    """The part of a page's link from its question mark on, as the list's addresses are written."""
    return "?" + link.partition("?")[2].replace("%2C", ",") if link else ""


def rows_of(tickets: Iterable[Ticket], now: datetime) -> list[Row]:
    return [_row(ticket, now) for ticket in tickets]


def _row(ticket: Ticket, now: datetime) -> Row:
    sla, due = ticket.sla_state(now).value, ticket.due_at
    stamp = f"{ticket.version}.{sla}.{int(due.timestamp()) if due else 0}.{ticket.escalation_level}"
    return Row(
        ticket,
        sla,
        short_age((now - ticket.opened_at).total_seconds()),
        ticket.tags[:_TAGS],
        max(0, len(ticket.tags) - _TAGS),
        stamp,
    )
