"""`manage.py up`, as a newcomer uses it."""

import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from smartops.demo import TICKETS
from tests.live.desk import BASE
from tests.live.up import Up, pids_of


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    var = tmp_path_factory.mktemp("up")
    for folder in (var, var.parent, var.parent.parent):
        folder.chmod(0o755)
    yield Up(var)
    for line in pids_of(var).values():
        pytest.fail(f"left behind: {line}")


def test_it_comes_up_triages_and_leaves_nothing_behind_and_keeps_its_data(stack: Up) -> None:
    process, said = stack.start()
    token = stack.run("demo_token").stdout.strip()
    assert token
    assert token in said
    assert "Warning" not in said
    address = f"http://127.0.0.1:{stack.port}"
    assert f"  Desk      {address}/\n  Admin     {address}/admin/\n" in said

    running = list(pids_of(stack.var).values())
    for part in ("uvicorn", "core@", "io@", "reports@", "beat", "flower"):
        assert any(part in line for line in running), part

    made = stack.call("/api/v1/tickets/", token, {"title": "VPN down for the whole office"})
    assert isinstance(made, dict)
    end = time.monotonic() + 15
    while time.monotonic() < end:
        ticket = stack.call(f"/api/v1/tickets/{made['id']}/", token)
        assert isinstance(ticket, dict)
        if ticket["triage_status"] != "pending":
            break
        time.sleep(0.1)
    assert (ticket["category"], ticket["priority"], ticket["department"]) == (
        "network",
        1,
        "IT Support",
    )
    listed = stack.call("/api/v1/tickets/?page_size=500", token)
    assert isinstance(listed, dict)
    assert len(listed["results"]) == TICKETS + 1  # the demo's, and that one

    second = stack.run("up")
    assert second.returncode == 1
    assert "already runs" in second.stderr

    assert stack.stop(process) == 0
    assert pids_of(stack.var) == {}

    process, _ = stack.start()
    assert stack.run("demo_token").stdout.strip() == token
    again = stack.call(f"/api/v1/tickets/{made['id']}/", token)
    assert isinstance(again, dict)
    assert again["category"] == "network"
    assert stack.stop(process) == 0


def test_a_taken_port_is_named_with_what_to_do(stack: Up) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", stack.port))
        other.listen()
        answer = subprocess.run(
            stack.up(), cwd=BASE, env=stack.environment, capture_output=True, text=True, timeout=60
        )

    assert answer.returncode == 1
    assert f"cannot have port {stack.port}" in answer.stderr
    assert "--port" in answer.stderr


def test_without_a_stack_and_without_servers_a_command_says_what_to_do(stack: Up) -> None:
    stack.environment["SMARTOPS_DEMO"] = "1"
    answer = stack.run("migrate")

    assert answer.returncode != 0
    assert "DATABASE_URL is not set" in answer.stderr
    assert "make run" in answer.stderr


def test_a_wrong_setting_is_named_with_what_would_be_right(stack: Up) -> None:
    stack.environment |= {
        "SMARTOPS_DEMO": "1",
        "DATABASE_URL": "postgresql://x",
        "REDIS_URL": "redis://x",
    }
    stack.environment |= {"REOPEN_DAYS": "soon", "MAX_BATCH_ITEMS": "0"}
    answer = stack.run("check")

    assert answer.returncode != 0
    assert "REOPEN_DAYS" in answer.stderr
    assert "MAX_BATCH_ITEMS" in answer.stderr
    assert "greater than or equal to 1" in answer.stderr


def test_without_demo_mode_a_secret_is_required(stack: Up) -> None:
    stack.environment |= {
        "DATABASE_URL": "postgresql://x",
        "REDIS_URL": "redis://x",
        "SECRET_KEY": "short",
    }
    answer = stack.run("check")

    assert answer.returncode != 0
    assert "SECRET_KEY must be a random text of at least 32 characters" in answer.stderr
