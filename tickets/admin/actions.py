"""What agents do to many tickets at once. Each reports how many worked, and which could not and why."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget

from tickets import services
from tickets.lifecycle import Status
from tickets.models import Department, SupportGroup, Ticket
from workers.errors import PermanentError


class DestinationForm(forms.Form):
    department = forms.ModelChoiceField(Department.objects.none(), widget=UnfoldAdminSelectWidget)
    group = forms.ModelChoiceField(
        SupportGroup.objects.select_related("department").order_by("name"),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["department"]
        field.queryset = Department.objects.visible_to(user).order_by("name")


class TicketActions:
    actions = (
        *("start", "hold", "resolve", "close", "assign_to_me", "send_to", "make_urgent"),
        *("merge", "attach", "detach"),
    )

    message_user: Callable[..., None]
    get_queryset: Callable[[HttpRequest], Any]

    @admin.action(description="Start work", permissions=["change"])
    def start(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> None:
        self._move(request, queryset, Status.IN_PROGRESS)

    @admin.action(description="Put on hold", permissions=["change"])
    def hold(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> None:
        self._move(request, queryset, Status.ON_HOLD)

    @admin.action(description="Resolve", permissions=["change"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> HttpResponse | None:
        return self._move_when_confirmed(request, queryset, Status.RESOLVED, "resolve")

    @admin.action(description="Close", permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> HttpResponse | None:
        return self._move_when_confirmed(request, queryset, Status.CLOSED, "close")

    @admin.action(description="Assign to me", permissions=["change"])
    def assign_to_me(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> None:
        self._change(request, queryset, {"assignee": request.user})

    @admin.action(description="Set priority P1", permissions=["change"])
    def make_urgent(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> None:
        self._change(request, queryset, {"priority": 1})

    @admin.action(description="Send to a department…", permissions=["change"])
    def send_to(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> HttpResponse | None:
        given = request.POST if "department" in request.POST else None
        form = DestinationForm(given, user=request.user)
        if given is None or not form.is_valid():
            context = {
                **admin.site.each_context(request),
                "title": f"Send {queryset.count()} tickets to a department",
                "form": form,
                "tickets": queryset[:20],
                "selected": [str(pk) for pk in queryset.values_list("pk", flat=True)],
                "opts": Ticket._meta,
            }
            return TemplateResponse(request, "admin/tickets/ticket/send_to.html", context)
        group, department = form.cleaned_data["group"], form.cleaned_data["department"]

        def send(ids: list[int]) -> list[Ticket]:
            return services.route_tickets(
                ids=ids,
                department=department.name,
                group=group.name if group else None,
                confidence=1.0,
                actor=request.user.get_username(),
                now=timezone.now(),
            )

        self._together(request, queryset, send)
        return None

    @admin.action(description="Merge into the oldest", permissions=["change"])
    def merge(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> None:
        pks = list(queryset.order_by("opened_at", "pk").values_list("pk", flat=True))
        done, refused = 0, [] if len(pks) > 1 else ["Choose two tickets or more."]
        for pk in pks[1:]:
            try:
                services.merge_tickets(
                    source=pk, into=pks[0], actor=request.user.get_username(), now=timezone.now()
                )
                done += 1
            except PermanentError as error:
                refused.append(str(error))
        self._report(request, done, refused)

    @admin.action(description="Attach to the oldest", permissions=["change"])
    def attach(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> None:
        pks = list(queryset.order_by("opened_at", "pk").values_list("pk", flat=True))
        actor, now = request.user.get_username(), timezone.now()
        try:
            done = services.attach_tickets(ids=pks[1:], to=pks[0], actor=actor, now=now)
            self._report(request, len(done), [] if done else ["Choose two tickets or more."])
        except PermanentError as error:
            self._report(request, 0, [str(error)])

    @admin.action(description="Detach", permissions=["change"])
    def detach(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> None:
        done = services.detach_tickets(
            ids=list(queryset.values_list("pk", flat=True)),
            actor=request.user.get_username(),
            now=timezone.now(),
        )
        self._report(request, len(done), [])

    def confirmation(
        self,
        request: HttpRequest,
        tickets: QuerySet[Ticket],
        status: str,
        fields: list[tuple[str, str]],
        back: str,
    ) -> HttpResponse | None:
        """A page that shows what resolving `tickets` means for those attached to them; None when it means nothing,
        or was confirmed. `fields` are sent again with the confirmation."""
        if status not in (Status.RESOLVED, Status.CLOSED) or "confirmed" in request.POST:
            return None
        parents = list(tickets.values_list("pk", flat=True))
        children = list(self.get_queryset(request).filter(parent__in=parents).order_by("pk"))
        resolves = [child for child in children if not child.has_ended]
        if not resolves:
            return None
        context = {
            **admin.site.each_context(request),
            "title": "Resolve what is attached, too?",
            "label": "Resolve" if status == Status.RESOLVED else "Close",
            "parents": tickets.filter(pk__in={child.parent_id for child in resolves}),
            "resolves": resolves,
            "stays": [child for child in children if child.has_ended],
            "fields": fields,
            "action_url": request.path,
            "back": back,
            "opts": Ticket._meta,
        }
        return TemplateResponse(request, "admin/tickets/ticket/resolve.html", context)

    def _move_when_confirmed(
        self, request: HttpRequest, queryset: QuerySet[Ticket], status: Status, action: str
    ) -> HttpResponse | None:
        selected = [("_selected_action", str(pk)) for pk in queryset.values_list("pk", flat=True)]
        back = reverse("admin:tickets_ticket_changelist")
        fields = [("action", action), *selected]
        if asked := self.confirmation(request, queryset, status, fields, back):
            return asked
        self._move(request, queryset, status)
        return None

    def _move(self, request: HttpRequest, queryset: QuerySet[Ticket], status: Status) -> None:
        done, refused = 0, []
        for pk in queryset.values_list("pk", flat=True):
            try:
                services.move_tickets(
                    ids=[pk], status=status, actor=request.user.get_username(), now=timezone.now()
                )
                done += 1
            except PermanentError as error:
                refused.append(str(error))
        self._report(request, done, refused)

    def _change(
        self, request: HttpRequest, queryset: QuerySet[Ticket], values: dict[str, Any]
    ) -> None:
        actor, now = request.user.get_username(), timezone.now()
        self._together(
            request,
            queryset,
            lambda ids: services.change_tickets(ids=ids, values=values, actor=actor, now=now),
        )

    def _together(
        self,
        request: HttpRequest,
        queryset: QuerySet[Ticket],
        change: Callable[[list[int]], list[Ticket]],
    ) -> None:
        """Change all in one transaction, but those for which another ticket goes on."""
        merged = queryset.exclude(merged_into=None)
        refused = [str(services.TicketMerged(ticket)) for ticket in merged]
        ids = list(queryset.filter(merged_into=None).values_list("pk", flat=True))
        try:
            self._report(request, len(change(ids)), refused)
        except services.UnknownNames as error:
            whys = [why for several in error.errors.values() for why in several]
            self._report(request, 0, [*whys, *refused])
        except PermanentError as error:
            self._report(request, 0, [str(error), *refused])

    def _report(self, request: HttpRequest, done: int, refused: list[str]) -> None:
        if done:
            self.message_user(request, f"{done} tickets changed.", messages.SUCCESS)
        for reason in refused[:10]:
            self.message_user(request, reason, messages.WARNING)
        if len(refused) > 10:
            self.message_user(
                request, f"… and {len(refused) - 10} more could not.", messages.WARNING
            )
