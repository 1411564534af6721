"""Who runs a game day ends it with all its processes."""

import sys
import threading
from pathlib import Path

import pytest

from smartops.gameday.driver import Crew, Failed, Stopped
from smartops.gameday.scratch import Scratch

FOR_EVER = [sys.executable, "-c", "import threading; threading.Event().wait()"]


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def crew(tmp_path: Path, stopping: threading.Event) -> Crew:
    scratch = Scratch("x_gameday_1", "postgresql://nowhere", "redis://nowhere")
    return Crew(scratch, tmp_path, lambda line: None, stopping)


def test_who_asks_it_to_stop_waits_for_no_process(crew: Crew, stopping: threading.Event) -> None:
    crew.start({"core": FOR_EVER})
    stopping.set()  # while it starts processes, say

    with pytest.raises(Stopped):
        crew.run("player", FOR_EVER)
    crew.stop()

    assert [part.process and part.process.poll() for part in crew.parts.values()] == [-9, -9]


def test_a_worker_that_ends_breaks_the_day_off(crew: Crew) -> None:
    crew.start({"core": [sys.executable, "-c", ""]})

    with pytest.raises(Failed, match="Worker core ended"):
        crew.run("player", FOR_EVER)
    crew.stop()


def test_the_desks_replica_is_not_the_game_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_REPLICA_URL", "postgresql://the-desks-own/desk")
    scratch = Scratch("x_gameday_1", "postgresql://nowhere", "redis://nowhere")

    crew = Crew(scratch, tmp_path, lambda text: None, threading.Event())

    assert crew.environment["DATABASE_REPLICA_URL"] == ""
