"""Prometheus' own programs, for tests that need them. Where CI is set they must be there."""

import os
import shutil

import pytest


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`; without it the test is skipped, or fails under CI."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(f"There is no {name}: install prometheus, so that this is checked.")
        pytest.skip(f"There is no {name}.")
    return path
