"""Agents at their pages: signed in without typing, several of them at once."""

import importlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps as registry
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from playwright.sync_api import Page, expect

from tests.browser.reading import WATCH_SHIFTS
from tests.factories import make_ticket, make_user
from tickets.services.access import sync_roles
from triage.models import RoutingRule, TriageJob
from triage.services import run_jobs

#: Opens a page as a person: enter(user, path, **context).
Enter = Callable[..., Page]


def ready(page: Page, title: str = "") -> None:
    """Wait until the page with this in its heading listens to keys."""
    if title:
        expect(page.get_by_role("heading", level=1)).to_contain_text(title)
    expect(page.locator("html[data-ready]")).to_have_count(1)


@pytest.fixture
def desk(transactional_db: Any, live_server: Any) -> str:
    """A desk with three triaged tickets and an agent. Returns its address."""
    if not RoutingRule.objects.exists():
        importlib.import_module("triage.migrations.0003_defaults").install(
            registry, connections["default"]
        )
    sync_roles()
    make_user("ana", "Agent")
    make_ticket(title="VPN down for the whole office")
    make_ticket(title="Printer jammed", description="paper jam in tray 2")
    make_ticket(title="<b>Bold</b> invoice question")
    run_jobs(ids=list(TriageJob.objects.values_list("pk", flat=True)), now=datetime.now(UTC))
    return str(live_server.url)


@pytest.fixture
def enter(browser: Any, answering: Any, desk: str) -> Iterator[Enter]:
    """Open pages as people; a console error or a request to elsewhere fails the test."""
    contexts: list[Any] = []
    problems: list[str] = []

    def look(message: Any) -> None:
        # What the API refuses is told on the page, and by the browser, too.
        if message.type == "error" and "Failed to load resource" not in message.text:
            problems.append(message.text)

    def elsewhere(request: Any) -> None:
        if request.url.startswith("http") and "localhost" not in request.url:
            problems.append(f"elsewhere: {request.url}")

    def open_page(user: User, path: str, *, ticking: bool = True, **options: Any) -> Page:
        client = Client()
        client.force_login(user)
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        cookie = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": desk}])
        page: Page = context.new_page()
        page.on("console", look)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", elsewhere)
        page.add_init_script(WATCH_SHIFTS)
        if not ticking:
            page.clock.install()
        page.route_web_socket("**/ws/alerts*", lambda socket: None)  # not the test server's
        page.goto(f"{desk}{path}")
        if path.startswith("/tickets"):
            ready(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def ana(desk: str) -> User:
    return User.objects.get(username="ana")


@pytest.fixture
def bob(desk: str) -> User:
    user = make_user("bob", "Agent")
    User.objects.filter(pk=user.pk).update(first_name="Bob", last_name="Okafor")
    return User.objects.get(pk=user.pk)


@pytest.fixture
def vera(desk: str) -> User:
    return make_user("vera", "Viewer")


def later(page: Page, seconds: int = 11) -> None:
    """Let a page that was opened with `ticking=False` believe that time went by."""
    page.clock.fast_forward(seconds * 1000)


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Let the page go on until something that it does not show has happened."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        page.wait_for_timeout(100)
