"""The fleet page: what is there, what changes, what one server is."""

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from servers.lifecycle import Action, State
from servers.models import Server
from servers.services.fleet import act_on, create_servers
from tests.browser.test_agent import sign_in


def make_fleet(size: int, racks: int) -> None:
    create_servers(
        values=[
            {
                "name": f"s{n:04}",
                "role": "web",
                "region": f"eu-{n % 2}",
                "host_group": f"rack-{n % racks}",
                "state": State.RUNNING,
                "depends_on": ["s0000"] if n == 2 else [],
            }
            for n in range(size)
        ]
    )


def act(name: str, action: Action) -> None:
    with transaction.atomic():
        server = Server.objects.get(name=name)
        act_on(ids=[server.pk], action=action, actor="ana", now=timezone.now())


@pytest.fixture
def opened(page: Page, desk: str) -> Page:
    """The page of a fleet of forty servers, signed in."""
    make_fleet(40, 4)
    sign_in(page, desk)
    page.goto(f"{desk}/fleet/")
    expect(page.locator(".fleet-tile")).to_have_count(40)
    return page


def test_a_failure_appears_by_itself_with_a_sign_and_a_count(opened: Page) -> None:
    tile = opened.get_by_role("button", name="s0003")
    expect(tile).to_have_text("✓")

    act("s0003", Action.FAIL)

    expect(tile).to_have_text("✕", timeout=10_000)
    expect(tile).to_have_attribute("aria-label", "s0003: failed, fail by ana")
    expect(opened.locator(".fleet-counts [data-state=failed] strong")).to_have_text("1")
    expect(opened.locator("[data-region=eu-1] header")).to_contain_text("1 failed, 19 running")


def test_a_server_is_looked_at_and_left_with_the_keyboard(opened: Page) -> None:
    opened.get_by_role("button", name="s0002").focus()
    opened.keyboard.press("Enter")

    detail = opened.get_by_label("Chosen server")
    expect(detail.get_by_role("heading")).to_have_text("s0002")
    detail.get_by_role("link", name="s0000").click()
    expect(detail.get_by_role("heading")).to_have_text("s0000")
    expect(detail).to_contain_text("Needed by")
    expect(detail.get_by_role("link", name="s0002")).to_be_visible()

    opened.keyboard.press("Escape")
    expect(detail).to_be_hidden()
    expect(opened.get_by_role("button", name="s0000")).to_be_focused()


def test_of_two_servers_the_one_chosen_last_is_shown_and_kept_up_to_date(opened: Page) -> None:
    held: list[Route] = []
    opened.route("**/api/v1/servers/s0002/", lambda route: held.append(route))
    opened.get_by_role("button", name="s0002").click()
    opened.get_by_role("button", name="s0003").click()
    detail = opened.get_by_label("Chosen server")
    expect(detail.get_by_role("heading")).to_have_text("s0003")

    with opened.expect_response("**/api/v1/servers/s0002/"):
        held[0].continue_()

    act("s0003", Action.FAIL)
    expect(detail).to_contain_text("fail by ana", timeout=10_000)
    expect(detail.get_by_role("heading")).to_have_text("s0003")


def test_a_large_fleet_is_shown_by_host_group(page: Page, desk: str) -> None:
    make_fleet(1200, 30)
    act("s0007", Action.FAIL)
    sign_in(page, desk)
    page.goto(f"{desk}/fleet/")

    expect(page.locator(".fleet-rack")).to_have_count(30)
    rack = page.get_by_role("button", name="rack-7:")
    expect(rack).to_contain_text("✕ 1")
    rack.click()
    expect(page.get_by_label("Chosen server").locator("li").first).to_contain_text("failed s0007")


def test_on_a_phone_nothing_is_cut_off(opened: Page) -> None:
    opened.set_viewport_size({"width": 390, "height": 800})

    opened.get_by_role("button", name="s0002").click()

    expect(opened.get_by_label("Chosen server")).to_be_in_viewport()
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390


def test_counts_are_there_before_the_first_answer(page: Page, desk: str) -> None:
    make_fleet(3, 1)
    sign_in(page, desk)
    page.route("**/api/v1/servers/**", lambda route: None)  # never answered

    page.goto(f"{desk}/fleet/", wait_until="commit")

    expect(page.locator(".fleet-counts [data-state=running] strong")).to_have_text("3")


def test_a_server_that_is_gone_does_not_make_the_page_look_old(opened: Page) -> None:
    opened.evaluate(
        """() => {
          const ask = window.fetch, body = { detail: "There is no such server." };
          window.fetch = async (path, given) =>
            path.endsWith("/s0002/") ? Response.json(body, { status: 404 }) : ask(path, given);
        }"""
    )

    opened.get_by_role("button", name="s0002").click()

    expect(opened.get_by_role("alert")).to_contain_text("no such server")
    expect(opened.locator("[data-part=said]")).to_have_text("Live")
