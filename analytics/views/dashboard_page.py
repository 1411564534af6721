"""`/`: the desk at a glance. Painted by the server, then kept up to date panel by panel."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from analytics import panels
from analytics.pipeline import pipeline
from tickets.querysets import hidden_department_ids
from workers.replica import read


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
    hidden_department_ids(
        user
    )  # looked up where permissions are written, and kept for this request
    return {
        "now": now,
        **read(lambda: _counted(user, now)),
        # What is told the moment it happens, and whether the machinery runs, are asked where they are written.
        "alerts": panels.alerts(user),
        "pipeline": pipeline(user, now),
    }


def _counted(user: Any, now: datetime) -> dict[str, Any]:
    found = panels.count_open(user, now)
    return {
        "figures": panels.figures(found),
        "deadlines": panels.deadlines(user, now),
        "open": panels.by_department(user, found),
        "sla_states": panels.sla_states(found),
        "ages": panels.backlog_age(found, now),
        "triage": panels.triage(now),
        "fleet": panels.fleet(user),
    }


#: Who is not signed in is sent to the admin's login and comes back.
dashboard = admin.site.admin_view(dashboard_page)
dashboard_parts = admin.site.admin_view(dashboard_panels)
