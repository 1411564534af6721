"""What is read from the replica and what is not; tests/live/test_replica.py has a real one."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.services import refresh_figures
from smartops.doctor.database import read_replica
from tests.conftest import client_for
from tests.factories import make_ticket, make_user
from tickets.models import Department, Ticket
from tickets.services.access import sync_roles
from workers import replica
from workers.replica import read, reader, replica_findings

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "replica"])
API = "/api/v1/"
FIGURES = (
    "analytics/summary/",
    "analytics/performance/?by=group",
    "analytics/trends/",
    "analytics/tickets/?period=week",
    "analytics/department/Finance/",
    "dashboard/summary/",
    "dashboard/routing/",
    "reports/summary/",
)


@pytest.fixture(scope="module", autouse=True)
def _alias(django_db_setup: None) -> Iterator[None]:
    """The same database by another connection."""
    connections.settings["replica"] = {**connections.settings["default"]}
    yield
    connections["replica"].close()
    del connections["replica"]
    del connections.settings["replica"]


@pytest.fixture
def second(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Taken for a replica that is not behind."""
    monkeypatch.setattr(replica, "lag", lambda: 0.0)
    monkeypatch.setattr(replica, "WATCH", replica._Watch())
    return connections["replica"]


@pytest.fixture
def viewer(second: Any) -> User:
    Department.objects.get_or_create(name="Finance")
    sync_roles()
    user = make_user("vera", "Viewer")
    make_ticket(department="Finance")
    refresh_figures()
    return user


def asked(link: Any, ask: Any) -> tuple[Any, str]:
    """What `ask` answers, and the statements that this connection got for it."""
    with CaptureQueriesContext(link) as captured:
        answer = ask()
    return answer, "\n".join(query["sql"] for query in captured)


@pytest.mark.parametrize("path", FIGURES)
def test_figures_are_read_from_the_replica_and_permissions_from_the_primary(
    viewer: User, second: Any, path: str
) -> None:
    client = client_for(viewer)

    (answer, there), here = asked(connection, lambda: asked(second, lambda: client.get(API + path)))

    assert answer.status_code == 200
    assert "analytics_" in there or "tickets_ticket" in there
    assert "analytics_" not in here
    assert "tickets_department_members" not in there
    assert "tickets_department" in here  # which are hidden


def test_the_panels_are_read_from_the_replica_but_for_what_is_told_at_once(
    viewer: User, second: Any
) -> None:
    client = Client()
    client.force_login(viewer)

    (page, there), here = asked(connection, lambda: asked(second, lambda: client.get("/")))

    assert page.status_code == 200
    assert "tickets_ticket" in there
    assert "workers_heartbeat" not in there
    assert "sla_escalation" not in there
    assert "workers_heartbeat" in here


def test_a_streamed_file_is_read_from_the_replica(viewer: User, second: Any) -> None:
    refused = asked(connection, lambda: client_for(viewer).get(f"{API}reports/export/?format=csv"))
    answer, here = refused

    assert answer.status_code == 200
    assert answer.getvalue().count(b"\n") == 2
    assert "COPY" not in here


def test_a_restricted_department_stays_hidden_on_the_replica(viewer: User, second: Any) -> None:
    Department.objects.filter(name="Finance").update(restricted=True)

    found = client_for(User.objects.get(pk=viewer.pk)).get(f"{API}analytics/summary/").json()

    assert found["total_tickets"] == 0


def test_a_replica_that_fails_is_replaced_by_the_primary_and_left_alone(
    viewer: User, second: Any
) -> None:
    tried: list[str] = []

    def ask() -> int:
        tried.append(reader().alias)
        if reader().alias == "replica":
            raise OperationalError("terminating connection due to conflict with recovery")
        return Ticket.objects.count()

    assert [read(ask), read(ask)] == [1, 1]
    assert tried == ["replica", "default", "default"]


def test_what_is_wrong_with_the_question_is_not_the_replicas_fault(second: Any) -> None:
    def ask() -> None:
        tried.append(reader().alias)
        raise ZeroDivisionError

    tried: list[str] = []
    with pytest.raises(ZeroDivisionError):
        read(ask)

    assert tried == ["replica"]


def test_in_a_transaction_the_primary_is_asked_which_knows_what_it_wrote(second: Any) -> None:
    with transaction.atomic():
        make_ticket()

        assert read(lambda: (reader().alias, Ticket.objects.count())) == ("default", 1)


def test_nothing_is_ever_written_to_the_replica(viewer: User, second: Any) -> None:
    def write() -> str:
        ticket = Ticket.objects.get()
        ticket.save(update_fields=["title"])
        return str(ticket._state.db)

    _, there = asked(second, lambda: read(write))

    assert "SELECT" in there
    assert "UPDATE" not in there


@pytest.mark.parametrize(
    ("behind", "said"),
    [
        (0.0, ""),
        (59.0, ""),
        (90.0, "90 seconds behind"),
        (None, "leads to no replica"),
        (OperationalError("no"), "does not answer"),
    ],
)
def test_why_it_is_not_asked_is_said(
    second: Any, monkeypatch: pytest.MonkeyPatch, behind: Any, said: str
) -> None:
    def lag() -> Any:
        if isinstance(behind, Exception):
            raise behind
        return behind

    monkeypatch.setattr(replica, "lag", lag)
    monkeypatch.setattr("smartops.doctor.database.lag", lag)

    findings, [told] = replica_findings(), list(read_replica())

    assert (findings == []) == (not said)
    assert said in " ".join(findings)
    assert said in told.says
    assert read(lambda: reader().alias) == ("default" if said else "replica")


def test_a_second_primary_is_no_replica() -> None:
    assert replica.lag() is None


def test_without_a_replica_nothing_is_said_and_the_primary_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(connections.settings, "replica")

    assert replica_findings() == []
    assert list(read_replica()) == []
    assert read(lambda: reader().alias) == "default"
