"""The OpenAPI document in docs/ is the one that the code makes, and the code keeps to it."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.management import call_command
from hypothesis import HealthCheck, settings

from tests.conftest import client_for
from tests.factories import make_ticket, make_user

DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "openapi.yaml"


def test_the_document_is_up_to_date(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    made = tmp_path / "openapi.yaml"
    call_command("spectacular", "--fail-on-warn", "--file", str(made))
    if request.config.getoption("--write-openapi"):
        DOCUMENT.write_text(made.read_text())

    assert DOCUMENT.read_text() == made.read_text(), "Write it anew: make openapi"


def test_every_operation_says_in_a_sentence_what_it_is_for() -> None:
    paths = yaml.safe_load(DOCUMENT.read_text())["paths"]
    operations = [operation for one in paths.values() for operation in one.values()]

    assert [o["operationId"] for o in operations if not o["summary"]] == []


@pytest.mark.django_db
def test_the_document_and_its_page_need_a_login_and_nothing_from_elsewhere() -> None:
    agent = client_for(None)
    assert agent.get("/api/docs/").status_code in (401, 403)

    agent.force_login(make_user("ana", "Agent"))
    page = agent.get("/api/docs/").content.decode()
    assert "http://" not in page.replace("http://testserver", "")
    assert "https://" not in page


schema = schemathesis.openapi.from_path(str(DOCUMENT))


@pytest.fixture
def caller(db: None) -> Any:
    make_ticket()
    return client_for(make_user("ada", "Admin"))


@schema.parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_that_is_sent_makes_a_server_error(case: Any, caller: Any) -> None:
    body = (
        case.body if isinstance(case.body, dict | list | str | int | float | bool | None) else None
    )
    answer = caller.generic(
        case.method,
        _path(case),
        data=_json(body),
        content_type="application/json",
        query_params=dict(case.query or {}),
    )

    assert answer.status_code < 500, answer.content


def _path(case: Any) -> str:
    from urllib.parse import quote

    path = case.path
    for name, value in (case.path_parameters or {}).items():
        path = path.replace("{" + name + "}", quote(str(value), safe=""))
    return str(path)


def _json(body: Any) -> str:
    import json

    try:
        return json.dumps(body)
    except (TypeError, ValueError):
        return ""
