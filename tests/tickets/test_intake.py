from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickets.intake import TicketIn, TicketPatch, parse

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


def read(**data: Any) -> Any:
    return parse(TicketIn, data, now=NOW)


def test_a_title_is_enough() -> None:
    assert read(title="  Printer\n on   fire ").title == "Printer on fire"


def test_without_a_title_the_first_line_of_the_description_stands_in() -> None:
    ticket = read(description="\n\nLaptop broken\nIt fell.")

    assert ticket.title == "Laptop broken"
    assert "title" not in ticket.given()


def test_without_any_text_the_senders_id_stands_in() -> None:
    assert read(id="INC-7").title == "Ticket INC-7"


def test_nothing_at_all_is_refused() -> None:
    assert read() == {"non_field_errors": ["Give a title or a description."]}


@pytest.mark.parametrize(
    ("field", "value", "part"),
    [
        ("title", 7, "valid string"),
        ("title", "x" * 256, "at most 255"),
        ("title", "a\x00b", "NUL"),
        ("title", "\ud800", "surrogate"),
        ("description", "x" * (64 * 1024 + 1), "64 KB"),
        ("description", "é" * (33 * 1024), "64 KB"),
        ("priority", "someday", "Use 1-4, P1-P4"),
        ("impact", 4, "Use 1-3"),
        ("status", "flying", "in_progress"),
        ("customer_tier", "platinum", "gold, silver"),
        ("requester_email", "nobody", "mail address"),
        ("created_at", "1969-12-31T23:59:59Z", "1970-01-01"),
        ("created_at", "2999-01-01T00:00:00Z", "must lie between"),
        ("created_at", "yesterday", "valid datetime"),
        ("tags", "red", "valid list"),
        ("owner_id", "me", "valid UUID"),
        ("colour", "red", "no such field"),
    ],
)
def test_a_wrong_value_names_its_field_and_what_would_be_right(
    field: str, value: object, part: str
) -> None:
    errors = parse(TicketIn, {"title": "x", field: value}, now=NOW)

    assert isinstance(errors, dict)
    [messages] = errors.values()
    assert part in messages[0]


def test_all_errors_come_at_once() -> None:
    errors = read(title="x", priority="never", customer_tier="tin")

    assert set(errors) == {"priority", "customer_tier"}


def test_times_without_a_zone_are_utc() -> None:
    assert read(title="x", created_at="2026-01-02T03:04:05").opened_at == datetime(
        2026, 1, 2, 3, 4, 5, tzinfo=UTC
    )


def test_a_change_of_status_is_sent_to_its_own_address() -> None:
    errors = parse(TicketPatch, {"status": "closed"}, now=NOW)

    assert errors == {"status": ["Move it by PUT …/status/."]}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3)
    ),
)
names = st.sampled_from([*TicketIn.model_fields, "id", "user_name", "created_at", "nonsense"])


@given(st.dictionaries(names, json_values, max_size=6))
def test_whatever_is_sent_becomes_a_ticket_or_errors_by_field(data: dict[str, Any]) -> None:
    result = parse(TicketIn, data, now=NOW)

    assert isinstance(result, TicketIn) or all(isinstance(m, list) and m for m in result.values())
