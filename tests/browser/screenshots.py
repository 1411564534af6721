"""`make screenshots`: the pages that the README shows, taken from a fresh desk with the demo's data.

With names (`ARGS="dashboard wall"`) only those.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, sync_playwright

from tests.browser.chromium import ARGUMENTS, CHROMIUM

BASE: Final = Path(__file__).resolve().parent.parent.parent
IMAGES: Final = BASE / "docs" / "images"
#: (file, path, width, height, theme).
SHOTS: Final = (
    ("dashboard", "/", 1440, 1000, "light"),
    ("dashboard-dark", "/", 1440, 1000, "dark"),
    ("dashboard-phone", "/", 390, 844, "light"),
    ("wall", "/?wall=1", 1920, 1080, "dark"),
    ("tickets", "/tickets/", 1440, 900, "light"),
    ("ticket", "{ticket}", 1440, 1100, "light"),
    ("review", "/review/", 1440, 900, "light"),
    ("fleet", "/fleet/", 1440, 700, "dark"),
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sign_in(page: Page, desk: str, password: str) -> None:
    page.goto(f"{desk}/admin/login/?next=/")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_load_state()


def take(desk: str, password: str) -> None:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for name, path, width, height, theme in SHOTS:
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            context = chromium.new_context(
                viewport={"width": width, "height": height},
                color_scheme=theme,  # type: ignore[arg-type]
                timezone_id="Europe/Berlin",
            )
            page = context.new_page()
            sign_in(page, desk, password)
            if path == "{ticket}":
                page.goto(f"{desk}/tickets/?q=vpn")
                path = page.locator("tbody a[href^='/tickets/']").first.get_attribute("href") or "/"
            else:  # on a new desk the clocks have just been looked at
                page.locator(".alerts [data-id]").first.wait_for(timeout=60_000)
            page.goto(desk + path)
            page.wait_for_timeout(1500)  # charts and counts that come after the paint
            page.screenshot(path=IMAGES / f"{name}.png")
            print(f"docs/images/{name}.png")
            context.close()


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as var:
        port, flower = free_port(), free_port()
        hidden = ("DATABASE_URL", "REDIS_URL", "SMARTOPS_DEMO")
        environment = {k: v for k, v in os.environ.items() if k not in hidden} | {"VAR_DIR": var}
        os.chmod(var, 0o755)
        stack = subprocess.Popen(
            [*(sys.executable, "manage.py", "up"), f"--port={port}", f"--flower-port={flower}"],
            cwd=BASE,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            assert stack.stdout
            for line in stack.stdout:
                if "Ctrl-C stops everything" in line:
                    break
            take(f"http://127.0.0.1:{port}", (Path(var) / "demo_password").read_text().strip())
        finally:
            stack.send_signal(signal.SIGINT)
            stack.communicate(timeout=60)


if __name__ == "__main__":
    main()
