"""`GET reports/export/`: tickets streamed as CSV and JSON lines."""

import csv
import gc
import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from analytics.columns import COLUMNS, as_it_was, choose_columns
from analytics.services.copying import BLOCK, Block, csv_blocks, json_blocks
from analytics.services.streaming import RUNNING, Stream, TooManyStreams
from tests.analytics.files import read_csv, read_lines
from tests.conftest import client_for
from tests.factories import NOON, make_ticket, make_user
from tickets.models import Department, Ticket

pytestmark = pytest.mark.django_db
EXPORT, TICKETS = "/api/v1/reports/export/", "/api/v1/tickets/"
#: What PostgreSQL keeps: everything but NUL and halves of pairs.
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
FORMULAS = st.text(st.sampled_from("=+-@\t\r\n＝'\",;a1\\ \u2028"), max_size=8)


def body(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def test_a_csv_has_the_columns_of_other_systems_first_then_ours(api: APIClient) -> None:
    ticket = make_ticket(
        description="Nobody can print.", impact=1, urgency=2, priority=1, group="Network"
    )

    answer = api.get(EXPORT)
    data = body(answer)

    assert data.startswith(b"id,description,impact,urgency,priority,group,created_at,title,")
    [row] = read_csv(data)
    ticket.refresh_from_db()
    assert row["id"] == str(ticket.pk)
    assert (row["description"], row["impact"], row["urgency"]) == ("Nobody can print.", "1", "2")
    assert (row["priority"], row["group"], row["assignee"]) == ("P1", "Network", "")
    assert row["created_at"] == ticket.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert row["sla_breached"] == "false"
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="tickets_')


def test_json_lines_are_the_values_themselves(api: APIClient) -> None:
    ticket = make_ticket(title="=1+1", tags=["vpn", "berlin"], description='two\nlines "x"')

    answer = api.get(f"{EXPORT}?format=ndjson")
    [row] = read_lines(body(answer))

    assert list(row) == list(COLUMNS)
    assert (row["id"], row["title"], row["tags"]) == (ticket.pk, "=1+1", ["vpn", "berlin"])
    assert (row["description"], row["sla_breached"]) == ('two\nlines "x"', False)
    assert row["opened_at"] == NOON.isoformat()
    assert answer["Content-Type"] == "application/x-ndjson"


def test_the_filters_are_those_of_the_list(api: APIClient) -> None:
    make_ticket(title="Printer jam")
    vpn = make_ticket(title="VPN is down", priority=1)

    for query in ("q=vpn", "priority=P1", "priority=1&status=open,on_hold"):
        listed = [row["id"] for row in api.get(f"{TICKETS}?{query}").data["results"]]
        rows = read_csv(body(api.get(f"{EXPORT}?{query}&columns=id")))
        assert [int(row["id"]) for row in rows] == listed == [vpn.pk]


def test_tickets_of_restricted_departments_are_exported_to_members_only() -> None:
    hr = Department.objects.get(name="HR")
    Department.objects.filter(pk=hr.pk).update(restricted=True)
    ticket = make_ticket(department="HR")
    member, stranger = make_user("mia", "Viewer"), make_user("sam", "Viewer")
    hr.members.add(member)

    assert [r["id"] for r in read_csv(body(client_for(member).get(EXPORT)))] == [str(ticket.pk)]
    assert read_csv(body(client_for(stranger).get(EXPORT))) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("format=pdf", "format"),
        ("columns=id,titel", "columns"),
        ("stauts=open", "stauts"),
        ("status=opne", "status"),
        ("status=", "status"),
        ("bom=perhaps", "bom"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_sent(
    api: APIClient, query: str, field: str
) -> None:
    answer = api.get(f"{EXPORT}?{query}")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert list(answer.json()["errors"]) == [field]


def test_nothing_found_is_a_header_alone(api: APIClient) -> None:
    make_ticket()

    for query in ("assignee=nobody-of-that-name", "q=!!!", "opened_after=2030-01-01T00:00:00Z"):
        assert body(api.get(f"{EXPORT}?columns=id,title&{query}")) == b"id,title\n"


def test_a_mark_of_the_byte_order_comes_only_when_asked_for(api: APIClient) -> None:
    assert body(api.get(f"{EXPORT}?columns=id")) == b"id\n"
    assert body(api.get(f"{EXPORT}?columns=id&bom=1")) == b"\xef\xbb\xbfid\n"


def test_head_says_what_would_come_and_asks_for_nothing(api: APIClient) -> None:
    make_ticket()

    good, bad = api.head(f"{EXPORT}?format=ndjson"), api.head(f"{EXPORT}?status=opne")

    assert (good.status_code, b"".join(good.streaming_content)) == (200, b"")
    assert "Content-Length" not in good
    assert good["Content-Type"] == "application/x-ndjson"
    assert bad.status_code == 400


@given(st.lists(TEXTS | FORMULAS, min_size=1, max_size=5))
@settings(max_examples=60)
def test_every_text_comes_back_and_none_is_a_formula(texts: list[str]) -> None:
    Ticket.objects.all().delete()
    Ticket.objects.bulk_create(
        Ticket(title="x", description=text, tags=[text] if text else [], opened_at=NOON)
        for text in texts
    )
    columns = choose_columns(["description", "tags"])

    data = b"".join(block.data for block in csv_blocks(Ticket.objects.all(), columns))
    lines = b"".join(block.data for block in json_blocks(Ticket.objects.all(), columns))

    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))[1:]
    # A row whose cells are all empty is a comma.
    assert [as_it_was(row[0]) for row in rows] == texts
    assert [as_it_was(row[1]) for row in rows] == texts
    assert not [
        cell for row in rows for cell in row if cell[:1] in set("=+-@\t\r\n＝＋－＠") - {""}
    ]
    assert [row["description"] for row in read_lines(lines)] == texts


def test_a_long_answer_comes_in_blocks_of_whole_rows(api: APIClient) -> None:
    Ticket.objects.bulk_create(
        Ticket(title=f"Ticket {n}", description="x" * 1000, opened_at=NOON) for n in range(300)
    )

    blocks = list(api.get(f"{EXPORT}?format=ndjson").streaming_content)

    assert len(blocks) > 3
    assert all(block.endswith(b"}\n") for block in blocks)
    assert all(len(block) < 2 * BLOCK for block in blocks)
    assert len(read_lines(b"".join(blocks))) == 300


def nothing() -> Any:
    """A stream without blocks."""
    yield from ()


def test_one_person_gets_two_streams_at_a_time(agent: User, api: APIClient) -> None:
    streams = [Stream(nothing(), who=agent.pk) for _ in range(2)]

    third = api.get(EXPORT)

    assert third.status_code == 429
    assert "2 of your exports" in third.json()["detail"]
    assert third["Retry-After"] == "6"
    for stream in streams:
        stream.close()
    body(api.get(EXPORT))


def test_half_of_the_threads_are_left_for_everybody_else(settings: Any) -> None:
    settings.WEB_THREADS = 6
    streams = [Stream(nothing(), who=who) for who in (1, 2, 3)]

    with pytest.raises(TooManyStreams, match="just now"):
        Stream(nothing(), who=4)

    for stream in streams:
        stream.close()
    Stream(nothing(), who=4).close()


def test_a_query_that_fails_is_no_stream_and_takes_no_place(api: APIClient) -> None:
    def broken() -> Any:
        raise OSError("no")
        yield

    with pytest.raises(OSError, match="no"):
        Stream(broken(), who=1)
    assert not RUNNING._count


def test_a_stream_that_ended_or_was_forgotten_gives_its_place_back() -> None:
    before = dict(RUNNING._count)

    ended = Stream((block for block in [Block(b"a", 1)]), who=-1)
    assert list(ended) == [b"a"]
    Stream((block for block in [Block(b"b", 1)]), who=-1)

    gc.collect()
    assert dict(RUNNING._count) == before


@pytest.mark.django_db(transaction=True)
def test_whoever_goes_away_ends_the_query() -> None:
    Ticket.objects.bulk_create(
        (Ticket(title=f"Ticket {n}", description="x" * 5000, opened_at=NOON) for n in range(4000)),
        batch_size=1000,
    )
    answer = client_for(make_user("ana", "Agent")).get(EXPORT)
    next(iter(answer.streaming_content))
    [pid] = running_copies()

    answer.close()

    assert running_copies() == []
    assert pid is not None
    with connection.cursor() as cursor:  # and the connection is good for the next request
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def running_copies() -> list[int]:
    """Asked through a connection of its own: that of the stream is busy."""
    from django.db import connections

    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY (%%'"
                " AND datname = current_database() AND backend_type = 'client backend'"
            )
            return [pid for (pid,) in cursor.fetchall()]
    finally:
        other.close()


def test_a_summary_counts_by_priority_and_group(api: APIClient) -> None:
    make_ticket(priority=1, group="Network")
    make_ticket(priority=1, group="Network")
    make_ticket(title="Cancelled", priority=4, group="Messaging")

    shown = api.get("/api/v1/reports/summary/").json()
    lines = api.get("/api/v1/reports/summary/?format=csv").content.decode().split("\n")

    assert shown["total_tickets"] == 3
    assert shown["by_priority"] == {"P1": 2, "P2": 0, "P3": 0, "P4": 1}
    assert shown["by_group"] == {"Messaging": 1, "Network": 2}
    assert lines[0].startswith("generated_at,2")
    assert lines[1:] == [
        *("total_tickets,3", "", "priority,count", "P1,2", "P2,0", "P3,0", "P4,1"),
        *("", "group,count", "Messaging,1", "Network,2", ""),
    ]


def test_a_summary_takes_the_filters_and_hides_what_is_hidden(agent: User) -> None:
    Department.objects.filter(name="HR").update(restricted=True)
    make_ticket(department="HR", priority=1)
    make_ticket(priority=1)
    make_ticket(priority=4)

    shown = client_for(agent).get("/api/v1/reports/summary/?priority=P1").json()

    assert (shown["total_tickets"], shown["by_priority"]["P1"]) == (1, 1)
