"""Every route × every role: who gets in, who is told no."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import URLPattern, URLResolver, get_resolver

from analytics.models import ReportDelivery, ReportSchedule
from analytics.services.exporting import request_export, run_exports
from servers.models import Integration, Mailbox, Server, Storm
from servers.services.checks import create_check
from servers.services.heartbeats import give_key
from servers.services.mails import take_mail
from sla.models import BusinessCalendar, Channel, ChannelRoute, Notification, SlaPolicy
from smartops import routes
from tests.conftest import client_for
from tests.factories import NOON, make_escalation, make_ticket, make_user
from tests.servers.alerts import make_incident, make_window
from tests.servers.fleet import make_server
from tests.servers.intake import make_sender, receive
from tickets.files import NewFile
from tickets.services import attach_files
from triage.models import AskPolicy, ClassifierModel, Prompt, TriageBatch, TriageJob
from triage.services import request_training

pytestmark = pytest.mark.django_db

V, A, D = "Viewer", "Agent", "Admin"
EVERYONE, WORKERS, ADMINS = {V, A, D}, {A, D}, {D}

#: (route name, method) -> the roles that may. Every route and method of the API stands here.
ALLOWED: dict[tuple[str, str], set[str]] = {
    ("ticket-list", "get"): EVERYONE,
    ("ticket-list", "post"): WORKERS,
    ("ticket-batch", "post"): WORKERS,
    ("ticket-detail", "get"): EVERYONE,
    ("ticket-detail", "put"): WORKERS,
    ("ticket-detail", "patch"): WORKERS,
    ("ticket-detail", "delete"): ADMINS,
    ("ticket-status", "put"): WORKERS,
    ("ticket-comments", "get"): EVERYONE,
    ("ticket-comments", "post"): WORKERS,
    ("ticket-events", "get"): EVERYONE,
    ("ticket-merge", "post"): WORKERS,
    ("ticket-attach", "post"): WORKERS,
    ("ticket-detach", "post"): WORKERS,
    ("ticket-children", "get"): EVERYONE,
    ("ticket-children", "post"): WORKERS,
    ("ticket-facets", "get"): EVERYONE,
    ("ticket-bulk", "post"): WORKERS,
    ("ticket-presence", "post"): EVERYONE,
    ("ticket-present", "get"): EVERYONE,
    ("savedview-list", "get"): EVERYONE,
    ("savedview-list", "post"): EVERYONE,
    ("savedview-detail", "get"): EVERYONE,
    ("savedview-detail", "patch"): EVERYONE,
    ("savedview-detail", "delete"): EVERYONE,
    ("ticket-attachments", "get"): EVERYONE,
    ("ticket-attachments", "post"): WORKERS,
    ("attachment", "get"): EVERYONE,
    ("attachment", "delete"): ADMINS,
    ("ticket-decisions", "get"): EVERYONE,
    ("ticket-similar", "get"): EVERYONE,
    ("ticket-sla", "get"): EVERYONE,
    ("ticket-acknowledge", "post"): WORKERS,
    ("dashboard", "get"): EVERYONE,
    ("dashboard-summary", "get"): EVERYONE,
    ("dashboard-routing", "get"): EVERYONE,
    ("analytics-summary", "get"): EVERYONE,
    ("analytics-performance", "get"): EVERYONE,
    ("analytics-trends", "get"): EVERYONE,
    ("analytics-tickets", "get"): EVERYONE,
    ("analytics-department", "get"): EVERYONE,
    ("review", "get"): EVERYONE,
    ("review-next", "get"): EVERYONE,
    ("review-ticket", "post"): WORKERS,
    ("review-undo", "post"): WORKERS,
    ("corrections", "get"): EVERYONE,
    ("analyze", "post"): EVERYONE,
    ("route", "post"): WORKERS,
    ("reroute", "put"): WORKERS,
    ("routing-statistics", "get"): EVERYONE,
    ("routing-history", "get"): EVERYONE,
    ("department-list", "get"): EVERYONE,
    ("department-detail", "get"): EVERYONE,
    ("department-tickets", "get"): EVERYONE,
    ("group-list", "get"): EVERYONE,
    ("category-list", "get"): EVERYONE,
    ("status-list", "get"): EVERYONE,
    ("triagejob-list", "get"): EVERYONE,
    ("triagejob-list", "post"): WORKERS,
    ("triagejob-detail", "get"): EVERYONE,
    ("triagejob-batch", "post"): WORKERS,
    ("triagejob-retry", "post"): WORKERS,
    ("triagebatch-list", "get"): EVERYONE,
    ("triagebatch-list", "post"): WORKERS,
    ("triagebatch-detail", "get"): EVERYONE,
    ("triagebatch-jobs", "get"): EVERYONE,
    ("triagebatch-retry", "post"): WORKERS,
    ("decisions-replay", "post"): EVERYONE,
    ("model-list", "get"): EVERYONE,
    ("model-detail", "get"): EVERYONE,
    ("model-train", "post"): ADMINS,
    ("model-judge", "post"): ADMINS,
    ("model-use", "post"): ADMINS,
    ("model-rollback", "post"): ADMINS,
    ("model-shadow", "get"): EVERYONE,
    ("model-drift", "get"): EVERYONE,
    ("trainingrun-list", "get"): EVERYONE,
    ("trainingrun-detail", "get"): EVERYONE,
    ("fieldpolicy-list", "get"): EVERYONE,
    ("fieldpolicy-detail", "get"): EVERYONE,
    ("fieldpolicy-detail", "patch"): ADMINS,
    ("triagejob-logs", "get"): EVERYONE,
    ("prompt-list", "get"): EVERYONE,
    ("prompt-list", "post"): ADMINS,
    ("prompt-detail", "get"): EVERYONE,
    ("prompt-active", "put"): ADMINS,
    ("prompt-default", "put"): ADMINS,
    ("prompt-dry-run", "post"): ADMINS,
    ("askpolicy-list", "get"): EVERYONE,
    ("askpolicy-list", "post"): ADMINS,
    ("askpolicy-detail", "get"): EVERYONE,
    ("askpolicy-detail", "put"): ADMINS,
    ("askpolicy-detail", "delete"): ADMINS,
    ("channel-list", "get"): EVERYONE,
    ("channel-list", "post"): ADMINS,
    ("channel-detail", "get"): EVERYONE,
    ("channel-detail", "patch"): ADMINS,
    ("channel-detail", "delete"): ADMINS,
    ("channel-rotate", "post"): ADMINS,
    ("channel-test", "post"): ADMINS,
    ("channelroute-list", "get"): EVERYONE,
    ("channelroute-list", "post"): ADMINS,
    ("channelroute-detail", "get"): EVERYONE,
    ("channelroute-detail", "patch"): ADMINS,
    ("channelroute-detail", "delete"): ADMINS,
    ("notification-list", "get"): EVERYONE,
    ("notification-detail", "get"): EVERYONE,
    ("notification-resend", "post"): ADMINS,
    ("slapolicy-list", "get"): EVERYONE,
    ("slapolicy-list", "post"): ADMINS,
    ("slapolicy-detail", "get"): EVERYONE,
    ("slapolicy-detail", "put"): ADMINS,
    ("slapolicy-detail", "patch"): ADMINS,
    ("slapolicy-detail", "delete"): ADMINS,
    ("slapolicy-versions", "get"): EVERYONE,
    ("slacalendar-list", "get"): EVERYONE,
    ("slacalendar-list", "post"): ADMINS,
    ("slacalendar-detail", "get"): EVERYONE,
    ("slacalendar-detail", "put"): ADMINS,
    ("slacalendar-detail", "patch"): ADMINS,
    ("slacalendar-detail", "delete"): ADMINS,
    ("slacalendar-import", "post"): ADMINS,
    ("sla-plan", "post"): ADMINS,
    ("server-list", "get"): EVERYONE,
    ("server-list", "post"): ADMINS,
    ("server-detail", "get"): EVERYONE,
    ("server-detail", "patch"): ADMINS,
    ("server-detail", "delete"): ADMINS,
    ("server-events", "get"): EVERYONE,
    ("server-start", "post"): WORKERS,
    ("server-stop", "post"): WORKERS,
    ("server-fail", "post"): WORKERS,
    ("server-recover", "post"): WORKERS,
    ("server-summary", "get"): EVERYONE,
    ("simulation", "get"): EVERYONE,
    ("simulation", "patch"): ADMINS,
    ("mailbox-list", "get"): ADMINS,
    ("mailbox-list", "post"): ADMINS,
    ("mailbox-detail", "get"): ADMINS,
    ("mailbox-detail", "patch"): ADMINS,
    ("mailbox-detail", "delete"): ADMINS,
    ("mailbox-read", "post"): ADMINS,
    ("mail-list", "get"): WORKERS,
    ("mail-detail", "get"): WORKERS,
    ("mail-original", "get"): WORKERS,
    ("mail-retry", "post"): ADMINS,
    ("escalation-list", "get"): EVERYONE,
    ("escalation-detail", "get"): EVERYONE,
    ("storm-list", "get"): EVERYONE,
    ("storm-detail", "get"): EVERYONE,
    ("storm-dissolve", "post"): WORKERS,
    ("incident-list", "get"): EVERYONE,
    ("incident-detail", "get"): EVERYONE,
    ("maintenancewindow-list", "get"): EVERYONE,
    ("maintenancewindow-list", "post"): WORKERS,
    ("maintenancewindow-detail", "get"): EVERYONE,
    ("maintenancewindow-detail", "patch"): WORKERS,
    ("maintenancewindow-detail", "delete"): WORKERS,
    ("maintenancewindow-preview", "post"): WORKERS,
    ("integration-list", "get"): EVERYONE,
    ("integration-list", "post"): ADMINS,
    ("integration-detail", "get"): EVERYONE,
    ("integration-detail", "patch"): ADMINS,
    ("integration-detail", "delete"): ADMINS,
    ("integration-rotate", "post"): ADMINS,
    ("integration-revoke", "post"): ADMINS,
    ("integration-try", "post"): ADMINS,
    ("delivery-list", "get"): ADMINS,
    ("delivery-detail", "get"): ADMINS,
    ("delivery-retry", "post"): ADMINS,
    ("server-heartbeat-key", "get"): EVERYONE,
    ("server-heartbeat-key", "post"): ADMINS,
    ("server-heartbeat-key", "patch"): ADMINS,
    ("server-heartbeat-key", "delete"): ADMINS,
    ("check-list", "get"): EVERYONE,
    ("check-list", "post"): ADMINS,
    ("check-detail", "get"): EVERYONE,
    ("check-detail", "patch"): ADMINS,
    ("check-detail", "delete"): ADMINS,
    ("check-results", "get"): EVERYONE,
    ("check-run", "post"): WORKERS,
    ("report-export", "get"): EVERYONE,
    ("report-export", "post"): EVERYONE,
    ("report-summary", "get"): EVERYONE,
    ("export-list", "get"): EVERYONE,
    ("export-detail", "get"): EVERYONE,
    ("export-detail", "delete"): EVERYONE,
    ("export-cancel", "post"): EVERYONE,
    ("export-download", "get"): EVERYONE,
    ("reportschedule-list", "get"): ADMINS,
    ("reportschedule-list", "post"): ADMINS,
    ("reportschedule-detail", "get"): ADMINS,
    ("reportschedule-detail", "patch"): ADMINS,
    ("reportschedule-detail", "delete"): ADMINS,
    ("reportschedule-send", "post"): ADMINS,
    ("reportdelivery-list", "get"): ADMINS,
    ("reportdelivery-detail", "get"): ADMINS,
}
#: Where a key of its own is asked for and no login: programs speak here, whatever people may.
KEYED = {
    (name, method)
    for name in ("server-heartbeat", "server-heartbeat-keyed")
    for method in ("get", "post")
}


def methods_of(pattern: URLPattern) -> set[str]:
    view: Any = pattern.callback
    if hasattr(view, "actions"):
        return {method for method in view.actions if method != "head"}
    allowed = view.view_initkwargs.get("http_method_names") or view.view_class.http_method_names
    return {m for m in allowed if m not in ("options", "head") and hasattr(view.view_class, m)}


def all_routes() -> set[tuple[str, str]]:
    found = set()
    for pattern in routes.urlpatterns:
        assert isinstance(pattern, URLPattern)
        found |= {(str(pattern.name), method) for method in methods_of(pattern)}
    return found


def address(name: str) -> str:
    from django.urls import reverse

    if name in (
        "ticket-detail",
        "ticket-status",
        "ticket-comments",
        "ticket-events",
        "ticket-merge",
        *("ticket-attach", "ticket-detach", "ticket-children", "ticket-presence"),
    ):
        return reverse(name, kwargs={"pk": make_ticket().pk})
    if name in (
        *(
            "ticket-attachments",
            "ticket-decisions",
            "ticket-similar",
            "ticket-sla",
            "ticket-acknowledge",
        ),
        *("reroute", "routing-history", "review-ticket"),
    ):
        return reverse(name, kwargs={"ticket_id": make_ticket().pk})
    if name in ("storm-detail", "storm-dissolve"):
        storm = Storm.objects.create(
            ticket=make_ticket(),
            state="calm",
            labels={"region": "eu-1"},
            expected=1,
            observed=10,
            incidents_count=10,
            started_at=NOON,
            last_at=NOON,
        )
        return reverse(name, kwargs={"pk": storm.pk})
    if name == "attachment":
        [file] = attach_files(
            ticket=make_ticket(), files=[NewFile("a.txt", "text/plain", b"a")], actor="x", now=NOON
        )
        return reverse(name, kwargs={"attachment_id": file.pk})
    if name in ("department-detail", "department-tickets", "analytics-department"):
        return reverse(name, kwargs={"name": "Finance"})
    if name.startswith("server-heartbeat"):
        given = {"name": make_watched().name}
        return reverse(name, kwargs=given | ({"key": "wrong"} if "keyed" in name else {}))
    if name.startswith("server-") and name not in ("server-list", "server-summary"):
        server, _ = Server.objects.get_or_create(name="web-1")
        return reverse(name, kwargs={"name": server.name})
    if name == "escalation-detail":
        return reverse(name, kwargs={"pk": make_escalation().pk})
    if name in ("triagejob-detail", "triagejob-retry", "triagejob-logs"):
        make_ticket()
        key = "job_id" if name == "triagejob-logs" else "pk"
        return reverse(name, kwargs={key: TriageJob.objects.latest("pk").pk})
    if name in ("model-detail", "model-use", "model-rollback", "model-shadow"):
        return reverse(name, kwargs={"pk": ClassifierModel.objects.get(champion=True).pk})
    if name == "trainingrun-detail":
        run = request_training(field="impact", requested_by="ada")
        return reverse(name, kwargs={"pk": run.pk})
    if name == "fieldpolicy-detail":
        return reverse(name, kwargs={"field": "category"})
    if name.startswith("prompt-") and name != "prompt-list":
        return reverse(name, kwargs={"pk": Prompt.objects.get(is_default=True).pk})
    if name == "askpolicy-detail":
        policy, _ = AskPolicy.objects.get_or_create(category=None, when="never")
        return reverse(name, kwargs={"pk": policy.pk})
    if name in ("triagebatch-detail", "triagebatch-jobs", "triagebatch-retry"):
        return reverse(
            name, kwargs={"pk": TriageBatch.objects.create(requested_by="x", total_items=0).pk}
        )
    if name.startswith(("channel", "notification")) and not name.endswith("-list"):
        channel = Channel.objects.create(name=str(uuid.uuid4()), kind="webhook")
        rows = {
            "channel": channel,
            "channelroute": ChannelRoute(channel=channel),
            "notification": Notification(
                channel=channel, kind="test", payload={}, key=channel.name
            ),
        }
        row = rows[name.partition("-")[0]]
        row.save()
        return reverse(name, kwargs={"pk": row.pk})
    if name.startswith(("integration-", "delivery-")) and not name.endswith("-list"):
        sender, _ = make_sender(str(uuid.uuid4()))
        pk = receive(sender, {})[0] if name.startswith("delivery") else sender.pk
        return reverse(name, kwargs={"pk": pk})
    if name.startswith("mail") and not name.endswith("-list"):
        key = str(uuid.uuid4())
        source = Integration.objects.create(name=key, source="email", key_hash=key)
        if name.startswith("mailbox"):
            box = Mailbox.objects.create(integration=source, host="imap.example", user="x")
            return reverse(name, kwargs={"pk": box.pk})
        mail = take_mail(integration=source, raw=b"Auto-Submitted: auto-replied\n\n", now=NOON)
        return reverse(name, kwargs={"pk": mail.pk})
    if name in ("slapolicy-detail", "slapolicy-versions"):
        return reverse(name, kwargs={"pk": SlaPolicy.objects.get(is_default=True).pk})
    if name in ("slacalendar-detail", "slacalendar-import"):
        return reverse(name, kwargs={"pk": BusinessCalendar.objects.get(name="24x7").pk})
    if name == "incident-detail":
        return reverse(name, kwargs={"pk": make_incident().pk})
    if name == "maintenancewindow-detail":
        return reverse(name, kwargs={"pk": make_window().pk})
    if name.startswith("check-") and name != "check-list":
        values = {"server": make_server(uuid.uuid4().hex), "kind": "tcp", "target": "[::1]:1"}
        return reverse(name, kwargs={"pk": create_check(values=values, now=NOON).pk})
    if name.startswith("export-") and name != "export-list":
        # Of whoever asks: nobody sees those of others.
        owner = User.objects.order_by("-pk").first() or make_user("owner", None)
        export = request_export(owner=owner, export_format="csv", filters={})
        if name == "export-download":
            run_exports(ids=[export.pk])
        return reverse(name, kwargs={"pk": export.pk})
    if name.startswith("report") and "-list" not in name and name[6:7] in "sd":
        schedule = ReportSchedule.objects.create(name=str(uuid.uuid4()))
        row: Any = schedule
        if name.startswith("reportdelivery"):
            row = ReportDelivery.objects.create(
                schedule=schedule, first_day=NOON, last_day=NOON, time_zone="UTC"
            )
        return reverse(name, kwargs={"pk": row.pk})
    return reverse(name)


def make_watched() -> Server:
    server = make_server(uuid.uuid4().hex)
    give_key(server=server, now=NOON)
    return server


def test_the_table_names_every_route_and_method() -> None:
    assert all_routes() == set(ALLOWED) | KEYED


@pytest.mark.parametrize(("name", "method"), sorted(KEYED))
@pytest.mark.parametrize("role", [None, D])
def test_where_a_key_is_asked_for_no_login_helps(name: str, method: str, role: str | None) -> None:
    client = client_for(make_user("ada", role) if role else None)

    assert getattr(client, method)(address(name)).status_code == 401


@pytest.mark.parametrize(("name", "method"), sorted(ALLOWED))
def test_each_role_may_do_what_the_table_says_and_nothing_else(name: str, method: str) -> None:
    for role in (V, A, D):
        client = client_for(make_user(role.lower(), role))
        answer = getattr(client, method)(address(name), {}, format="json")
        if role in ALLOWED[name, method]:
            assert answer.status_code not in (401, 403, 404, 405), (role, answer.content)
        else:
            assert answer.status_code == 403, (role, answer.content)


@pytest.mark.parametrize(("name", "method"), sorted(ALLOWED))
def test_without_a_login_or_a_role_nothing_is_told(name: str, method: str) -> None:
    where = address(name)
    stranger, nobody = client_for(None), client_for(make_user("nobody", None))

    assert getattr(stranger, method)(where, {}, format="json").status_code == 401
    assert getattr(nobody, method)(where, {}, format="json").status_code == 403


def test_nothing_outside_the_api_is_open_but_health_metrics_and_the_login() -> None:
    open_paths = {"health", "health/live", "health/ready", "metrics", "favicon.ico"}
    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLResolver):
            continue
        path = str(pattern.pattern)
        answer = client_for(None).get(f"/{path}")
        assert path in open_paths or answer.status_code in (302, 401, 403), path
