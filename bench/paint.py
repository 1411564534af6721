"""How soon a browser shows something: the first contentful paint of the desk's pages, once their files are cached."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median

from bench.results import Result
from tests.browser.chromium import ARGUMENTS, CHROMIUM
from tests.live.desk import Desk

ROUNDS = 15
MILLISECONDS = 200
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
        for title, path in pages.items():
            took = []
            for _ in range(ROUNDS):
                page = context.new_page()
                page.goto(_base(desk) + path, wait_until="load")
                page.wait_for_function(f"() => {_PAINTED} > 0")
                took.append(float(page.evaluate(_PAINTED)))
                page.close()
            label = f"first paint: {title}, {rows}, median"
            results.append(Result(label, median(took), "ms", MILLISECONDS, at_most=True))
        browser.close()
    return results


def _base(desk: Desk) -> str:
    return f"http://127.0.0.1:{desk.port}"
