"""The frame of the desk's own pages: which of them the asker may open."""

from dataclasses import dataclass
from typing import Final

from django import template
from django.http import HttpRequest
from django.urls import reverse

from smartops.unfold import MONITORS

register = template.Library()


@dataclass(frozen=True)
class DeskPage:
    title: str
    address: str
    current: bool


#: (title, name of the route, permission that it needs).
PAGES: Final = (
    ("Dashboard", "desk-dashboard", "tickets.view_ticket"),
    ("Tickets", "workspace", "tickets.view_ticket"),
    ("Report", "desk-report", "tickets.view_ticket"),
    ("Review", "review-page", "tickets.change_ticket"),
    ("Fleet", "fleet-page", "servers.view_server"),
    ("Admin", "admin:index", ""),
)


@register.filter
def desk_pages(request: HttpRequest) -> list[DeskPage]:
    """The pages in the header; the one that is shown, or holds it, is marked."""
    shown = []
    for title, view, permission in PAGES:
        if permission and not request.user.has_perm(permission):
            continue
        address = reverse(view)
        current = request.path == address or (address != "/" and request.path.startswith(address))
        shown.append(DeskPage(title, address, current))
    return shown


@register.filter
def monitors(request: HttpRequest) -> list[tuple[str, str]]:
    """Names and addresses of other programs that watch the desk, as far as the reader may see them."""
    return [(one["title"], one["link"](request)) for one in MONITORS if one["permission"](request)]
