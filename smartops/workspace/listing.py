"""`/tickets/`: the list, painted with its rows in it; and those rows again, for the page that is open already."""

from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_POST, require_safe

from smartops.workspace import filters
from smartops.workspace.markup import row_html
from smartops.workspace.rows import Page, choose, page_of, page_size, read_page, rows_of
from tickets.lifecycle import Status
from tickets.many import ticket_ids
from tickets.models import Priority, SavedView, Ticket
from tickets.models.view import SHARE
from tickets.naming import join_names, split_names
from tickets.saved import address_of

#: Rows that one page shows at most, with those that came meanwhile.
_MOST: Final = 300
#: What every ticket meets that has a value in the column.
_HAVING: Final = {
    "due_at": {"due_before": "9999-01-01T00:00:00Z"},
    "priority": {"priority": ",".join(str(value) for value in Priority.values)},
}
#: New rows that are counted one by one.
_FRESH: Final = 50
#: People that a field offers. Others can be typed.
_PEOPLE: Final = 1000


@require_safe
def ticket_list(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("tickets.view_ticket"):
        raise PermissionDenied
    views = views_of(request)
    if not request.GET:
        first = views[0]["address"] if views else "status=open,in_progress,on_hold"
        return HttpResponseRedirect(f"?{first}")
    page = read_page(request, Ticket.objects.visible_to(request.user), timezone.now())
    words = filters.Words.read(request.user)
    facets = filters.rail(request.GET, words)
    may_change = request.user.has_perm("tickets.change_ticket")
    here = filters.filters_of(request.GET)
    orderings = filters.orderings(request.GET)
    now = next((o.value for o in orderings if o.chosen), request.GET.get("ordering", ""))
    for view in views:
        same = view["query"] == here and (view["ordering"] or "-opened_at") == now
        view["current"] = same and not view["query"].get("q")
    context = {
        "title": next((view["name"] for view in views if view["current"]), "Tickets"),
        "page": page,
        "rows": mark_safe("".join(row_html(row, may_change=may_change) for row in page.rows)),
        "views": views,
        "facets": facets,
        "chips": filters.chips(request.GET, facets),
        "orderings": orderings,
        "ordering": now,
        "kept": [(k, v) for k, v in request.GET.items() if k not in ("q", "cursor", "ordering")],
        "export": exported(request.user, here, now),
        "all_tickets": filters.address(QueryDict()),
        "by_time": now == "-opened_at",
        "may_change": may_change,
        "may_comment": request.user.has_perm("tickets.add_comment"),
        "desk": desk(request, words, here, request.GET.get("ordering", "")),
    }
    return TemplateResponse(request, "workspace/list.html", context)


def exported(user: Any, query: dict[str, str], ordering: str) -> str:
    """The address of the file of all these tickets; who `me` is stands in it by name. Those without a deadline or
    a priority are left out where the list's order does so."""
    column = ordering.lstrip("-")
    query = {**_HAVING.get(column, {}), **query}
    names = split_names(query.get("assignee", ""))
    mine = [user.get_username() if name.lower() == "me" else name for name in names]
    given = {**query, **({"assignee": join_names(mine)} if "assignee" in query else {})}
    return f"{reverse('report-export')}?{urlencode({**given, 'format': 'csv'})}"


def desk(
    request: HttpRequest, words: filters.Words, query: dict[str, str], ordering: str
) -> dict[str, Any]:
    """What the scripts need to know. Who may change tickets may send them anywhere, restricted departments too:
    people, departments and groups are named to those only."""
    user = request.user
    may_change = user.has_perm("tickets.change_ticket")
    return {
        "me": user.get_username(),
        "mayChange": may_change,
        "mayComment": user.has_perm("tickets.add_comment"),
        "mayShare": user.has_perm(SHARE),
        "query": query,
        "ordering": ordering,
        "statuses": [[status.value, status.label] for status in Status],
        "priorities": [[p.value, p.label] for p in Priority],
        "departments": words.departments if may_change else [],
        "groups": words.groups if may_change else [],
        "categories": words.categories,
        "people": people() if may_change else [],
    }


def people() -> list[list[str]]:
    """Those who can have tickets: login name, name."""
    active = get_user_model().objects.filter(is_active=True).order_by("username")
    names = active.values_list("username", "first_name", "last_name")[:_PEOPLE]
    return [[login, f"{first} {last}".strip()] for login, first, last in names]


def views_of(request: HttpRequest) -> list[dict[str, Any]]:
    seen = SavedView.objects.visible_to(request.user).in_order()
    return [
        {
            "id": view.pk,
            "name": view.name,
            "shared": view.shared,
            "owner": view.owner.get_username() if view.owner else "",
            "query": view.query,
            "ordering": view.ordering,
            "address": address_of(view),
            "editable": view.may_be_changed_by(request.user),
            "current": False,
        }
        for view in seen
    ]


@require_POST
def ticket_rows(request: HttpRequest) -> HttpResponse:
    """The rows with the numbers in `shown` as they are now, which of them the list would not show any more, and
    how many came that its first page would show. The address is the list's own."""
    if not request.user.has_perm("tickets.view_ticket"):
        raise PermissionDenied
    shown, now = ticket_ids(request.POST.get("shown", "").split(","))[:_MOST], timezone.now()
    visible = Ticket.objects.visible_to(request.user)
    found, error = choose(request, request.GET, visible)
    if error:
        return JsonResponse({"detail": error}, status=400)
    tickets = visible.filter(pk__in=shown).with_names().defer("description")
    may_change = request.user.has_perm("tickets.change_ticket")
    rows = {
        row.ticket.pk: {
            "stamp": row.stamp,
            "html": row_html(row, may_change=may_change),
        }
        for row in rows_of(tickets, now)
    }
    matching = set(found.filter(pk__in=shown).values_list("pk", flat=True))
    fresh: list[int] = []
    if "cursor" not in request.GET:
        was_full = len(shown) >= page_size(request)
        fresh = came(page_of(request, found, now), set(shown), was_full=was_full)[:_FRESH]
    return JsonResponse(
        {"rows": rows, "gone": [pk for pk in shown if pk not in matching], "fresh": fresh}
    )


def came(page: Page, shown: set[int], *, was_full: bool) -> list[int]:
    """Tickets of the first page that came since it showed `shown`. Where it was full, those behind the last of
    them were on the second page, and only moved up when others left."""
    pks = [row.ticket.pk for row in page.rows]
    if was_full:
        last = max((place for place, pk in enumerate(pks) if pk in shown), default=0)
        pks = pks[:last]
    return [pk for pk in pks if pk not in shown]


#: Who is not signed in is sent to the admin's login and comes back.
listing = admin.site.admin_view(ticket_list)
listing_rows = admin.site.admin_view(ticket_rows)
