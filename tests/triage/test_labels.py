"""What counts as a label: people's and senders' words, not the machine's."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import NOON, make_ticket
from tests.triage.learning import in_turn, label_many, say
from tickets.services import change_tickets, release_locks
from triage.models import Field
from triage.services.labels import count_labels, labels, values_of
from triage.terms import MAX_CHARACTERS

pytestmark = pytest.mark.django_db


def values(field: str = "category") -> list[str]:
    return [label.value for label in labels(field)]


def test_what_the_sender_said_is_a_label_of_the_time_the_ticket_was_opened() -> None:
    ticket = make_ticket(title="The VPN", category="network")
    make_ticket(title="Nobody said anything")

    [label] = labels(Field.CATEGORY)

    assert (label.ticket, label.title, label.value) == (ticket.pk, "The VPN", "network")
    assert label.at == NOON


def test_of_a_long_text_a_label_holds_what_the_engines_read() -> None:
    make_ticket(description="word " * 10_000, category="network")

    [label] = labels("category")

    assert len(label.description) == MAX_CHARACTERS


def test_what_the_machine_decided_is_no_label(triage_all: object) -> None:
    make_ticket(title="VPN is down")
    triage_all()  # type: ignore[operator]

    assert values() == []


def test_the_newest_correction_of_a_ticket_wins_over_older_ones_and_over_the_sender() -> None:
    ticket = make_ticket(category="network")
    say(ticket, "billing", at=NOON + timedelta(hours=1))
    say(ticket, "hardware", at=NOON + timedelta(hours=2))

    [label] = labels("category")

    assert (label.value, label.at) == ("hardware", NOON + timedelta(hours=2))


def test_a_correction_that_was_undone_is_no_label() -> None:
    ticket = make_ticket()
    say(ticket, "billing", undone_at=NOON)

    assert values() == []


def test_a_field_that_is_handed_back_to_triage_is_a_label_no_more(triage_all: object) -> None:
    released, cleared, other = make_ticket(), make_ticket(), make_ticket()
    triage_all()  # type: ignore[operator]
    everyone = [released.pk, cleared.pk, other.pk]
    said = {"category": "billing", "impact": 1}
    change_tickets(ids=everyone, values=said, actor="ana", now=NOON)
    assert values() == ["billing"] * 3

    release_locks(ids=[released.pk], actor="ana", now=NOON)
    change_tickets(ids=[cleared.pk], values={"category": None}, actor="ana", now=NOON)

    assert [label.ticket for label in labels("category")] == [other.pk]
    assert [label.ticket for label in labels("impact")] == [cleared.pk, other.pk]


def test_what_a_person_says_after_handing_it_back_is_a_label_again(triage_all: object) -> None:
    ticket = make_ticket()
    triage_all()  # type: ignore[operator]
    change_tickets(ids=[ticket.pk], values={"category": "billing"}, actor="ana", now=NOON)
    release_locks(ids=[ticket.pk], actor="ana", now=NOON)

    change_tickets(ids=[ticket.pk], values={"category": "hr"}, actor="ana", now=NOON)

    assert values() == ["hr"]


def test_a_correction_that_agrees_is_a_label() -> None:
    say(make_ticket(), "billing", agreed=True)

    assert values() == ["billing"]


def test_levels_have_labels_of_their_own() -> None:
    ticket = make_ticket(impact=1)
    say(ticket, "2", field="urgency")

    assert (values("impact"), values("urgency"), values("category")) == (["1"], ["2"], [])


def test_a_value_that_the_desk_no_longer_has_is_left_out() -> None:
    say(make_ticket(), "a category of long ago")
    say(make_ticket(), "", field="impact")

    assert values() == values("impact") == []


def test_labels_come_oldest_first_with_the_present_text() -> None:
    newer, older = make_ticket(title="B"), make_ticket(title="A")
    say(newer, "billing", at=NOON + timedelta(days=2))
    say(older, "network", at=NOON + timedelta(days=1))
    change_tickets(ids=[older.pk], values={"title": "A, said again"}, actor="x", now=NOON)

    assert [label.title for label in labels("category")] == ["A, said again", "B"]


def test_only_the_newest_are_read_when_there_are_too_many() -> None:
    label_many(in_turn("network", "billing", times=3), field="category")

    assert [label.value for label in labels("category", most=3)] == [
        "billing",
        "network",
        "billing",
    ]


def test_labels_of_some_tickets_and_those_known_after_a_moment() -> None:
    first, second = label_many(["network", "billing"], field="category")

    assert values_of("category", [second.pk]) == {second.pk: "billing"}
    assert [label.ticket for label in labels("category", known_after=NOON)] == [second.pk]
    assert (count_labels("category"), count_labels("category", known_after=NOON)) == (2, 1)
    assert first.pk != second.pk


def test_the_number_of_statements_does_not_grow_with_the_labels() -> None:
    label_many(in_turn("network", times=50), field="category")

    with CaptureQueriesContext(connection) as captured:
        assert len(list(labels("category"))) == 50

    assert len(captured) <= 2
