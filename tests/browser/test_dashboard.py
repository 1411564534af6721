"""The dashboard as managers and agents read it: at once, by itself, on every screen."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.reading import WATCH_SHIFTS, blemishes, too_wide
from tests.browser.test_agent import sign_in
from tests.factories import make_escalation, make_ticket
from tests.servers.fleet import make_server
from tests.sla.policies import publish_policy
from tickets.lifecycle import Status
from tickets.models import Ticket
from tickets.services import move_tickets


@pytest.fixture
def sockets(page: Page) -> list[WebSocketRoute]:
    """The feed's connections, the newest last: the test server speaks no WebSocket."""
    opened: list[WebSocketRoute] = []
    page.route_web_socket("**/ws/alerts*", lambda socket: opened.append(socket))
    return opened


@pytest.fixture
def opened(page: Page, desk: str, sockets: list[WebSocketRoute]) -> Page:
    publish_policy()
    now = timezone.now()
    for n in range(6):
        make_ticket(
            title=f"Door {n} does not close",
            at=now - timedelta(hours=n),
            priority=1 + n % 4,
            department="Facilities",
        )
    make_escalation(Ticket.objects.get(title__startswith="Door 5"), breach=True)
    make_server("db-1")
    page.add_init_script(WATCH_SHIFTS)
    sign_in(page, desk)
    page.goto(f"{desk}/")
    until(page, lambda: bool(sockets))
    return page


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Let the page go on until something that it does not show has happened."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        page.wait_for_timeout(100)


def figure(page: Page, label: str) -> Any:
    return page.locator(".figure").filter(has_text=label).locator("strong")


def test_the_numbers_follow_what_happens_by_themselves(opened: Page) -> None:
    expect(figure(opened, "Open tickets")).to_have_text("9")

    ids = list(Ticket.objects.filter(title__startswith="Door").values_list("pk", flat=True)[:2])
    move_tickets(ids=ids, status=Status.RESOLVED, actor="bob", now=datetime.now(UTC))

    expect(figure(opened, "Open tickets")).to_have_text("7", timeout=20_000)
    expect(opened.locator("#said")).to_contain_text("Live")


def test_an_escalation_is_shown_the_moment_that_it_is_told(
    opened: Page, sockets: list[WebSocketRoute]
) -> None:
    alert = {
        "type": "alert",
        "id": 900_001,
        "ticket_id": 17,
        "sla_type": "next_update",
        "level": 2,
        "state": "alert",
        "timestamp": datetime.now(UTC).isoformat(),
    }
    expect(opened.locator(".alerts li")).to_have_count(1)

    sockets[-1].send(json.dumps(alert))

    newest = opened.locator(".alerts li").first
    expect(newest).to_contain_text("#17")
    expect(newest).to_contain_text("warning")
    expect(newest).to_contain_text("next update, level 2")


def test_a_feed_that_broke_off_is_taken_up_where_it_was(
    opened: Page, sockets: list[WebSocketRoute]
) -> None:
    sockets[-1].send(json.dumps({"type": "heartbeat", "last_id": 900_005}))

    sockets[-1].close()

    until(opened, lambda: len(sockets) == 2)
    assert sockets[-1].url.endswith("/ws/alerts?after=900005")


def test_every_number_leads_to_its_tickets(opened: Page) -> None:
    row = opened.get_by_role("row").filter(has_text="Facilities")

    assert (row.get_by_role("link", name="P1 in Facilities").get_attribute("href") or "").endswith(
        "department=Facilities&priority=1"
    )
    for link in opened.locator(".figure").all():
        assert (link.get_attribute("href") or "").startswith("/tickets/?status=")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_read_it(opened: Page, theme: str) -> None:
    opened.select_option("#theme", theme)

    assert blemishes(opened) == []
    assert opened.evaluate("document.documentElement.dataset.theme") == theme


def test_nothing_moves_while_it_loads_or_is_brought_up_to_date(opened: Page) -> None:
    make_ticket(title="One more", priority=1, department="Facilities")
    expect(figure(opened, "Open tickets")).to_have_text("10", timeout=20_000)

    assert opened.evaluate("shifted") < 0.02


def test_on_a_phone_nothing_is_cut_off(opened: Page) -> None:
    opened.set_viewport_size({"width": 390, "height": 844})

    assert too_wide(opened) <= 0
    expect(opened.get_by_role("heading", name="Next deadlines")).to_be_visible()


def test_the_wall_cuts_no_escalation_in_half(opened: Page, desk: str) -> None:
    for n in range(8):
        make_escalation(make_ticket(title=f"Lift {n} is stuck"), breach=True)
    opened.set_viewport_size({"width": 1440, "height": 900})
    opened.goto(f"{desk}/?wall=1")

    panel = opened.locator("[data-panel=alerts]").bounding_box()
    lines = [line.bounding_box() for line in opened.locator(".alerts li").all()]
    assert panel
    assert len(lines) == 8
    inside = [box for box in lines if box and box["x"] < panel["x"] + panel["width"]]
    assert len(inside) >= 5
    for box in inside:
        assert box["y"] + box["height"] <= panel["y"] + panel["height"]


def test_the_wall_shows_everything_on_one_screen(opened: Page, desk: str) -> None:
    opened.set_viewport_size({"width": 1920, "height": 1080})
    opened.goto(f"{desk}/?wall=1")

    expect(opened.get_by_role("navigation")).to_have_count(0)
    assert opened.evaluate("document.documentElement.scrollHeight") <= 1080
    for panel in opened.locator(".card:not(.figure)").all():
        expect(panel).to_be_in_viewport()
    assert blemishes(opened) == []
