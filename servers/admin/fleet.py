"""Servers with what people do to them, their history, and the simulation."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from servers.admin.watch import CheckInline, HeartbeatInline
from servers.lifecycle import Action, State
from servers.models import Kind, Server, ServerEvent, Simulation
from servers.serializers.fleet import LATEST_EVENTS
from servers.services import fleet, removing, simulation
from tickets.admin.lists import BoundedPaginator
from tickets.services import UnknownNames
from workers.admin import FixedRows, ReadOnly
from workers.errors import PermanentError

COLOURS = {
    State.RUNNING: "success",
    State.BOOTING: "info",
    State.DEGRADED: "warning",
    State.FAILED: "danger",
}
WRITTEN = ("role", "region", "host_group", "environment", "kind")
KNOWN = ("state_badge", "state_since", "reason", "open_ticket", "needed_by", "history")


def _links(servers: Any) -> Any:
    rows = servers.order_by("name").values_list("pk", "name")[:50]
    links = ((reverse("admin:servers_server_change", args=[pk]), name) for pk, name in rows)
    return format_html_join(", ", '<a href="{}">{}</a>', links) or "-"


class ServerForm(forms.ModelForm):
    depends_on = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Names of the servers that it needs, one a line",
    )

    class Meta:
        model = Server
        fields = ("name", *WRITTEN)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            names = self.instance.depends_on.order_by("name").values_list("name", flat=True)
            self.initial["depends_on"] = "\n".join(names)

    def clean_depends_on(self) -> list[str]:
        return self.cleaned_data["depends_on"].replace(",", " ").split()

    def clean(self) -> dict[str, Any]:
        """Write it and take it back: what the services refuse is said beside the field."""
        data = super().clean() or {}
        if not self.errors:
            try:
                with transaction.atomic():
                    self.write()
                    transaction.set_rollback(True)
            except UnknownNames as error:
                self.add_error("depends_on", error.errors["depends_on"])
            except PermanentError as error:
                self.add_error("depends_on", str(error))
        return data

    def write(self) -> Server:
        if self.instance.pk:
            values = {name: self.cleaned_data[name] for name in (*WRITTEN, "depends_on")}
            return fleet.change_servers(ids=[self.instance.pk], values=values)[0]
        return fleet.create_servers(values=[self.cleaned_data])[0]


@admin.register(Server)
class ServerAdmin(ModelAdmin):
    form = ServerForm
    list_display = (
        *("name", "state_badge", "state_since", "reason", "role", "region", "host_group"),
        *("environment", "kind"),
    )
    list_filter = ("state", "role", "environment", "kind", "region")
    search_fields = ("name", "host_group")
    ordering = ("name",)
    paginator = BoundedPaginator
    show_full_result_count = False
    actions = ("start", "stop", "fail", "recover")

    def get_inlines(self, request: HttpRequest, obj: Server | None) -> Any:
        return (HeartbeatInline, CheckInline) if obj and obj.kind == Kind.MONITORED else ()

    def get_fields(self, request: HttpRequest, obj: Server | None = None) -> Any:
        if obj is None:
            return ("name", *WRITTEN, "depends_on")
        links = "depends_on" if self.has_change_permission(request, obj) else "needs"
        return ("name", *WRITTEN, links, *KNOWN)

    def get_readonly_fields(self, request: HttpRequest, obj: Server | None = None) -> Any:
        return ("name", "needs", *KNOWN) if obj else ()

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        server: Any = super().get_object(request, *args, **kwargs)
        if server is not None:
            server.asker = request.user  # not on this admin, which all requests share
        return server

    @display(description="State", ordering="state", label=COLOURS)
    def state_badge(self, server: Server) -> str:
        return server.state

    @display(description="Ticket of its open incident")
    def open_ticket(self, server: Any) -> Any:
        number = server.open_ticket(server.asker)
        where = reverse("admin:tickets_ticket_change", args=[number]) if number else ""
        return format_html('<a href="{}">#{}</a>', where, number) if number else "-"

    @display(description="Needs")
    def needs(self, server: Server) -> Any:
        return _links(server.depends_on)

    @display(description="Needed by")
    def needed_by(self, server: Server) -> Any:
        return _links(server.dependents)

    @display(description="History")
    def history(self, server: Server) -> Any:
        rows = format_html_join(
            "",
            "<li>{}: {} → {}, by {}{}</li>",
            (
                (
                    date_format(timezone.localtime(event.at), "j M H:i:s"),
                    event.old,
                    event.new,
                    event.actor,
                    f": {event.reason}" if event.reason else "",
                )
                for event in server.events.order_by("-id")[:LATEST_EVENTS]
            ),
        )
        everything = reverse("admin:servers_serverevent_changelist") + f"?server={server.pk}"
        return format_html('<ul>{}</ul><a href="{}">All of it</a>', rows, everything)

    def save_model(self, request: HttpRequest, obj: Server, form: Any, change: bool) -> None:
        obj.pk = form.write().pk

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The form has written the links; heartbeat and checks are only shown, but the log asks for them."""
        for formset in formsets:
            formset.save()

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # Its history, which nobody deletes by hand, goes with it.
        return [str(obj) for obj in objs], {"servers": len(objs)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Server) -> None:
        self.delete_queryset(request, Server.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Server]) -> None:
        ids, actor = list(queryset.values_list("pk", flat=True)), request.user.get_username()
        removing.delete_servers(ids=ids, actor=actor, now=timezone.now())

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("servers.operate_server")

    @admin.action(description="Start", permissions=["operate"])
    def start(self, request: HttpRequest, queryset: QuerySet[Server]) -> None:
        self._act(request, queryset, Action.START)

    @admin.action(description="Stop", permissions=["operate"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Server]) -> None:
        self._act(request, queryset, Action.STOP)

    @admin.action(description="Say that they failed", permissions=["operate"])
    def fail(self, request: HttpRequest, queryset: QuerySet[Server]) -> None:
        self._act(request, queryset, Action.FAIL)

    @admin.action(description="Say that they are well again", permissions=["operate"])
    def recover(self, request: HttpRequest, queryset: QuerySet[Server]) -> None:
        self._act(request, queryset, Action.RECOVER)

    def _act(self, request: HttpRequest, queryset: QuerySet[Server], what: Action) -> None:
        try:
            events = fleet.act_on(
                ids=list(queryset.values_list("pk", flat=True)),
                action=what,
                actor=request.user.get_username(),
                now=timezone.now(),
            )
        except fleet.IllegalMove as error:
            self.message_user(request, f"Nothing was changed: {error}", messages.ERROR)
        else:
            self.message_user(request, f"{len(events)} servers changed.", messages.SUCCESS)


@admin.register(ServerEvent)
class ServerEventAdmin(ReadOnly, ModelAdmin):
    list_display = ("at", "server", "old", "new", "cause", "actor", "reason")
    list_filter = ("new", "cause")
    search_fields = ("server__name__exact",)
    search_help_text = "The server's name"
    ordering = ("-id",)
    list_select_related = ("server",)
    paginator = BoundedPaginator
    show_full_result_count = False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "server" or super().lookup_allowed(lookup, value, request)


@admin.register(Simulation)
class SimulationAdmin(FixedRows, ModelAdmin):
    list_display = ("__str__", "paused", "intensity", "until")
    fields = ("paused", "seed", "intensity", "until")
    readonly_fields = ("until",)

    def save_model(self, request: HttpRequest, obj: Simulation, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        simulation.change_simulation(values=values, now=timezone.now())
