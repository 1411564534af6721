"""How soon a browser shows something: the first contentful paint of the desk's pages, once their files are cached.

For who comes from another page of the desk; and in a new tab, for which the browser starts a process: there it is
told beside that of an empty page.
"""

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from bench.results import Result
from tests.browser.chromium import ARGUMENTS, CHROMIUM
from tests.live.desk import Desk

ROUNDS = 15
MILLISECONDS = 200
#: Times an empty page: the browser and its process are most of it.
NEW_TAB = 4
EMPTY, FROM = "/health/live", "/report/"
_PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


def measure(desk: Desk, pages: Mapping[str, str], *, session: str, rows: str) -> list[Result]:
    """`session` is the cookie of a person who may see everything, as name=value. Nothing without a Chromium."""
    if not Path(CHROMIUM).exists():
        return []
    from playwright.sync_api import sync_playwright

    name, _, value = session.partition("=")
    results = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_cookies([{"name": name, "value": value, "url": _base(desk)}])
        here = context.new_page()
        empty = median(_in_a_tab(context, _base(desk) + EMPTY) for _ in range(ROUNDS))
        for title, path in pages.items():
            tabs, took = [], []
            for _ in range(ROUNDS):
                tabs.append(_in_a_tab(context, _base(desk) + path))
                here.goto(_base(desk) + FROM, wait_until="networkidle")
                took.append(_painted(here, _base(desk) + path))
            label = f"first paint: {title}, {rows}, median"
            results.append(Result(label, median(took), "ms", MILLISECONDS, at_most=True))
            label = f"the same in a new tab: {title}, {rows}, median"
            peer = ("an empty page", empty)
            results.append(Result(label, median(tabs), "ms", NEW_TAB, *peer, at_most=True))
        browser.close()
    return results


def _in_a_tab(context: Any, address: str) -> float:
    tab = context.new_page()
    took = _painted(tab, address)
    tab.close()
    return took


def _painted(page: Any, address: str) -> float:
    """Milliseconds from the navigation's begin."""
    page.goto(address, wait_until="load")
    page.wait_for_function(f"() => {_PAINTED} > 0")
    return float(page.evaluate(_PAINTED))


def _base(desk: Desk) -> str:
    return f"http://127.0.0.1:{desk.port}"
