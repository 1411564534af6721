"""Every route × every role: who gets in, who is told no."""

import uuid
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from sla.models import BusinessCalendar, Channel, ChannelRoute, Notification, SlaPolicy
from smartops import routes
from tests.conftest import client_for
from tests.factories import make_escalation, make_ticket, make_user
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
    ("ticket-decisions", "get"): EVERYONE,
    ("ticket-similar", "get"): EVERYONE,
    ("ticket-sla", "get"): EVERYONE,
    ("ticket-acknowledge", "post"): WORKERS,
    ("dashboard", "get"): EVERYONE,
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
    ("escalation-list", "get"): EVERYONE,
    ("escalation-detail", "get"): EVERYONE,
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
    ):
        return reverse(name, kwargs={"pk": make_ticket().pk})
    if name in (
        *("ticket-decisions", "ticket-similar", "ticket-sla", "ticket-acknowledge"),
        *("reroute", "routing-history", "review-ticket"),
    ):
        return reverse(name, kwargs={"ticket_id": make_ticket().pk})
    if name in ("department-detail", "department-tickets"):
        return reverse(name, kwargs={"name": "Finance"})
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
    if name in ("slapolicy-detail", "slapolicy-versions"):
        return reverse(name, kwargs={"pk": SlaPolicy.objects.get(is_default=True).pk})
    if name in ("slacalendar-detail", "slacalendar-import"):
        return reverse(name, kwargs={"pk": BusinessCalendar.objects.get(name="24x7").pk})
    return reverse(name)


def test_the_table_names_every_route_and_method() -> None:
    assert all_routes() == set(ALLOWED)


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
