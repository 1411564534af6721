"""`/`: the desk at a glance. Painted by the server, then kept up to date panel by panel."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from analytics import panels


def dashboard_page(request: HttpRequest) -> HttpResponse:
    """The whole page; `?wall=1` for a screen on the wall."""
    context = {**_shown(request), "title": "Dashboard", "wall": request.GET.get("wall") == "1"}
    return TemplateResponse(request, "analytics/dashboard.html", context)


def dashboard_panels(request: HttpRequest) -> HttpResponse:
    """The panels alone, for the page that is open already."""
    return TemplateResponse(request, "analytics/panels.html", _shown(request))


def _shown(request: HttpRequest) -> dict[str, Any]:
    user, now = request.user, timezone.now()
    if not user.has_perm("tickets.view_ticket"):
        raise PermissionDenied
    found = panels.count_open(user, now)
    return {
        "now": now,
        "figures": panels.figures(found),
        "deadlines": panels.deadlines(user, now),
        "alerts": panels.alerts(user),
        "open": panels.by_department(user, found),
        "sla_states": panels.sla_states(found),
        "ages": panels.backlog_age(found, now),
        "triage": panels.triage(now),
        "fleet": panels.fleet(user),
        "pipeline": panels.pipeline(now),
    }


#: Who is not signed in is sent to the admin's login and comes back.
dashboard = admin.site.admin_view(dashboard_page)
dashboard_parts = admin.site.admin_view(dashboard_panels)
