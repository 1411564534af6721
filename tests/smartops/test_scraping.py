"""`/metrics`: who may read it, and that Prometheus' own linter has nothing to say."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.conftest import client_for
from tests.factories import make_user
from tests.prometheus import program
from tickets.services.access import create_token
from workers import metrics

pytestmark = pytest.mark.django_db
TOKEN = "t" * 40


@pytest.fixture(autouse=True)
def _token(settings: Any) -> Iterator[None]:
    settings.METRICS_TOKEN = TOKEN
    metrics.COLLECTOR.forget()
    yield
    metrics.COLLECTOR.forget()


def read(**headers: str) -> Any:
    return Client().get("/metrics", headers=headers)


def test_the_token_opens_it() -> None:
    answer = read(authorization=f"Bearer {TOKEN}")

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    assert b"smartops_tickets{" in answer.content


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer ä",
        f"Token {TOKEN}",
    ],
)
def test_without_it_the_answer_is_401_with_the_way_in(given: str) -> None:
    answer = read(authorization=given) if given else read()

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Content-Type"] == "application/problem+json"
    assert TOKEN.encode() not in answer.content


def test_without_a_token_in_the_settings_nothing_is_the_token(settings: Any) -> None:
    settings.METRICS_TOKEN = ""

    assert read(authorization="Bearer ").status_code == 401
    assert read(authorization="Bearer x").status_code == 401


def test_an_admin_may_look_with_a_login_or_a_token(admin_person: User) -> None:
    assert client_for(admin_person).get("/metrics").status_code == 200
    _, token = create_token(user=admin_person)
    assert read(authorization=f"Token {token}").status_code == 200


@pytest.mark.parametrize("role", ["Viewer", "Agent"])
def test_who_does_not_operate_the_desk_may_not(role: str) -> None:
    assert client_for(make_user("eve", role)).get("/metrics").status_code == 403


@pytest.mark.usefixtures("vpn")
def test_promtool_finds_nothing_to_mend() -> None:
    promtool = program("promtool")
    text = read(authorization=f"Bearer {TOKEN}").content

    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)

    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
