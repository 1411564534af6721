"""A wrong value stops the start with its name and what would be right."""

import os
import subprocess
import sys

from smartops.env import BASE_DIR


def start_with(**variables: str) -> "subprocess.CompletedProcess[str]":
    given = {"SMARTOPS_DEMO": "1", "DATABASE_URL": "postgresql://none", "REDIS_URL": "redis://none"}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=BASE_DIR,
        env={**os.environ, **given, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_wrong_variable_is_named_at_once() -> None:
    done = start_with(EMAIL_PORT="0", EMAIL_USE_TLS="1", EMAIL_USE_SSL="1")

    assert done.returncode != 0
    assert "EMAIL_PORT: " in done.stderr
    assert "EMAIL_USE_SSL: Not together with EMAIL_USE_TLS: set one of them." in done.stderr


def test_right_values_start() -> None:
    assert start_with(EMAIL_PORT="465", EMAIL_USE_SSL="1").returncode == 0
