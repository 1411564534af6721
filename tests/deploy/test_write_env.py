import os
import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from deploy.write_env import MADE, write, write_token
from smartops.env import BASE_DIR


def test_a_file_is_made_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / ".env"

    assert write(path) == list(MADE)

    values = dotenv_values(path)
    assert set(values) == set(MADE)
    assert all(value and len(value) >= 24 for value in values.values())
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_secrets_that_are_there_stay(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "SECRET_KEY=mine\nMETRICS_TOKEN=\nPOSTGRES_PASSWORD=\"\"\nFLOWER_BASIC_AUTH=''\nLLM_PROVIDER=ollama"
    )

    added = write(path)

    assert "SECRET_KEY" not in added
    assert {"METRICS_TOKEN", "POSTGRES_PASSWORD", "FLOWER_BASIC_AUTH"} <= set(added)
    values = dotenv_values(path)
    assert values["SECRET_KEY"] == "mine"
    assert values["LLM_PROVIDER"] == "ollama"
    assert values["METRICS_TOKEN"]
    assert write(path) == []


def test_no_two_runs_make_the_same(tmp_path: Path) -> None:
    write(tmp_path / "one")
    write(tmp_path / "other")

    one, other = dotenv_values(tmp_path / "one"), dotenv_values(tmp_path / "other")
    assert not set(one.values()) & set(other.values())


def test_nothing_in_them_must_be_quoted(tmp_path: Path) -> None:
    write(tmp_path / ".env")

    for value in dotenv_values(tmp_path / ".env").values():
        assert value
        assert not set(value) & set("$#'\"\\ @/%")


@pytest.mark.parametrize(
    ("line", "token"),
    [
        ("METRICS_TOKEN=a#bc # mine", "a#bc"),
        ('export METRICS_TOKEN="a b" # mine', "a b"),
        ("METRICS_TOKEN=old\nMETRICS_TOKEN='new'", "new"),
    ],
)
def test_prometheus_gets_the_token_that_stands_there(tmp_path: Path, line: str, token: str) -> None:
    path = tmp_path / ".env"
    path.write_text(f"SECRET_KEY=x\n{line}\nLLM_PROVIDER=none\n")

    assert write_token(path).read_text() == token
    assert write_token(path).read_text() == token


def test_only_its_owner_and_the_container_come_to_the_token(tmp_path: Path) -> None:
    write(tmp_path / ".env")

    file = write_token(tmp_path / ".env")

    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_they_stay_out_of_the_repository() -> None:
    ignored = (BASE_DIR / ".gitignore").read_text().splitlines()

    assert {".env", ".secrets/"} <= set(ignored)
