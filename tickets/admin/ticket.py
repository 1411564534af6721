"""The ticket's pages: agents read, decide, answer and move here. Every write goes through the services."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from tickets import services
from tickets.admin.actions import TicketActions
from tickets.admin.fields import LISTS_ON_ONE_LINE
from tickets.admin.form import EDITABLE, CommentForm, TicketForm
from tickets.admin.lists import (
    AssigneeFilter,
    BoundedPaginator,
    DepartmentFilter,
    SlaFilter,
    TicketColumns,
    row_number,
    search,
)
from tickets.downloads import as_files, download
from tickets.intake import TicketIn
from tickets.lifecycle import MOVES, Status, parse_status
from tickets.models import Attachment, Comment, Ticket, TicketEvent
from workers.errors import PermanentError

SHOWN_EVENTS = 50


@admin.register(Ticket)
class TicketAdmin(TicketColumns, TicketActions, ModelAdmin):
    form = TicketForm
    change_form_template = "admin/tickets/ticket/change_form.html"
    list_display = (
        *("id", "short_title", "status_badge", "priority_badge", "sla_badge", "category"),
        *("department", "group", "assignee", "triage_badge", "age"),
    )
    list_display_links = ("id", "short_title")
    list_filter = (
        *("status", "priority", DepartmentFilter, "group", "category", "customer_tier"),
        *("triage_status", SlaFilter, AssigneeFilter, "opened_at"),
    )
    list_select_related = ("category", "department", "group", "assignee")
    list_per_page = 50
    search_fields = ("title",)
    search_help_text = "#number, the sender's id, or words; the last word may be cut off"
    paginator = BoundedPaginator
    show_full_result_count = False
    ordering = ("-opened_at", "-id")
    formfield_overrides = LISTS_ON_ONE_LINE
    autocomplete_fields = ("category", "group", "assignee")
    fieldsets = (
        (
            "Request",
            {
                "fields": (
                    *("title", "description", ("requester_name", "requester_email")),
                    *(("customer_tier", "server"), "tags", "seen_version"),
                )
            },
        ),
        (
            "Decision",
            {
                "fields": (
                    ("impact", "urgency", "priority"),
                    "category",
                    ("department", "group"),
                    "assignee",
                )
            },
        ),
    )
    #: What the page of a ticket shows besides: filled by the apps above (`triage.admin`).
    panels: list[Callable[[HttpRequest, Ticket], dict[str, Any]]] = []
    #: More buttons of that page, by their name in the address: each does its work and says what it did.
    steps: dict[str, Callable[[HttpRequest, Ticket], str]] = {}

    class Media:
        js = ("tickets/countdown.js",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).visible_to(request.user)

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return (search(queryset, search_term) if search_term.strip() else queryset), False

    def save_model(self, request: HttpRequest, obj: Ticket, form: Any, change: bool) -> None:
        actor, now = request.user.get_username(), timezone.now()
        values = {name: form.cleaned_data[name] for name in form.changed_data if name in EDITABLE}
        if form.cleaned_data.get("group") is None and form.initial.get("group"):
            values["group"] = None
        if change:
            services.change_tickets(
                ids=[obj.pk],
                values=values,
                actor=actor,
                now=now,
                version=form.cleaned_data.get("seen_version"),
            )
            return
        given = {
            name: as_text(value) for name, value in values.items() if value not in (None, "", [])
        }
        item = TicketIn.model_validate({**given, "source": "admin"}, context={"now": now})
        [outcome] = services.open_tickets(items=[item], actor=actor, now=now)
        if outcome.ticket is None:
            raise PermanentError(str(outcome.errors))
        obj.pk = outcome.ticket.pk

    def save_related(self, *args: Any, **kwargs: Any) -> None:
        """The ticket's form has no relations that the services did not write."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # What belongs to a ticket, which nobody deletes by hand, goes with it.
        return [str(obj) for obj in objs], {"tickets": len(objs)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Ticket) -> None:
        self._delete(request, [obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> None:
        self._delete(request, list(queryset.values_list("pk", flat=True)))

    def _delete(self, request: HttpRequest, ids: list[int]) -> None:
        services.delete_tickets(ids=ids, actor=request.user.get_username(), now=timezone.now())

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, *args, **kwargs)
        except PermanentError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.path)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        ticket: Ticket | None = context.get("original")
        if ticket is not None:
            goes_on = ticket.merged_into_id is None
            may_change = self.has_change_permission(request, ticket)
            moves = MOVES[Status(ticket.status)] if may_change and goes_on else ()
            visible = self.get_queryset(request)
            children = visible.filter(parent=ticket).order_by("pk")
            context |= {
                "moves": [(status.value, status.label) for status in moves],
                "may_change": may_change,
                "may_comment": goes_on and request.user.has_perm("tickets.add_comment"),
                "merged": visible.filter(merged_into=ticket).order_by("pk"),
                "children": children,
                "open_children": sum(not child.has_ended for child in children),
                "comments": Comment.objects.filter(ticket=ticket).order_by("pk"),
                "attachments": Attachment.objects.filter(ticket=ticket).order_by("pk"),
                "may_remove": request.user.has_perm("tickets.delete_attachment"),
                "comment_form": CommentForm(),
                "history": TicketEvent.objects.of(ticket, visible).order_by("-pk")[:SHOWN_EVENTS],
            }
            for panel in self.panels:
                context |= panel(request, ticket)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[Any]:
        own = [
            path(
                "<int:pk>/move/",
                self.admin_site.admin_view(self._move_view),
                name="tickets_ticket_move",
            ),
            path(
                "<int:pk>/comment/", self._step(self._press_comment), name="tickets_ticket_comment"
            ),
            path(
                "<int:pk>/attachments/<int:attachment>/",
                self.admin_site.admin_view(self._download),
                name="tickets_ticket_attachment",
            ),
            path(
                "<int:pk>/remove-attachment/",
                self._step(self._press_remove_attachment),
                name="tickets_ticket_remove_attachment",
            ),
            path(
                "<int:pk>/release/", self._step(self._press_release), name="tickets_ticket_release"
            ),
            path("<int:pk>/attach/", self._step(self._press_attach), name="tickets_ticket_attach"),
            path("<int:pk>/detach/", self._step(self._press_detach), name="tickets_ticket_detach"),
            path("<int:pk>/merge/", self._step(self._press_merge), name="tickets_ticket_merge"),
            path("<int:pk>/step/<slug:name>/", self._other_step, name="tickets_ticket_step"),
        ]
        return own + super().get_urls()

    def _other_step(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        if name not in self.steps:
            raise Http404
        answer: HttpResponse = self._step(self.steps[name])(request, pk)
        return answer

    def _step(self, work: Callable[[HttpRequest, Ticket], str]) -> Any:
        """Wrap one button of the ticket's page: POST only, permission, message, back to the page."""

        def view(request: HttpRequest, pk: int) -> HttpResponse:
            ticket = get_object_or_404(self.get_queryset(request), pk=pk)
            if request.method != "POST" or not self.has_change_permission(request, ticket):
                raise PermissionDenied
            try:
                self.message_user(request, work(request, ticket), messages.SUCCESS)
            except services.UnknownNames as error:
                told = " ".join(line for lines in error.errors.values() for line in lines)
                self.message_user(request, told, messages.ERROR)
            except (PermanentError, ValueError) as error:
                self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:tickets_ticket_change", args=[pk]))

        return self.admin_site.admin_view(view)

    def _move_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Move a ticket; of a parent, show first what it means for the tickets attached to it."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        status = request.POST.get("status", "")
        page = reverse("admin:tickets_ticket_change", args=[pk])
        asked = self.confirmation(
            request, self.get_queryset(request).filter(pk=pk), status, [("status", status)], page
        )
        answer: HttpResponse = asked or self._step(self._press_move)(request, pk)
        return answer

    def _press_attach(self, request: HttpRequest, ticket: Ticket) -> str:
        """Attach this ticket to the one whose number was given."""
        number = self._number(request, request.POST.get("to", ""))
        services.attach_tickets(
            ids=[ticket.pk], to=number, actor=request.user.get_username(), now=timezone.now()
        )
        return f"Attached: ticket {number} is worked on for both."

    def _press_detach(self, request: HttpRequest, ticket: Ticket) -> str:
        services.detach_tickets(
            ids=[ticket.pk], actor=request.user.get_username(), now=timezone.now()
        )
        return "Detached: this ticket goes on by itself."

    def _number(self, request: HttpRequest, given: str) -> int:
        number = row_number(given)
        if number is None or not self.get_queryset(request).filter(pk=number).exists():
            raise ValueError(
                f"There is no ticket {given[:20]!r}. Give the number of one that you see."
            )
        return number

    def _press_move(self, request: HttpRequest, ticket: Ticket) -> str:
        status = parse_status(request.POST.get("status", ""))
        services.move_tickets(
            ids=[ticket.pk], status=status, actor=request.user.get_username(), now=timezone.now()
        )
        return f"The ticket is {status.label.lower()} now."

    def _press_comment(self, request: HttpRequest, ticket: Ticket) -> str:
        form = CommentForm(request.POST)
        needed = ["tickets.add_comment", *(["tickets.add_attachment"] if request.FILES else [])]
        if not request.user.has_perms(needed):
            raise PermissionDenied
        files = as_files(request.FILES.getlist("uploads"))
        if not form.is_valid() or not (form.cleaned_data["body"] or files):
            raise ValueError("Write something before you send it.")
        services.comment_on(
            ticket=ticket,
            body=form.cleaned_data["body"] or "See the attached files.",
            files=files,
            public=not form.cleaned_data["internal"],
            from_requester=form.cleaned_data["from_requester"],
            actor=request.user.get_username(),
            now=timezone.now(),
        )
        return "Your comment was added."

    def _download(self, request: HttpRequest, pk: int, attachment: int) -> HttpResponseBase:
        ticket = get_object_or_404(self.get_queryset(request), pk=pk)
        if not request.user.has_perm("tickets.view_attachment"):
            raise PermissionDenied
        return download(get_object_or_404(Attachment, pk=attachment, ticket=ticket))

    def _press_remove_attachment(self, request: HttpRequest, ticket: Ticket) -> str:
        if not request.user.has_perm("tickets.delete_attachment"):
            raise PermissionDenied
        attachment = get_object_or_404(
            Attachment, pk=row_number(request.POST.get("attachment", "")), ticket=ticket
        )
        services.remove_attachment(
            attachment=attachment, actor=request.user.get_username(), now=timezone.now()
        )
        return f"{attachment.name} was removed."

    def _press_merge(self, request: HttpRequest, ticket: Ticket) -> str:
        """Merge this ticket into the one whose number was given."""
        number = self._number(request, request.POST.get("into", ""))
        services.merge_tickets(
            source=ticket.pk, into=number, actor=request.user.get_username(), now=timezone.now()
        )
        return f"Merged: ticket {number} goes on."

    def _press_release(self, request: HttpRequest, ticket: Ticket) -> str:
        """Hand the fields that a person set back to triage; the next triage may change them."""
        services.release_locks(
            ids=[ticket.pk], actor=request.user.get_username(), now=timezone.now()
        )
        return "Triage may decide these fields again."


def as_text(value: Any) -> Any:
    """A chosen row by the name that intake knows it by; anything else as it is."""
    for attribute in ("username", "slug", "name"):
        if hasattr(value, attribute):
            return getattr(value, attribute)
    return value
