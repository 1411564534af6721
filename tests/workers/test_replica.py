"""What is read from the replica and what is not; tests/live/test_replica.py has a real one."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import OperationalError, connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics.models import ReportDelivery
from analytics.services import delivering, refresh_figures, scheduling
from analytics.services.exporting import run_exports
from analytics.services.files import Output
from smartops.doctor.database import read_replica
from tests.analytics.files import content, make, read_csv, run
from tests.conftest import client_for
from tests.factories import make_ticket, make_user
from tickets.models import Department, Ticket
from tickets.services.access import sync_roles
from workers import replica
from workers.clock import present
from workers.replica import Behind, read, reader, replica_findings

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "replica"])
API = "/api/v1/"
FIGURES = (
    "analytics/summary/",
    "analytics/performance/?by=group",
    "analytics/trends/",
    "analytics/tickets/?period=all",
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
def second(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Taken for a replica that is not behind."""
    monkeypatch.setattr(replica, "lag", lambda: 0.0)
    monkeypatch.setattr(replica, "WATCH", replica._Watch())
    yield connections["replica"]
    connections["replica"].close()


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


def test_what_was_opened_until_now_is_not_asked_of_a_replica(viewer: User, second: Any) -> None:
    client = client_for(viewer)

    _, there = asked(second, lambda: client.get(f"{API}analytics/tickets/?period=week"))

    assert "tickets_ticket" not in there


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


def test_what_the_replica_has_not_got_yet_is_asked_of_the_primary(second: Any) -> None:
    def ask() -> str:
        tried.append(reader().alias)
        if reader().alias == "replica":
            raise Behind
        return "the answer"

    tried: list[str] = []

    assert [read(ask), read(ask)] == ["the answer"] * 2
    assert tried == ["replica", "default"] * 2


def lacks(link: Any, *tables: str) -> None:
    """It has none of the rows in `tables`, as a replica that is behind."""
    with link.cursor() as cursor:
        for table in tables:
            cursor.execute(f"CREATE TEMPORARY TABLE {table} AS TABLE {table} WITH NO DATA")


def test_an_export_is_read_from_the_replica_and_kept_on_the_primary(
    viewer: User, second: Any
) -> None:
    export = make(viewer)
    lacks(second, "tickets_ticket", "auth_user", "tickets_department")

    export, here = asked(connection, lambda: run(export))

    assert (export.state, export.rows, export.total) == ("done", 0, 0)
    assert "tickets_ticket" not in here


def test_an_export_that_the_replica_knows_nothing_of_is_read_from_the_primary(
    viewer: User, second: Any
) -> None:
    export = make(viewer)
    lacks(second, "analytics_export", "tickets_ticket")

    export = run(export)

    assert (export.state, export.rows, export.total) == ("done", 1, 1)


def test_an_export_that_was_removed_is_not_made(viewer: User, second: Any) -> None:
    export = make(viewer)
    lacks(second, "analytics_export")

    def remove(*_: Any) -> str:
        type(export).objects.filter(pk=export.pk).delete()
        return ""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analytics.services.exporting.choose", remove)
        assert run_exports(ids=[export.pk]) == 0


@pytest.mark.parametrize("export_format", ["csv", "parquet"])
def test_an_export_that_breaks_off_on_the_replica_begins_again_on_the_primary(
    viewer: User, second: Any, monkeypatch: pytest.MonkeyPatch, export_format: str
) -> None:
    long = "so long that no buffer holds it " * 3000
    Ticket.objects.bulk_create(
        Ticket(title="x", description=long, opened_at=present()) for _ in range(300)
    )
    write, broken = Output.write, []

    def break_off(output: Output, data: Any) -> int:
        if not broken:
            broken.append(second.connection.info.backend_pid)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s)", broken)
        return write(output, data)

    monkeypatch.setattr(Output, "write", break_off)

    export = run(make(viewer, export_format=export_format, columns=["id", "description"]))

    assert (export.error, export.state, export.rows) == ("", "done", 301)
    assert len(broken) == 1
    if export_format == "csv":
        assert len({row["id"] for row in read_csv(content(export))}) == 301


@pytest.fixture
def report(viewer: User) -> ReportDelivery:
    """Yesterday's, with its tickets."""
    User.objects.filter(pk=viewer.pk).update(email="vera@example.com")
    values = {"name": "Day", "frequency": "day", "people": [viewer], "attach_tickets": True}
    schedule = scheduling.save_schedule(schedule=None, values=values, by=viewer)
    yesterday = schedule.rhythm.newest_whole(present())
    make_ticket(department="Finance", at=yesterday.starts_at)
    refresh_figures()
    return scheduling.send_now(schedule=schedule, by="vera", now=present())


def sent(report: ReportDelivery) -> tuple[str, int]:
    """The text of the mail, and how many tickets come with it."""
    assert delivering.send_reports(ids=[report.pk], now=present()) == 1
    [letter] = mail.outbox
    [(_, file, _)] = letter.attachments
    return str(letter.body), len(read_csv(file.encode() if isinstance(file, str) else file))


def test_a_report_is_read_from_the_replica_and_its_receivers_from_the_primary(
    report: ReportDelivery, second: Any
) -> None:
    lacks(second, "tickets_ticket", "auth_user", "analytics_reportschedule")

    (text, tickets), here = asked(connection, lambda: sent(report))

    assert ("Created: 1" in text, tickets) == (True, 0)
    assert "analytics_flowcount" not in here


def test_a_report_whose_day_the_replica_has_not_got_to_its_end_is_read_from_the_primary(
    report: ReportDelivery, second: Any
) -> None:
    lacks(second, "analytics_rollupstate", "analytics_flowcount", "tickets_ticket")
    with second.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_rollupstate SELECT * FROM public.analytics_rollupstate"
        )
        cursor.execute("UPDATE pg_temp.analytics_rollupstate SET as_of = as_of - interval '1 day'")

    text, tickets = sent(report)

    assert ("Created: 1" in text, tickets) == (True, 1)


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
