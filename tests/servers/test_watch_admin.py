"""Heartbeats and checks in the admin."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from servers.lifecycle import State
from servers.models import Check, CheckResult, Heartbeat, Kind, Server
from servers.services.checks import create_check
from servers.services.heartbeats import give_key
from tests.factories import make_user
from tests.servers.fleet import NOON, make_server
from tests.servers.targets import page

pytestmark = pytest.mark.django_db

CHECK = {
    "server": "web-1",
    "kind": "tcp",
    "target": "127.0.0.1:1",
    "enabled": "on",
    "interval_seconds": "60",
    "timeout_seconds": "5",
    "status_min": "200",
    "status_max": "299",
    "min_tls_days": "14",
    "bad_in_a_row": "2",
    "good_in_a_row": "1",
    "results-TOTAL_FORMS": "0",
    "results-INITIAL_FORMS": "0",
}


@pytest.fixture
def admin(settings: Any) -> Client:
    settings.CHECKS_ALLOW = ["127.0.0.1"]
    client = Client()
    client.force_login(make_user("ada", "Admin"))
    return client


def url(view: str, *args: Any) -> str:
    return reverse(f"admin:servers_{view}", args=args)


def told(answer: Any) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


def test_a_new_heartbeat_shows_its_key_once(admin: Client) -> None:
    make_server()
    form = {"server": "web-1", "period_seconds": "60", "grace_seconds": "30", "enabled": "on"}

    answer = admin.post(url("heartbeat_add"), form, follow=True)

    beat = Heartbeat.objects.get()
    assert (beat.period_seconds, beat.grace_seconds) == (60, 30)
    assert f"shown this once: {beat.key_hint}" in told(answer)
    again = admin.get(url("heartbeat_change", beat.pk))
    assert again.status_code == 200
    assert "shown this once" not in again.content.decode()


def test_a_new_key_can_be_made_for_the_chosen_heartbeats(admin: Client) -> None:
    beat, _, _ = give_key(server=make_server(), now=NOON)
    chosen = {"action": "make_key", "_selected_action": [beat.pk]}

    answer = admin.post(url("heartbeat_changelist"), chosen, follow=True)

    assert "the old one is good for another day" in told(answer)
    assert Heartbeat.objects.get().previous_key_hash == beat.key_hash


def test_a_paused_heartbeat_is_saved_through_the_services(admin: Client) -> None:
    beat, _, _ = give_key(server=make_server(), now=NOON)
    form = {"period_seconds": "60", "grace_seconds": "60"}

    admin.post(url("heartbeat_change", beat.pk), form)

    beat.refresh_from_db()
    assert not beat.enabled


@pytest.mark.parametrize("view", ["heartbeat_add", "check_add"])
def test_only_monitored_servers_can_be_chosen(admin: Client, view: str) -> None:
    make_server("web-1", kind=Kind.SIMULATED)

    answer = admin.post(url(view), {**CHECK, "period_seconds": "60", "grace_seconds": "30"})

    assert "There is no monitored server of this name." in answer.content.decode()


def test_a_check_is_made_changed_and_removed_through_the_services(admin: Client) -> None:
    make_server()

    admin.post(url("check_add"), CHECK)
    check = Check.objects.get()
    Check.objects.update(verdict="failed", streak=3)
    CheckResult.objects.create(check_of=check, at=NOON, outcome="failed", error="refused")
    where = url("check_change", check.pk)
    assert "refused" in admin.get(where).content.decode()
    admin.post(where, {**CHECK, "target": "127.0.0.1:2"})

    check.refresh_from_db()
    assert (check.target, check.verdict, check.streak) == ("127.0.0.1:2", "", 0)
    admin.post(url("check_delete", check.pk), {"post": "yes"})
    assert not Check.objects.exists()
    assert not CheckResult.objects.exists()


def test_a_target_that_is_refused_is_told_at_its_field(admin: Client) -> None:
    make_server()

    answer = admin.post(url("check_add"), {**CHECK, "target": "10.0.0.1:22"})

    assert "not a public address" in answer.content.decode()
    assert not Check.objects.exists()


def test_looking_now_tells_and_changes_nothing(admin: Client) -> None:
    with page(500) as there:
        values = {"server": make_server(), "kind": "http", "target": there.url}
        check = create_check(values=values, now=NOON)
        chosen = {"action": "look_now", "_selected_action": [check.pk]}
        answer = admin.post(url("check_changelist"), chosen, follow=True)

    assert "answered 500, expected 200–299" in told(answer)
    assert Server.objects.get().state == State.RUNNING


def test_the_page_of_a_server_shows_how_it_is_watched(admin: Client) -> None:
    server = make_server()
    give_key(server=server, now=NOON)
    create_check(values={"server": server, "kind": "tcp", "target": "127.0.0.1:1"}, now=NOON)

    shown = admin.get(url("server_change", server.pk)).content.decode()

    assert url("heartbeat_change", server.heartbeat.pk) in shown
    assert "127.0.0.1:1" in shown


def test_agents_see_and_do_not_change() -> None:
    client = Client()
    client.force_login(make_user("ana", "Agent"))
    give_key(server=make_server(), now=NOON)

    assert client.get(url("heartbeat_changelist")).status_code == 200
    assert client.get(url("check_changelist")).status_code == 200
    assert client.get(url("check_add")).status_code == 403
