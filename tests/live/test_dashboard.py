"""The dashboard in a browser, with a real web process behind it that goes away and comes back."""

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import browser  # noqa: F401  a fixture
from tests.live.alerts import Watch
from tests.live.desk import Desk

PASSWORD = "correct-horse-battery"


@pytest.fixture
def page(desk: Desk, browser: object) -> Iterator[Page]:  # noqa: F811
    desk.run_python(
        "from django.contrib.auth.models import User\n"
        "from tickets.services.access import give_role\n"
        "person, _ = User.objects.get_or_create(username='vera')\n"
        f"person.set_password({PASSWORD!r}); person.save(); give_role(user=person, role='Viewer')"
    )
    desk.start_web()
    context = browser.new_context()  # type: ignore[attr-defined]
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{desk.port}/")
    page.fill("input[name=username]", "vera")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    yield page
    context.close()


def reaches(page: Page, seconds: float, true: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        page.wait_for_timeout(100)


def test_escalations_appear_at_once_and_those_of_an_outage_afterwards(
    desk: Desk, page: Page
) -> None:
    watch = Watch(desk)
    newest = page.locator(".alerts li").first
    expect(page.locator(".alerts .empty")).to_be_visible()

    [first] = watch.escalate()
    expect(newest).to_have_attribute("data-id", str(first), timeout=8000)  # before the panels' turn
    expect(newest).to_contain_text("VPN is down 0", timeout=15_000)  # its title comes with them

    assert desk.web is not None
    desk.kill_tree(desk.web)
    expect(page.locator("#said")).to_contain_text("Not up to date since", timeout=30_000)
    [second] = watch.escalate(nudge=False)
    desk.start_web()

    expect(newest).to_have_attribute("data-id", str(second), timeout=60_000)
    expect(page.locator("#said")).to_contain_text("Live", timeout=30_000)
    assert page.locator(f".alerts [data-id='{first}']").count() == 1


def test_who_is_signed_out_is_asked_to_sign_in(desk: Desk, page: Page) -> None:
    expect(page.locator(".alerts .empty")).to_be_visible()

    desk.sql("DELETE FROM django_session")

    reaches(page, 30, lambda: "/admin/login/" in page.url)
    page.fill("input[name=username]", "vera")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    expect(page.get_by_role("heading", name="Next deadlines")).to_be_visible()
