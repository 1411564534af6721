"""What a ticket's page shows of things that grow without end: the newest, and more when somebody asks for them.

`?comments_from=17` in the page's address shows all comments from the 17th of the table on.
"""

from typing import Any, Final, NamedTuple

from django.http import HttpRequest, QueryDict

from smartops.workspace.history import Line, lines
from tickets.many import ticket_ids
from tickets.models import Attachment, Comment, Ticket, TicketEvent
from triage.models import TriageDecision
from triage.reading import explained

#: How many are shown at first, and how many more each time.
STEPS: Final = {"comments": 50, "files": 50, "events": 50, "decisions": 10}
#: However far back somebody asks.
MOST: Final = 500


class Shown(NamedTuple):
    """Rows, the newest first; `older` is the address that shows more of them, empty where there are none."""

    rows: list[Any]
    older: str


def newest(query: QueryDict, name: str, rows: Any) -> Shown:
    """Those of `rows` that the page's address asks for."""
    step, given = STEPS[name], ticket_ids([query.get(f"{name}_from", "")])
    rows = rows.order_by("-pk")
    found = list(rows.filter(pk__gte=given[0])[:MOST] if given else rows[:step])
    if not found or len(found) >= MOST or (not given and len(found) < step):
        return Shown(found, "")
    before = list(rows.filter(pk__lt=found[-1].pk).values_list("pk", flat=True)[:step])
    if not before:
        return Shown(found, "")
    address = QueryDict(mutable=True)
    address.update({k: str(v) for k, v in query.items() if k.removesuffix("_from") in STEPS})
    address[f"{name}_from"] = str(before[-1])
    return Shown(found, f"?{address.urlencode()}")


def thread(request: HttpRequest, ticket: Ticket) -> dict[str, Any]:
    """Comments with their files, the oldest of them first, and files that came without one."""
    user, comments, files = request.user, Shown([], ""), Shown([], "")
    of_comments: dict[int | None, list[Attachment]] = {}
    if user.has_perm("tickets.view_comment"):
        comments = newest(request.GET, "comments", Comment.objects.filter(ticket=ticket))
    if user.has_perm("tickets.view_attachment"):
        own = Attachment.objects.filter(ticket=ticket)
        files = newest(request.GET, "files", own.filter(comment=None))
        for file in own.filter(comment__in=[one.pk for one in comments.rows]).order_by("pk"):
            of_comments.setdefault(file.comment_id, []).append(file)
    told = [{"comment": one, "files": of_comments.get(one.pk, [])} for one in comments.rows[::-1]]
    return {
        "comments": told,
        "older_comments": comments.older,
        "files": files.rows[::-1],
        "older_files": files.older,
    }


def history(request: HttpRequest, ticket: Ticket, visible: Any) -> dict[str, Any]:
    """What happened, the newest first, with what happened to the tickets that were merged into this one."""
    if not request.user.has_perm("tickets.view_ticketevent"):
        return {}
    events = newest(request.GET, "events", TicketEvent.objects.of(ticket, visible))
    told: list[Line] = lines(events.rows)
    return {"events": told, "older_events": events.older}


def decisions(request: HttpRequest, ticket: Ticket) -> dict[str, Any]:
    """The newest decision, explained, and those before it."""
    if not request.user.has_perm("triage.view_triagedecision"):
        return {}
    shown = newest(request.GET, "decisions", TriageDecision.objects.filter(ticket=ticket))
    if not shown.rows:
        return {}
    first, *earlier = shown.rows
    return {
        **explained(first),
        "earlier": [explained(one) for one in earlier],
        "older_decisions": shown.older,
    }
