"""The image is what the tests ran with, belongs to nobody special and holds no secret."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import compose

BASE = compose.BASE
TEXT = (BASE / "Dockerfile").read_text()


def test_the_linter_finds_nothing() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([linter, BASE / "Dockerfile"], capture_output=True, text=True)

    assert done.stdout == ""
    assert done.returncode == 0


def test_both_stages_have_one_exact_base() -> None:
    bases = re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE)

    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases[0])


def test_it_runs_as_a_fixed_user_that_is_not_root() -> None:
    [user] = re.findall(r"^USER (\d+):(\d+)", TEXT, re.MULTILINE)

    assert user == ("10001", "10001")


def test_packages_are_those_of_the_lock_file() -> None:
    assert "--require-hashes" in TEXT
    assert re.search(r"COPY requirements\.txt requirements-embedded\.txt", TEXT)


@pytest.mark.parametrize("name", [".env", ".git", "var", "tests", "node_modules", "docs"])
def test_what_does_not_belong_into_the_image_stays_outside(name: str) -> None:
    rules = (BASE / ".dockerignore").read_text().splitlines()

    assert name in rules or (name.startswith(".") and ".*" in rules)


def test_what_the_code_needs_is_not_left_out() -> None:
    rules = (BASE / ".dockerignore").read_text().splitlines()

    for name in (
        "config",
        "smartops",
        "manage.py",
        "triage",
        "workers",
        "requirements-embedded.txt",
    ):
        assert name not in rules
