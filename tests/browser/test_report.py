"""The report as a manager reads it: chosen, followed to its tickets, printed, on a phone."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from analytics.services import refresh_figures
from tests.browser.reading import blemishes, too_wide
from tests.browser.test_agent import sign_in
from tests.factories import make_ticket
from tests.sla.policies import publish_policy
from tickets.lifecycle import Status
from tickets.services import move_tickets

BERLIN = "tz=Europe/Berlin"


@pytest.fixture
def opened(page: Page, desk: str) -> Page:
    """The report of 45 days of Berlin with eight tickets of Facilities, three of them resolved."""
    publish_policy()
    now = timezone.now()
    made = [
        make_ticket(
            title=f"Door {n} does not close",
            at=now - timedelta(days=5 * n),
            opened_at=now - timedelta(days=5 * n, seconds=1),
            department="Facilities",
        )
        for n in range(8)
    ]
    move_tickets(ids=[one.pk for one in made[:3]], status=Status.RESOLVED, actor="ana", now=now)
    refresh_figures()
    sign_in(page, desk)
    page.goto(f"{desk}/report/?days=45&department=Facilities&{BERLIN}")
    expect(page.locator("#flow-legend")).to_contain_text("Created")
    return page


def figure(page: Page, label: str) -> Any:
    return page.locator(f"[data-figure='{label}'] strong")


def test_figures_and_charts_are_of_what_the_address_asks_for(opened: Page) -> None:
    expect(figure(opened, "Created")).to_have_text("8")
    expect(figure(opened, "Resolved")).to_have_text("3")
    expect(opened.locator("[name=days]")).to_have_value("45")
    assert opened.locator(".charts").evaluate("(charts) => ({...charts.dataset})") == {
        "days": "45",
        "department": "Facilities",
        "tz": "Europe/Berlin",
    }
    expect(opened.locator("#flow-legend")).to_contain_text("Resolved: 3 today")
    expect(opened.locator("#backlog-legend")).to_contain_text("Open: 5 today")


def test_what_is_chosen_is_shown_and_keeps_the_zone(opened: Page) -> None:
    opened.select_option("[name=by]", "priority")

    expect(opened.get_by_role("heading", name="By priority")).to_be_visible()
    assert "tz=Europe%2FBerlin" in opened.url
    assert "days=45" in opened.url
    opened.select_option("[name=department]", "Finance")
    expect(figure(opened, "Created")).to_have_text("0")


def test_its_links_lead_to_its_tickets(opened: Page) -> None:
    with opened.expect_download() as download:
        opened.get_by_role("link", name="CSV").click()
    text = download.value.path().read_text()
    assert text.count("does not close") == 8

    opened.get_by_role("link", name="list", exact=True).click()

    expect(opened.get_by_role("heading", level=1)).to_contain_text("Tickets")
    expect(opened.get_by_text("does not close")).to_have_count(8)


def test_a_refused_wish_is_told_and_something_is_shown(opened: Page, desk: str) -> None:
    opened.goto(f"{desk}/report/?days=900")

    expect(opened.get_by_role("alert")).to_contain_text("days")
    expect(figure(opened, "Created")).to_have_text("6")  # of 30 days


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_read_it(opened: Page, theme: str) -> None:
    opened.select_option("#theme", theme)

    assert blemishes(opened) == []


def test_on_a_phone_nothing_is_cut_off(opened: Page) -> None:
    opened.set_viewport_size({"width": 390, "height": 844})

    assert too_wide(opened) <= 0
    expect(figure(opened, "Created")).to_be_visible()


def test_it_is_printed_dark_on_light_without_what_is_pressed(opened: Page) -> None:
    opened.select_option("#theme", "dark")
    opened.emulate_media(media="print")

    expect(opened.get_by_role("navigation")).to_be_hidden()
    expect(figure(opened, "Created")).to_be_visible()
    expect(opened.locator("#flow canvas")).to_be_visible()
    ink = opened.locator("main h1").evaluate("(one) => getComputedStyle(one).color")
    assert ink == "rgb(23, 23, 28)"
    assert len(opened.pdf()) > 10_000


def test_few_missed_deadlines_are_seen_beside_a_large_backlog(opened: Page) -> None:
    """One chart in two scales: the height of a bar does not depend on how many tickets are open."""
    answer = {
        "daily": [
            {"date": f"2026-03-{day:02}", "created": 1, "resolved": 1, "breached": day % 3}
            | {"backlog": 50_000}
            for day in range(1, 31)
        ]
    }
    opened.route("**/analytics/trends/*", lambda route: route.fulfill(json=answer))
    opened.reload()
    expect(opened.locator("#backlog-legend")).to_contain_text("Open: 50,000")

    red = opened.evaluate(
        """() => {
          const canvas = document.querySelector("#backlog canvas");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let rows = new Set();
          for (let at = 0; at < data.length; at += 4)
            if (data[at] > 120 && data[at + 1] < 90 && data[at + 2] < 90 && data[at + 3] > 200)
              rows.add(Math.floor(at / 4 / canvas.width));
          return rows.size / canvas.height;
        }"""
    )
    assert 0.3 < red < 0.6
