"""A manager's morning: how the desk stands, how well it worked, and the figures to take along."""

import csv
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from analytics.services import refresh_figures
from tests.browser.desks import Enter
from tests.browser.reading import blemishes
from tests.factories import make_ticket, make_user
from tickets.lifecycle import Status
from tickets.models import Department, Ticket
from tickets.services import move_tickets


@pytest.fixture
def mia(desk: str) -> User:
    """A manager who may edit schedules, at a desk where two of four doors of this week were mended."""
    now = timezone.now()
    for n in range(4):
        at = now - timedelta(hours=30 + n)
        make_ticket(title=f"Door {n} does not close", at=at, priority=2, department="Facilities")
    doors = Ticket.objects.filter(title__startswith="Door").order_by("pk")
    move_tickets(
        ids=[ticket.pk for ticket in doors[:2]],
        status=Status.RESOLVED,
        actor="ana",
        now=now - timedelta(hours=2),
        reason="Mended.",
    )
    refresh_figures()
    return make_user("mia", "Admin")


def figure(page: Page, name: str) -> Any:
    return page.locator(f"[data-figure='{name}'] strong")


def test_a_manager_reads_the_report_of_a_department_and_takes_its_tickets_along(
    enter: Enter, mia: User
) -> None:
    page = enter(mia, "/")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Report").click()
    for name, value in {"days": "7", "department": "Facilities", "by": "agent"}.items():
        page.locator(f"select[name={name}]").select_option(value)  # the page follows at once
        page.wait_for_url(f"**{name}={value}*")

    expect(figure(page, "Created")).to_have_text("4")
    expect(figure(page, "Resolved")).to_have_text("2")
    expect(page.locator("#flow canvas")).to_have_count(1)
    assert blemishes(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        titles = [row["title"] for row in csv.DictReader(file)]
    assert sorted(titles) == [f"Door {n} does not close" for n in range(4)]

    page.get_by_role("link", name="list").click()
    expect(page.get_by_role("row").filter(has_text="Door")).to_have_count(4)


def test_a_manager_has_the_report_sent_every_monday(enter: Enter, mia: User) -> None:
    for restricted in Department.objects.filter(restricted=True):
        restricted.members.add(mia)  # only who may see everything sends it to an address
    page = enter(mia, "/report/")
    page.get_by_role("link", name="Send it by mail").click()
    page.get_by_role("link", name="Add").first.click()
    page.get_by_label("Name").fill("Facilities each week")
    page.get_by_label("Addresses").fill("boss@example.com")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#result_list")).to_contain_text("Facilities each week")


def test_a_viewer_looks_at_everything_and_is_offered_nothing_that_she_may_not_do(
    enter: Enter, mia: User, vera: User
) -> None:
    page = enter(vera, "/")
    page.get_by_role("link", name="Facilities").first.click()
    expect(page.get_by_role("row").filter(has_text="Door")).to_have_count(2)
    page.get_by_role("link", name="Door 3 does not close").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Door 3")
    expect(page.locator("main textarea")).to_have_count(0)

    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Report").click()
    expect(figure(page, "Created")).to_be_visible()
    expect(page.get_by_role("link", name="Send it by mail")).to_have_count(0)
    assert blemishes(page) == []
