"""The admin of exports and reports."""

from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import Export, ReportDelivery, ReportSchedule
from analytics.services import delivering, letters, refresh_figures
from tests.analytics.files import make, run
from tests.factories import make_ticket, make_user
from tickets.models import Department

pytestmark = pytest.mark.django_db
EXPORTS, SCHEDULES = "/admin/analytics/export/", "/admin/analytics/reportschedule/"


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_list_of_tickets_leads_to_an_export_of_what_it_shows(agent: User) -> None:
    make_ticket(title="VPN is down")
    make_ticket(title="Printer jam")
    client = browser(agent)

    page = client.get("/admin/tickets/ticket/?q=vpn").content.decode()
    asked = client.get(f"{EXPORTS}ask/?q=vpn").content.decode()
    done = client.post(f"{EXPORTS}ask/?q=vpn", {"format": "xlsx"}, follow=True)

    assert f"{EXPORTS}ask/?q=vpn" in page
    assert "Triage these again" in page
    assert "1 ticket " in asked
    assert "1 ticket is being exported" in done.content.decode()
    export = Export.objects.get()
    assert (export.format, export.filters, export.owner) == ("xlsx", {"q": "vpn"}, agent)


def test_a_filter_that_exports_do_not_know_is_told(agent: User) -> None:
    answer = browser(agent).get(f"{EXPORTS}ask/?title__contains=x", follow=True)

    assert "title__contains" in answer.content.decode()
    assert not Export.objects.exists()


def test_people_see_their_exports_and_fetch_them_and_admins_see_all(
    agent: User, admin_person: User
) -> None:
    make_ticket()
    mine, other = run(make(agent)), run(make(make_user("bob", "Viewer")))
    client, admin = browser(agent), browser(admin_person)

    page = client.get(EXPORTS).content.decode()
    assert f"{EXPORTS}{mine.pk}/download/" in page
    assert f"{EXPORTS}{other.pk}/download/" not in page
    file: Any = client.get(f"{EXPORTS}{mine.pk}/download/")
    assert b"".join(file.streaming_content).startswith(b"id,description")
    assert client.get(f"{EXPORTS}{other.pk}/download/").status_code == 404
    assert f"/{other.pk}/change/" in admin.get(EXPORTS).content.decode()
    assert admin.get(f"{EXPORTS}{other.pk}/download/").status_code == 404
    assert client.get(f"{EXPORTS}{mine.pk}/change/").status_code == 200


def test_a_waiting_export_is_cancelled_from_the_list(agent: User) -> None:
    export = make(agent)

    browser(agent).post(EXPORTS, {"action": "cancel", "_selected_action": [export.pk]})

    assert Export.objects.get().status == "cancelled"


def test_an_export_is_removed_with_its_file_from_the_list(agent: User) -> None:
    make_ticket()
    mine, other = run(make(agent)), run(make(make_user("bob", "Viewer")))
    chosen = [mine.pk, other.pk]

    browser(agent).post(EXPORTS, {"action": "remove", "_selected_action": chosen})

    assert list(Export.objects.all()) == [other]


def form(**values: Any) -> dict[str, Any]:
    return {
        "name": "Week",
        "enabled": "on",
        "frequency": "week",
        "weekday": 0,
        "hour": 7,
        "time_zone": "UTC",
        "department": "",
        "addresses": "",
        "people": [],
        **values,
    }


def test_a_schedule_is_made_and_changed(admin_person: User, agent: User) -> None:
    client = browser(admin_person)

    made = client.post(f"{SCHEDULES}add/", form(people=[agent.pk]))
    schedule = ReportSchedule.objects.get()
    before = schedule.active_since
    assert made.status_code == 302
    assert list(schedule.people.all()) == [agent]
    client.post(f"{SCHEDULES}{schedule.pk}/change/", form(people=[], hour=9))

    schedule.refresh_from_db()
    assert (schedule.hour, list(schedule.people.all())) == (9, [])
    assert schedule.active_since > before


def test_addresses_need_somebody_who_may_see_everything(admin_person: User) -> None:
    Department.objects.filter(name="HR").update(restricted=True)
    root = User.objects.create_superuser("root")
    wish = form(addresses="boss@example.com, chief@example.com")

    refused = browser(admin_person).post(f"{SCHEDULES}add/", wish)
    assert "Only who may see every department" in refused.content.decode()
    browser(root).post(f"{SCHEDULES}add/", wish)

    schedule = ReportSchedule.objects.get()
    assert schedule.addresses == ["boss@example.com", "chief@example.com"]
    assert schedule.addresses_by == root
    # Another one may change the rest, and the addresses stay vouched for by who entered them.
    hour = form(addresses="boss@example.com,chief@example.com", hour=8)
    browser(admin_person).post(f"{SCHEDULES}{schedule.pk}/change/", hour)
    schedule.refresh_from_db()
    assert (schedule.hour, schedule.addresses_by) == (8, root)


def test_a_report_is_previewed_as_its_reader_would_get_it_and_sent(admin_person: User) -> None:
    User.objects.filter(pk=admin_person.pk).update(email="ada@example.com")
    client = browser(admin_person)
    client.post(f"{SCHEDULES}add/", form(people=[admin_person.pk]))
    schedule = ReportSchedule.objects.get()

    early = client.get(f"{SCHEDULES}{schedule.pk}/preview/", follow=True).content.decode()
    assert "not counted yet. Try again in a minute." in early
    refresh_figures(seconds=None)
    page = client.get(f"{SCHEDULES}{schedule.pk}/preview/").content.decode()
    assert "[SmartOps] Week: " in page
    assert "&lt;h1 style=" in page  # the mail stands in a frame of its own
    assert client.get(f"{SCHEDULES}{schedule.pk}/send/").status_code == 405
    client.post(f"{SCHEDULES}{schedule.pk}/send/")
    delivery = ReportDelivery.objects.get()
    delivering.send_reports(ids=[delivery.pk], now=delivery.created_at)

    assert delivery.requested_by == "ada"
    assert [m.to for m in mail.outbox] == [["ada@example.com"]]
    assert (
        f"/{delivery.pk}/change/" in client.get("/admin/analytics/reportdelivery/").content.decode()
    )
    assert client.get(f"/admin/analytics/reportdelivery/{delivery.pk}/change/").status_code == 200
    assert client.get(SCHEDULES).status_code == 200


def test_schedules_are_for_admins(agent: User) -> None:
    schedule = ReportSchedule.objects.create(name="Week")
    ReportDelivery.objects.create(
        schedule=schedule,
        first_day=date(2026, 3, 2),
        last_day=date(2026, 3, 8),
        time_zone="UTC",
    )
    client = browser(agent)

    for path in (
        SCHEDULES,
        f"{SCHEDULES}{schedule.pk}/preview/",
        "/admin/analytics/reportdelivery/",
    ):
        assert client.get(path).status_code == 403
    assert client.post(f"{SCHEDULES}{schedule.pk}/send/").status_code == 403


def test_the_list_of_schedules_asks_once_for_what_was_sent(admin_person: User) -> None:
    client = browser(admin_person)
    client.post(f"{SCHEDULES}add/", form(name="One", people=[admin_person.pk]))

    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert client.get(SCHEDULES).status_code == 200
        return len(caught)

    alone = queries()
    for name in ("Two", "Three"):
        client.post(f"{SCHEDULES}add/", form(name=name, people=[admin_person.pk]))

    assert queries() == alone


def test_a_preview_makes_no_file_and_is_for_who_would_get_the_report(
    admin_person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browser(admin_person)
    client.post(f"{SCHEDULES}add/", form(people=[admin_person.pk], attach_tickets="on"))
    where = f"{SCHEDULES}{ReportSchedule.objects.get().pk}/preview/"
    refresh_figures(seconds=None)
    monkeypatch.setattr(letters, "csv_blocks", lambda *_, **__: pytest.fail("a file"))
    onlooker = User.objects.create_user("olga", is_staff=True)
    onlooker.user_permissions.set(Permission.objects.filter(codename="view_reportschedule"))

    assert "with the tickets of the period as CSV" in client.get(where).content.decode()
    assert browser(onlooker).get(where).status_code == 403
