"""A wrong value stops the start with its name and what would be right."""

import os
import subprocess
import sys

import pytest

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


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"LLM_PROVIDER": "skynet"},
            "LLM_PROVIDER: Must be one of: none, anthropic, ollama, openai",
        ),
        ({"LLM_PROVIDER": "ollama"}, "needs LLM_MODEL"),
        ({"LLM_PROVIDER": "anthropic", "LLM_MODEL": "x"}, "needs LLM_API_KEY"),
        ({"LLM_PROVIDER": "openai", "LLM_MODEL": "x", "LLM_URL": "ftp://x"}, "LLM_URL must begin"),
        (
            {"LLM_PROVIDER": "openai", "LLM_MODEL": "x", "LLM_URL": "http://a:pa55@b"},
            "a key belongs in LLM_API_KEY",
        ),
    ],
)
def test_a_language_model_is_named_wholly_or_not_at_all(
    variables: dict[str, str], message: str
) -> None:
    done = start_with(**variables)

    assert done.returncode != 0
    assert message in done.stderr
    assert "pa55" not in done.stderr


def test_right_values_start() -> None:
    assert start_with(EMAIL_PORT="465", EMAIL_USE_SSL="1").returncode == 0
    model = {"LLM_PROVIDER": "ollama", "LLM_MODEL": "tiny", "LLM_URL": "http://models:11434/"}
    assert start_with(**model).returncode == 0
