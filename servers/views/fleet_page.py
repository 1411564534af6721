"""`/fleet/`: all servers at a glance, by region and host group. The data comes from the API."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from servers.lifecycle import State
from servers.models import Server
from servers.summary import ORDER, summary

#: Read by eyes that tell no colours apart, too.
SIGNS = {
    State.FAILED: "✕",
    State.DEGRADED: "!",
    State.BOOTING: "↻",
    State.STOPPED: "–",
    State.RUNNING: "✓",
}


def fleet_page(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("servers.view_server"):
        raise PermissionDenied
    context = {
        "title": "Fleet",
        "summary": summary(Server.objects.counts()),
        "signs": [{"state": state.value, "sign": SIGNS[state]} for state in ORDER],
    }
    return TemplateResponse(request, "servers/fleet.html", context)


#: Who is not signed in is sent to the admin's login and comes back.
fleet = admin.site.admin_view(fleet_page)
