"""Headless Chromium on the real pages. Skipped only where there is no Chromium."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]

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


@pytest.fixture
def page(browser: Any) -> Iterator[Page]:
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
