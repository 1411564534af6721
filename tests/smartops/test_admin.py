"""Every page of the admin opens for those who may see it, and for nobody else."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import make_escalation, make_ticket, make_user
from tickets.lifecycle import Status
from tickets.models import Category, Comment, Ticket, TicketEvent
from triage.models import RoutingRule, Rule, TriageJob
from triage.services import run_jobs
from workers.models import DeadLetter

pytestmark = pytest.mark.django_db


def signed_in(role: str, name: str = "ana") -> Client:
    client = Client()
    client.force_login(make_user(name, role))
    return client


def open_page(client: Client, view: str, *args: Any, **query: Any) -> Any:
    return client.get(reverse(f"admin:{view}", args=args), query)


def change_url(ticket: Ticket) -> str:
    return reverse("admin:tickets_ticket_change", args=[ticket.pk])


def form_of(client: Client, ticket: Ticket, **values: Any) -> Any:
    """Save the ticket's form as the page offers it, with some values changed."""
    form = client.get(change_url(ticket)).context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    data = {name: ",".join(v) if isinstance(v, list) else v for name, v in data.items()}
    given = {name: value for name, value in {**data, **values}.items() if value is not None}
    return client.post(change_url(ticket), given, follow=True)


def test_every_list_and_every_form_opens_for_a_superuser() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="x"))
    ticket = make_ticket()
    run_jobs(ids=list(TriageJob.objects.values_list("pk", flat=True)), now=datetime.now(UTC))
    DeadLetter.objects.create(kind="triage.triagejob", object_id=1, subject="x", reason="y")

    assert open_page(client, "index").status_code == 200
    for model, site in admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        assert open_page(client, f"{name}_changelist").status_code == 200, name
        if site.has_add_permission(type("R", (), {"user": User.objects.get(username="root")})()):
            assert open_page(client, f"{name}_add").status_code == 200, name
        row = model._default_manager.first()
        if row is not None:
            assert open_page(client, f"{name}_change", row.pk).status_code == 200, name
    assert client.get(change_url(ticket)).status_code == 200


def test_the_list_shows_the_beginning_of_a_title_as_long_as_a_mail() -> None:
    make_ticket(title="<b>" + "printer jam " * 20)

    page = open_page(signed_in("Viewer"), "tickets_ticket_changelist").content.decode()

    assert f">&lt;b&gt;{'printer jam ' * 5}printe…</span>" in page
    assert "<b>printer" not in page


@pytest.mark.parametrize(
    ("role", "view", "status"),
    [
        ("Viewer", "tickets_ticket_changelist", 200),
        ("Viewer", "triage_rule_changelist", 200),
        ("Viewer", "workers_deadletter_changelist", 403),
        ("Viewer", "auth_user_changelist", 403),
        ("Viewer", "tickets_ticket_add", 403),
        ("Agent", "tickets_ticket_add", 200),
        ("Agent", "triage_rule_add", 403),
        ("Agent", "knox_authtoken_changelist", 403),
        ("Admin", "triage_rule_add", 200),
        ("Admin", "workers_deadletter_changelist", 200),
        ("Admin", "knox_authtoken_changelist", 200),
        ("Admin", "django_celery_beat_periodictask_changelist", 200),
    ],
)
def test_each_role_sees_its_pages(role: str, view: str, status: int) -> None:
    assert open_page(signed_in(role), view).status_code == status


def test_an_agents_edit_goes_through_the_services() -> None:
    ticket = make_ticket()

    form_of(signed_in("Agent"), ticket, title="New title", priority="2")

    ticket.refresh_from_db()
    assert (ticket.title, ticket.priority, ticket.locked_fields) == ("New title", 2, ["priority"])
    assert TicketEvent.objects.filter(ticket=ticket).latest("pk").actor == "ana"


def test_a_stale_form_changes_nothing_and_keeps_what_was_typed() -> None:
    ticket, client = make_ticket(), signed_in("Agent")
    Ticket.objects.filter(pk=ticket.pk).update(version=5)

    answer = form_of(client, ticket, title="Mine", seen_version="1")

    ticket.refresh_from_db()
    assert ticket.title != "Mine"
    page = answer.content.decode()
    assert "Somebody changed this ticket" in page
    assert 'value="Mine"' in page


def test_a_ticket_made_in_the_admin_is_triaged_like_any_other() -> None:
    client = signed_in("Agent")

    client.post(
        reverse("admin:tickets_ticket_add"), {"title": "VPN is down", "customer_tier": "gold"}
    )

    ticket = Ticket.objects.get()
    assert (ticket.source, ticket.customer_tier) == ("admin", "gold")
    assert TriageJob.objects.filter(ticket=ticket).exists()


def test_buttons_offer_the_allowed_moves_and_make_them() -> None:
    ticket, client = make_ticket(), signed_in("Agent")
    page = client.get(change_url(ticket)).content.decode()
    assert 'value="in_progress"' in page
    assert 'value="closed" class' not in page

    client.post(reverse("admin:tickets_ticket_move", args=[ticket.pk]), {"status": "in_progress"})

    ticket.refresh_from_db()
    assert ticket.status == "in_progress"


def test_a_viewer_gets_no_buttons_and_may_press_none() -> None:
    ticket, client = make_ticket(), signed_in("Viewer")

    assert 'name="status"' not in client.get(change_url(ticket)).content.decode()
    answer = client.post(
        reverse("admin:tickets_ticket_move", args=[ticket.pk]), {"status": "in_progress"}
    )
    assert answer.status_code == 403


def test_comments_are_added_and_shown() -> None:
    ticket, client = make_ticket(), signed_in("Agent")

    client.post(
        reverse("admin:tickets_ticket_comment", args=[ticket.pk]),
        {"body": "Hm & so", "internal": "on"},
    )

    assert Comment.objects.get().public is False
    assert "Hm &amp; so" in client.get(change_url(ticket)).content.decode()


def test_script_in_a_ticket_is_shown_and_not_run() -> None:
    evil = "<script>alert(1)</script>"
    ticket, client = (
        make_ticket(title=evil, description=evil, requester_name=evil, tags=[evil]),
        signed_in("Agent"),
    )
    client.post(reverse("admin:tickets_ticket_comment", args=[ticket.pk]), {"body": evil})

    for page in (client.get(change_url(ticket)), open_page(client, "tickets_ticket_changelist")):
        assert evil not in page.content.decode()
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.content.decode()


def test_bulk_moves_report_which_could_not() -> None:
    good, bad, client = make_ticket(), make_ticket(status="cancelled"), signed_in("Agent")

    answer = client.post(
        reverse("admin:tickets_ticket_changelist"),
        {"action": "resolve", "_selected_action": [good.pk, bad.pk]},
        follow=True,
    )

    page = answer.content.decode()
    assert "1 tickets changed." in page
    assert f"Ticket {bad.pk} is cancelled" in page


def test_tickets_are_sent_to_a_department_together() -> None:
    ticket, client = make_ticket(), signed_in("Agent")
    url, chosen = (
        reverse("admin:tickets_ticket_changelist"),
        {"action": "send_to", "_selected_action": [ticket.pk]},
    )
    page = client.post(url, chosen)
    finance = next(
        d for d in page.context["form"].fields["department"].queryset if d.name == "Finance"
    )

    client.post(url, {**chosen, "department": finance.pk})

    ticket.refresh_from_db()
    assert ticket.department.name == "Finance"


@pytest.mark.parametrize("text", ["#{id}", "{id}", "EXT-1", "zeppelin", "zepp"])
def test_search_finds_by_number_id_and_words(text: str) -> None:
    ticket = make_ticket(title="A zeppelin", external_id="EXT-1")
    make_ticket(title="Other")

    answer = open_page(signed_in("Agent"), "tickets_ticket_changelist", q=text.format(id=ticket.pk))

    assert [row.pk for row in answer.context["cl"].result_list] == [ticket.pk]


def test_a_restricted_departments_tickets_are_invisible_in_the_admin() -> None:
    secret, client = make_ticket(title="Salary of Zoe", department="HR"), signed_in("Agent")

    assert client.get(change_url(secret)).status_code == 302
    for view in ("tickets_ticket_changelist", "triage_triagejob_changelist"):
        if client.get(reverse(f"admin:{view}")).status_code == 200:
            assert "Zoe" not in client.get(reverse(f"admin:{view}")).content.decode()


def test_handing_fields_back_asks_triage_again() -> None:
    ticket, client = make_ticket(priority=1), signed_in("Agent")
    TriageJob.objects.all().delete()

    client.post(reverse("admin:tickets_ticket_release", args=[ticket.pk]))

    ticket.refresh_from_db()
    assert ticket.locked_fields == []
    assert TriageJob.objects.filter(ticket=ticket, state="pending").exists()


def test_a_rules_preview_shows_what_it_would_match_and_saves_nothing() -> None:
    make_ticket(title="zorb broken")
    rule, client = Rule.objects.get(name="Network"), signed_in("Admin")

    typed = {"name": "Network", "position": 5, "enabled": "on", "terms": "zorb 3", "min_score": 1}
    answer = client.post(
        reverse("admin:triage_rule_change", args=[rule.pk]),
        {**typed, "category": rule.category_id, "_preview": "1"},
    )

    page = answer.content.decode()
    assert "It would match 1 of the newest 1 tickets" in page
    assert "zorb 3" in page
    rule.refresh_from_db()
    assert rule.terms[0]["text"] == "vpn"


def test_a_wrong_term_is_told_by_its_line() -> None:
    rule, client = Rule.objects.get(name="Network"), signed_in("Admin")

    answer = client.post(
        reverse("admin:triage_rule_change", args=[rule.pk]),
        {
            "name": "Network",
            "position": 5,
            "terms": "vpn 4\n!!!",
            "min_score": 1,
            "category": rule.category_id,
        },
    )

    assert "Line 2 holds no word" in answer.content.decode()


def test_an_admin_deletes_tickets_alone_and_together_and_an_agent_may_not() -> None:
    first, *others = (make_escalation().ticket for _ in range(3))
    url = reverse("admin:tickets_ticket_delete", args=[first.pk])
    chosen = {"action": "delete_selected", "_selected_action": [t.pk for t in others]}

    boss = signed_in("Admin", "boss")

    assert signed_in("Agent").post(url, {"post": "yes"}).status_code == 403
    assert boss.post(url, {"post": "yes"}).status_code == 302
    assert set(Ticket.objects.all()) == set(others)
    boss.post(reverse("admin:tickets_ticket_changelist"), {**chosen, "post": "yes"})
    assert not Ticket.objects.exists()


def test_the_slug_of_a_category_is_for_good() -> None:
    client, row = signed_in("Admin"), Category.objects.get(slug="network")
    page = reverse("admin:tickets_category_change", args=[row.pk])

    client.post(page, {"slug": "lan", "name": "LAN", "description": "", "aliases": ""})

    row.refresh_from_db()
    assert (row.slug, row.name) == ("network", "LAN")


@pytest.mark.parametrize("how", ["alone", "in the list"])
def test_a_category_that_a_route_names_cannot_be_deleted(how: str) -> None:
    client, row = signed_in("Admin"), Category.objects.create(slug="lan", name="LAN")
    route = RoutingRule.objects.exclude(is_default=True).first()
    assert route is not None
    route.categories.set([row])

    if how == "alone":
        url, said = reverse("admin:tickets_category_delete", args=[row.pk]), {"post": "yes"}
    else:
        url = reverse("admin:tickets_category_changelist")
        said = {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes"}
    answer = client.post(url, said)

    assert Category.objects.filter(pk=row.pk).exists()
    assert str(route) in answer.content.decode()


def test_a_category_that_nothing_names_can_be_deleted() -> None:
    row = Category.objects.create(slug="lan", name="LAN")
    page = reverse("admin:tickets_category_delete", args=[row.pk])

    signed_in("Admin").post(page, {"post": "yes"})

    assert not Category.objects.filter(pk=row.pk).exists()


def test_the_default_route_cannot_be_deleted() -> None:
    route, client = RoutingRule.objects.get(is_default=True), signed_in("Admin")

    assert (
        client.post(
            reverse("admin:triage_routingrule_delete", args=[route.pk]), {"post": "yes"}
        ).status_code
        == 403
    )
    client.post(
        reverse("admin:triage_routingrule_changelist"),
        {"action": "delete_selected", "_selected_action": [route.pk], "post": "yes"},
    )
    assert RoutingRule.objects.filter(is_default=True).exists()


def test_a_new_token_is_shown_once_and_works() -> None:
    client = signed_in("Admin")
    user = User.objects.get(username="ana")

    page = client.post(
        reverse("admin:knox_authtoken_add"), {"user": user.pk}, follow=True
    ).content.decode()

    text = page.split("shown this once: ")[1][:64]
    assert (
        Client(headers={"Authorization": f"Token {text}"}).get("/api/v1/tickets/").status_code
        == 200
    )
    assert text not in open_page(client, "knox_authtoken_changelist").content.decode()


def test_an_admin_cannot_make_a_superuser() -> None:
    client, victim = signed_in("Admin"), make_user("bob", "Agent")

    form = client.get(reverse("admin:auth_user_change", args=[victim.pk])).context["adminform"].form

    assert "is_superuser" not in form.fields


@pytest.mark.parametrize("view", ["list", "page"])
def test_the_number_of_queries_does_not_grow_with_the_rows(view: str) -> None:
    client = signed_in("Agent")
    ticket = make_ticket(category="network", group="Network")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(
                reverse("admin:tickets_ticket_changelist") if view == "list" else change_url(ticket)
            )
        return len(captured)

    queries()
    few = queries()
    for number in range(12):
        other = make_ticket(category="hr", group="Messaging", assignee="ana", title=str(number))
        Comment.objects.create(ticket=ticket, body="x", author="x", created_at=other.opened_at)
        TicketEvent.objects.create(ticket=ticket, kind="updated", actor="x", at=other.opened_at)

    assert queries() == few


@pytest.mark.parametrize(("role", "shown"), [("Admin", True), ("Agent", False)])
def test_who_operates_the_desk_finds_the_task_monitor(
    client: Client, settings: Any, role: str, shown: bool
) -> None:
    settings.FLOWER_URL = "https://tasks.example.com/"
    client.force_login(make_user("op", role))

    page = client.get("/admin/").content.decode()

    assert ("https://tasks.example.com/" in page) is shown
    assert ('href="/metrics"' in page) is shown


def test_a_task_monitor_that_nobody_named_is_no_item(client: Client, settings: Any) -> None:
    settings.FLOWER_URL = ""
    client.force_login(make_user("op", "Admin"))

    assert "Flower" not in client.get("/admin/").content.decode()


def test_the_index_counts_as_open_what_the_desk_does_and_leads_to_those_tickets() -> None:
    for status in Status:
        make_ticket(title=f"It is {status.value}", status=status.value, priority=2)
    page = (client := signed_in("Agent")).get("/admin/")

    [(count, address)] = [row[1:] for row in page.context["figures"] if row[0] == "Open P2 high"]

    assert count == "3"
    listed = client.get(address).context["cl"].result_list
    assert {ticket.status for ticket in listed} == {"open", "in_progress", "on_hold"}
