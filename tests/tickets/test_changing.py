from datetime import timedelta

import pytest

from tests.factories import NOON, make_ticket, make_user
from tickets import services
from tickets.lifecycle import Status
from tickets.models import Department, Ticket, TicketEvent
from tickets.services import IllegalMove, TicketChanged, UnknownNames

pytestmark = pytest.mark.django_db


def move(ticket: Ticket, status: Status, at: object = NOON) -> Ticket:
    [moved] = services.move_tickets(ids=[ticket.pk], status=status, actor="ana", now=at)
    return moved


def change(ticket: Ticket, **values: object) -> Ticket:
    [changed] = services.change_tickets(ids=[ticket.pk], values=values, actor="ana", now=NOON)
    return changed


def test_an_open_ticket_cannot_be_closed_before_it_is_resolved() -> None:
    with pytest.raises(
        IllegalMove, match="it can become: in_progress, on_hold, resolved, cancelled"
    ):
        move(make_ticket(), Status.CLOSED)


def test_work_on_a_ticket_is_its_first_response() -> None:
    assert move(make_ticket(), Status.IN_PROGRESS).first_response_at == NOON


def test_reopening_clears_the_times_of_the_end() -> None:
    ticket = make_ticket()
    move(ticket, Status.RESOLVED)
    move(ticket, Status.CLOSED)

    reopened = move(ticket, Status.OPEN)

    assert (reopened.resolved_at, reopened.closed_at) == (None, None)


def test_a_ticket_closed_long_ago_stays_closed(settings: object) -> None:
    ticket = make_ticket()
    move(ticket, Status.RESOLVED)
    move(ticket, Status.CLOSED)

    with pytest.raises(IllegalMove, match="closed more than 14 days ago"):
        move(ticket, Status.OPEN, NOON + timedelta(days=15))


def test_if_one_of_several_cannot_move_none_does() -> None:
    good, bad = make_ticket(), make_ticket()
    move(bad, Status.CANCELLED)

    with pytest.raises(IllegalMove):
        services.move_tickets(ids=[good.pk, bad.pk], status=Status.ON_HOLD, actor="ana", now=NOON)
    good.refresh_from_db()
    assert good.status == Status.OPEN


def test_somebody_elses_change_refuses_a_stale_one() -> None:
    ticket = make_ticket()
    change(ticket, title="Mine")

    with pytest.raises(TicketChanged, match="version 2, not 1"):
        services.change_tickets(
            ids=[ticket.pk], values={"title": "Yours"}, actor="bob", now=NOON, version=1
        )


def test_what_a_person_sets_is_locked_and_what_they_clear_is_handed_back() -> None:
    ticket = make_ticket()

    assert change(ticket, category="network").locked_fields == ["category"]
    assert change(ticket, category=None).locked_fields == []


def test_a_new_impact_makes_a_new_priority() -> None:
    ticket = make_ticket()
    change(ticket, impact=1, urgency=1)

    ticket.refresh_from_db()
    assert ticket.priority == 1


def test_a_locked_priority_stays_when_the_impact_changes() -> None:
    ticket = make_ticket(priority="low")
    change(ticket, impact=1, urgency=1)

    ticket.refresh_from_db()
    assert ticket.priority == 4


def test_a_group_that_does_not_fit_the_new_department_is_dropped() -> None:
    ticket = make_ticket(group="Network")

    assert change(ticket, department="Finance").group is None


def test_unknown_names_are_told_by_field() -> None:
    with pytest.raises(UnknownNames) as caught:
        change(make_ticket(), assignee="nobody")
    assert "nobody" in caught.value.errors["assignee"][0]


def test_the_history_tells_old_and_new() -> None:
    ticket = make_ticket()
    change(ticket, title="New", requester_name="Ana")

    event = TicketEvent.objects.filter(ticket=ticket).latest("pk")
    assert event.changes == {
        "title": ["The printer is on strike", "New"],
        "requester_name": ["", "Ana"],
    }
    assert (event.actor, event.at) == ("ana", NOON)


def test_a_public_comment_is_the_first_response_and_an_internal_one_is_not() -> None:
    ticket = make_ticket()
    services.comment_on(ticket=ticket, body="Hm.", public=False, actor="ana", now=NOON)
    ticket.refresh_from_db()
    assert ticket.first_response_at is None

    services.comment_on(ticket=ticket, body="Hello.", public=True, actor="ana", now=NOON)
    ticket.refresh_from_db()
    assert ticket.first_response_at == NOON


def test_search_finds_words_of_title_description_and_comments() -> None:
    ticket = make_ticket(title="Zeppelin", description="lands at the quokka")
    services.comment_on(
        ticket=ticket, body="Bring a xylophone.", public=True, actor="ana", now=NOON
    )

    for words in ("zeppelin", "quokka", "xylo", "zeppelins xylophone", '"at the quokka"', "ZEPP"):
        assert Ticket.objects.matching(words).get() == ticket, words


def test_a_word_in_the_title_ranks_above_one_in_the_description() -> None:
    make_ticket(title="Other", description="a zeppelin")
    titled = make_ticket(title="A zeppelin", description="other")
    make_ticket(title="Another", description="a zeppelin")

    assert Ticket.objects.ranked("zeppelin").order_by("-rank").first() == titled


@pytest.mark.parametrize(
    "text", ["'", '"', "a & b |", "!x", ":*", "()", "\\", "é'", "a:* <-> b", "   "]
)
def test_no_search_text_is_a_syntax_error(text: str) -> None:
    assert list(Ticket.objects.ranked(text)) == []


def test_a_restricted_department_is_hidden_from_all_but_its_members() -> None:
    ticket = make_ticket(department="HR")
    outsider, member = make_user("bob", "Agent"), make_user("chen", "Agent")
    Department.objects.get(name="HR").members.add(member)

    assert not Ticket.objects.visible_to(outsider).exists()
    assert Ticket.objects.visible_to(member).get() == ticket
