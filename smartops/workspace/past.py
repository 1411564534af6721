"""What a ticket's page shows of things that grow without end: the newest, and more when somebody asks for them.

`?comments_from=17` in the page's address shows all comments from the 17th of the table on, `?comments_before=17`
the newest of those before it.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from django.http import HttpRequest, QueryDict

from smartops.workspace.history import Line, lines
from tickets.many import ticket_ids
from tickets.models import Attachment, Comment, Ticket, TicketEvent
from triage.models import TriageDecision
from triage.reading import explained

#: How many are shown at first, and how many more each time.
STEPS: Final = {"comments": 50, "files": 50, "events": 50, "decisions": 10}
#: However far back somebody asks; what came before is on a page of its own.
MOST: Final = 500


class Shown(NamedTuple):
    """Rows, the newest first; `older` is the address that shows more of them, empty where there are none.

    `pages` are links to other pages of them: what came before MOST rows, and back to the newest.
    """

    rows: list[Any]
    older: str = ""
    pages: Sequence[tuple[str, str]] = ()


def newest(query: QueryDict, name: str, rows: Any) -> Shown:
    """Those of `rows` that the page's address asks for."""
    step, given, before = STEPS[name], _number(query, name, "from"), _number(query, name, "before")
    rows, pages = rows.order_by("-pk"), []
    if before is not None:
        rows = rows.filter(pk__lt=before)
        pages.append((f"Back to the newest {name}", _address(query, name)))
    found = list(rows.filter(pk__gte=given)[:MOST] if given is not None else rows[:step])
    if not found or (given is None and len(found) < step):
        return Shown(found, "", pages)
    left = rows.filter(pk__lt=found[-1].pk).values_list("pk", flat=True)[:step]
    if not left:
        return Shown(found, "", pages)
    if len(found) >= MOST:
        further = _address(query, name, before=found[-1].pk)
        return Shown(found, "", [(f"Go on to older {name}", further), *pages])
    return Shown(found, _address(query, name, before=before, **{"from": list(left)[-1]}), pages)


def _number(query: QueryDict, name: str, word: str) -> int | None:
    return next(iter(ticket_ids([query.get(f"{name}_{word}", "")])), None)


def _address(query: QueryDict, name: str, **words: int | None) -> str:
    """The page's address with these words about `name`, and what it says of the others."""
    address = QueryDict(mutable=True)
    for other in STEPS:
        for word in ("before", "from"):
            said = words.get(word) if other == name else _number(query, other, word)
            if said is not None:
                address[f"{other}_{word}"] = str(said)
    return f"?{address.urlencode()}"


def thread(request: HttpRequest, ticket: Ticket) -> dict[str, Any]:
    """Comments with their files, the oldest of them first, and files that came without one."""
    user, comments, files = request.user, Shown([]), Shown([])
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
        "pages_of_comments": comments.pages,
        "files": files.rows[::-1],
        "older_files": files.older,
        "pages_of_files": files.pages,
    }


def history(request: HttpRequest, ticket: Ticket, visible: Any) -> dict[str, Any]:
    """What happened, the newest first, with what happened to the tickets that were merged into this one."""
    if not request.user.has_perm("tickets.view_ticketevent"):
        return {}
    events = newest(request.GET, "events", TicketEvent.objects.of(ticket, visible))
    told: list[Line] = lines(events.rows)
    return {"events": told, "older_events": events.older, "pages_of_events": events.pages}


def decisions(request: HttpRequest, ticket: Ticket) -> dict[str, Any]:
    """The newest decision, explained, and those before it."""
    if not request.user.has_perm("triage.view_triagedecision"):
        return {}
    rows = TriageDecision.objects.filter(ticket=ticket)
    shown = newest(request.GET, "decisions", rows)
    first = rows.order_by("-pk").first() if shown.pages else next(iter(shown.rows), None)
    if first is None:
        return {}
    return {
        **explained(first),
        "earlier": [explained(one) for one in shown.rows if one.pk != first.pk],
        "older_decisions": shown.older,
        "pages_of_decisions": shown.pages,
    }
