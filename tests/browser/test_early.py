"""A quick hand on a slow line: what is chosen before the pages' modules have come is not lost."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from tests.browser.desks import Enter


@pytest.fixture
def bare(enter: Enter, ana: User) -> Page:
    """A browser that gets no module: only what a page loads before it is painted."""
    page = enter(ana, "/health/live")
    page.route("**/*.js", lambda r: r.continue_() if "/early" in r.request.url else r.abort())
    return page


@pytest.mark.parametrize(
    ("path", "select", "value", "leads_to"),
    [
        ("/report/", "select[name=days]", "7", "**/report/?*days=7*"),
        ("/review/", "select[name=department]", "Facilities", "**/review/?department=Facilities"),
        (
            "/tickets/?status=open",
            ".ws-order select",
            "Next deadline first",
            "**/tickets/?*ordering=due_at*",
        ),
    ],
)
def test_a_select_is_followed_before_the_modules_have_come(
    desk: str, bare: Page, path: str, select: str, value: str, leads_to: str
) -> None:
    bare.goto(desk + path)
    bare.select_option(select, value)
    bare.wait_for_url(leads_to)


def test_a_theme_is_kept_before_the_modules_have_come(desk: str, bare: Page) -> None:
    bare.goto(f"{desk}/report/")
    bare.select_option("#theme", "dark")
    bare.goto(f"{desk}/tickets/?status=open")
    assert bare.evaluate("document.documentElement.dataset.theme") == "dark"
