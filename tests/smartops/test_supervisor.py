"""What starts everything waits for its own commands, whatever the moment of their end."""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from smartops import supervisor
from smartops.parts import BASE, Part
from smartops.supervisor import Refused, Stack


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(argparse.Namespace(no_demo=False), tmp_path)


class EndsWhileNobodyWaits(subprocess.Popen[str]):
    """It ends just when waiting for it was given up for a moment."""

    waited = False

    def communicate(self, *arguments: Any, **options: Any) -> tuple[str, str]:
        if not self.waited:
            self.waited = True
            self.wait()
            raise subprocess.TimeoutExpired("manage.py", 0.2)
        return super().communicate(*arguments, **options)


def test_a_command_that_ends_between_two_looks_at_it_has_ended_well(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor.subprocess, "Popen", EndsWhileNobodyWaits)

    assert "usage" in stack._manage("help", "check").lower()


def test_a_command_that_fails_is_named_with_the_last_of_what_it_said(stack: Stack) -> None:
    with pytest.raises(Refused, match="manage.py no_such failed:\nType 'manage.py help'"):
        stack._manage("no_such")


def test_who_stops_it_does_not_wait_for_a_command(stack: Stack) -> None:
    stack.stopping.set()

    with pytest.raises(Refused, match="Stopped before everything was up"):
        stack._manage("help")


def test_beat_sends_nobody_to_look_at_a_demo_that_is_being_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = argparse.Namespace(no_demo=False, bind="127.0.0.1", port=1, flower_port=2)
    stack = Stack(options, tmp_path)
    (tmp_path / "run").mkdir()
    happened: list[str] = []

    def manage(command: str, *_: str) -> str:
        happened.append(command)
        return "{}"

    monkeypatch.setattr(stack, "_manage", manage)
    monkeypatch.setattr(Part, "start", lambda part, *_: happened.append(part.name))
    stack._bring_up()

    assert happened[:2] == ["migrate", "web"]
    assert happened[-2:] == ["demo_data", "beat"]


@pytest.mark.parametrize(
    ("bind", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:5555"),
        ("0.0.0.0", "http://127.0.0.1:5555"),
        ("::", "http://[::1]:5555"),
        ("fd00::7", "http://[fd00::7]:5555"),
    ],
)
def test_links_lead_to_where_a_browser_finds_it(tmp_path: Path, bind: str, address: str) -> None:
    stack = Stack(argparse.Namespace(no_demo=False, bind=bind, port=5555), tmp_path)

    assert stack.address == stack._at(5555) == address


def test_the_supervisor_reads_the_environments_file_and_loads_no_workers() -> None:
    shown = "'smartops.env' in sys.modules, 'celery' in sys.modules"
    code = f"import sys, smartops.supervisor; print({shown})"
    done = subprocess.run([sys.executable, "-c", code], cwd=BASE, capture_output=True, text=True)

    assert done.stdout.split() == ["True", "False"], done.stderr
