"""The layout of docker-compose.yml, as processes."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.layout import BASE, Layout


def files() -> set[str]:
    """What stands in the repository's folder and is neither tracked nor ignored."""
    done = subprocess.run(
        ["git", "status", "--porcelain"], cwd=BASE, capture_output=True, text=True, check=False
    )
    return set(done.stdout.splitlines())


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A folder that the database's user can reach: elsewhere its data would be there for the next run."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o755)
    return tmp_path


def test_the_services_start_in_order_triage_a_ticket_and_stop_in_time(root: Path) -> None:
    before = files()
    layout = Layout(root, scale={"io": 2})
    try:
        layout.start()
        ticket, _ = layout.triage_one()
        health = layout.call("/health/ready")
        found = json.loads(layout.manage("doctor", "--json"))
        layout.measure()
    finally:
        layout.stop()

    assert (ticket["category"], ticket["priority"]) == ("network", 1)
    assert health == {"status": "ok"}
    assert {one["about"] for one in found} >= {"database", "redis", "workers", "migrations"}
    assert not [one for one in found if one["level"] == "error"]
    names = [service.name for service in layout.services]
    assert names[0] == "migrate"
    assert names.count("io") == 2
    for service in layout.services:
        assert service.code in (0, -15), service.name  # -9: it was killed, its grace was over
        assert service.memory < 400, service.name
    assert files() == before  # the image is read-only: nothing is written beside the code
