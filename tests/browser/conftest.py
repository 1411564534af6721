"""Headless Chromium on the real pages. Skipped only where there is no Chromium."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from playwright.sync_api import Page, sync_playwright

from tests.browser.chromium import ARGUMENTS, CHROMIUM
from tests.browser.desks import ana, bob, desk, enter, vera  # noqa: F401  fixtures

# Playwright runs an event loop in this thread; Django would otherwise refuse to talk to the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not Path(CHROMIUM).exists():
        if os.environ.get("CI"):
            pytest.fail(
                f"There is no {CHROMIUM}: install chromium, so that the pages are looked at."
            )
        pytest.skip(f"There is no {CHROMIUM}")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


class Answering:
    """How many requests the live server is answering: emptying the tables under one of them is a deadlock."""

    def __init__(self) -> None:
        self.requests = 0
        self.changed = threading.Condition()

    def started(self, **_: object) -> None:
        self._count(+1)

    def finished(self, **_: object) -> None:
        self._count(-1)

    def _count(self, by: int) -> None:
        if threading.current_thread() is not threading.main_thread():
            with self.changed:
                self.requests += by
                self.changed.notify_all()

    def wait_for_all(self) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: not self.requests, timeout=20), "still answering"


@pytest.fixture
def answering(live_server: Any) -> Iterator[Answering]:
    """Ends before the tables are emptied, and only when the last request has been answered."""
    answering = Answering()
    request_started.connect(answering.started)
    request_finished.connect(answering.finished)
    yield answering
    answering.wait_for_all()
    request_started.disconnect(answering.started)
    request_finished.disconnect(answering.finished)


@pytest.fixture
def page(browser: Any, answering: Answering) -> Iterator[Page]:
    """A page that fails the test when the console shows an error or something cannot be loaded."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page, problems = context.new_page(), []
    page.on(
        "console",
        lambda message: problems.append(message.text) if message.type == "error" else None,
    )
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda request: (
            problems.append(f"elsewhere: {request.url}")
            if "localhost" not in request.url and request.url.startswith("http")
            else None
        ),
    )
    yield page
    context.close()
    assert problems == []
