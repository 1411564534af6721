"""One ticket goes on for two."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import close_old_connections, connection
from rest_framework.test import APIClient

from sla.models import SlaClock
from tests.conftest import client_for
from tests.factories import NOON, item, make_ticket, make_user
from tickets import services
from tickets.lifecycle import Status
from tickets.models import Comment, Department, Ticket, TicketEvent, TriageStatus
from tickets.services import IllegalMove, MergeRefused, TicketMerged, UnknownNames
from triage.models import TriageDecision, TriageJob
from triage.services.jobs import bury_failed

pytestmark = pytest.mark.django_db


def merge(source: Ticket, into: Ticket, **more: Any) -> tuple[Ticket, Ticket]:
    return services.merge_tickets(source=source.pk, into=into.pk, actor="ana", now=NOON, **more)


def say(ticket: Ticket, body: str) -> Comment:
    return services.comment_on(ticket=ticket, body=body, public=True, actor="ana", now=NOON)


def again(ticket: Ticket) -> Ticket:
    return Ticket.objects.get(pk=ticket.pk)


def pair(**fields: Any) -> tuple[Ticket, Ticket]:
    return make_ticket(title="The newer one", **fields), make_ticket(title="The one that goes on")


def test_the_source_points_to_the_target_and_is_cancelled() -> None:
    source, target = pair()
    merge(source, target)

    assert (again(source).merged_into, again(source).status) == (target, Status.CANCELLED)
    assert (again(target).merged_into, again(target).status) == (None, Status.OPEN)


def test_a_source_that_had_ended_keeps_its_end() -> None:
    source, target = pair()
    services.move_tickets(ids=[source.pk], status=Status.RESOLVED, actor="ana", now=NOON)
    merge(source, target)

    assert again(source).status == Status.RESOLVED


def test_comments_move_and_are_found_by_the_search_at_their_new_place() -> None:
    source, target = pair()
    say(target, "First.")
    say(source, "Look at zanzibar.")
    merge(source, target)

    assert [c.body for c in Comment.objects.filter(ticket=target).order_by("pk")] == [
        "First.",
        "Look at zanzibar.",
    ]
    assert list(Ticket.objects.ranked("zanzibar")) == [target]


def test_tags_are_added_to_those_of_the_target() -> None:
    source = make_ticket(tags=["vpn", "berlin"])
    target = make_ticket(tags=["vpn", "p1"])
    merge(source, target)

    assert again(target).tags == ["vpn", "p1", "berlin"]


def test_both_histories_tell_of_it_and_the_target_says_who_else_asked() -> None:
    source, target = pair(requester_name="Kofi Mensah", requester_email="kofi@example.com")
    say(source, "Hello.")
    merge(source, target, reason="Same outage.")

    there = TicketEvent.objects.get(ticket=target, kind="merged")
    assert there.changes == {
        "merged_from": [None, source.pk],
        "comments": [None, 1],
        "also_asked_by": [None, "Kofi Mensah kofi@example.com"],
    }
    assert there.reason == "Same outage."
    here = TicketEvent.objects.get(ticket=source, kind="merged")
    assert here.changes == {"merged_into": [None, target.pk]}


def test_the_clocks_of_the_source_end_and_those_of_the_target_go_on() -> None:
    source, target = pair(priority="high")
    merge(source, target)

    assert set(SlaClock.objects.filter(ticket=source).values_list("state", flat=True)) == {
        "cancelled"
    }
    assert "running" in SlaClock.objects.filter(ticket=target).values_list("state", flat=True)
    assert again(source).due_at is None


def test_what_was_merged_into_the_source_points_to_the_one_that_goes_on() -> None:
    first, second = pair()
    third = make_ticket()
    merge(first, second)
    merge(second, third)

    assert again(first).merged_into == third
    assert again(second).merged_into == third


def test_the_same_merge_again_changes_nothing() -> None:
    source, target = pair()
    merge(source, target)
    before = (again(source).version, again(target).version, TicketEvent.objects.count())

    assert merge(source, target) == (source, target)
    assert (again(source).version, again(target).version, TicketEvent.objects.count()) == before


def test_a_ticket_cannot_be_merged_into_itself() -> None:
    ticket = make_ticket()

    with pytest.raises(MergeRefused, match="into itself"):
        merge(ticket, ticket)


def test_into_a_merged_one_is_refused_with_the_one_that_goes_on() -> None:
    first, second = pair()
    third = make_ticket()
    merge(second, third)

    with pytest.raises(TicketMerged, match=f"merged into ticket {third.pk}: go on there"):
        merge(first, second)


def test_a_merged_one_cannot_be_merged_elsewhere() -> None:
    first, second = pair()
    merge(first, second)

    with pytest.raises(TicketMerged, match=f"merged into ticket {second.pk}"):
        merge(first, make_ticket())


def test_there_is_no_circle() -> None:
    first, second = pair()
    merge(first, second)

    with pytest.raises(TicketMerged):
        merge(second, first)


def test_a_target_that_is_gone_is_named() -> None:
    source, target = pair()
    gone = target.pk
    services.delete_tickets(ids=[gone], actor="ana", now=NOON)

    with pytest.raises(UnknownNames) as caught:
        services.merge_tickets(source=source.pk, into=gone, actor="ana", now=NOON)
    assert str(gone) in caught.value.errors["into"][0]


def test_what_only_members_may_read_is_not_merged_to_where_all_may() -> None:
    source = make_ticket(department="HR")
    target = make_ticket(department="Finance")

    with pytest.raises(MergeRefused, match="Send one to the other's department first"):
        merge(source, target)
    merge(target, source)  # the other way round nobody sees more


def test_a_merged_ticket_neither_moves_nor_takes_comments_nor_changes() -> None:
    source, target = pair()
    merge(source, target)

    with pytest.raises(TicketMerged):
        services.change_tickets(ids=[source.pk], values={"title": "N"}, actor="ana", now=NOON)
    with pytest.raises(TicketMerged):
        services.move_tickets(ids=[source.pk], status=Status.OPEN, actor="ana", now=NOON)
    with pytest.raises(TicketMerged):
        say(source, "Anybody there?")


def test_other_moves_that_are_not_allowed_are_still_called_so() -> None:
    with pytest.raises(IllegalMove):
        services.move_tickets(ids=[make_ticket().pk], status=Status.CLOSED, actor="a", now=NOON)


def test_news_of_its_sender_are_kept_on_a_merged_ticket_and_do_not_reopen_it() -> None:
    source = make_ticket(source="crm", external_id="7")
    merge(source, make_ticket())

    [outcome] = services.open_tickets(
        items=[item(source="crm", external_id="7", title="News", status="open")],
        actor="crm",
        now=NOON,
    )
    assert outcome.result == "updated"
    assert (again(source).title, again(source).status) == ("News", Status.CANCELLED)


def test_triage_decides_nothing_more_about_a_merged_ticket(triage_all: Callable[[], int]) -> None:
    source, target = pair()
    merge(source, target)
    triage_all()

    assert not TriageDecision.objects.filter(ticket=source).exists()
    assert TriageDecision.objects.filter(ticket=target).exists()
    assert not TriageJob.objects.exclude(state="done").exists()
    assert again(source).triage_status == "completed"


def test_triage_that_fails_does_not_fail_on_a_merged_ticket() -> None:
    one, two = pair()
    merge(one, two)

    bury_failed([TriageJob.objects.get(ticket=one).pk])

    assert again(one).triage_status == TriageStatus.COMPLETED


def test_new_words_of_a_merged_ticket_ask_for_no_triage() -> None:
    source = make_ticket(source="crm", external_id="7")
    merge(source, make_ticket())
    before = TriageJob.objects.count()
    news = item(source="crm", external_id="7", title="News")
    services.open_tickets(items=[news], actor="crm", now=NOON)

    assert TriageJob.objects.count() == before


def test_a_deleted_target_leaves_its_sources_behind() -> None:
    source, target = pair()
    merge(source, target)
    services.delete_tickets(ids=[target.pk], actor="ana", now=NOON)

    assert again(source).merged_into is None


def test_the_api_answers_with_the_ticket_that_goes_on(api: APIClient) -> None:
    source, target = pair()
    path = f"/api/v1/tickets/{source.pk}/merge/"
    first = api.post(path, {"into": target.pk, "reason": "Same."}, format="json")
    second = api.post(path, {"into": target.pk}, format="json")

    assert (first.status_code, first.json()["id"]) == (200, target.pk)
    assert second.json() == first.json()
    assert api.get(f"/api/v1/tickets/{source.pk}/").json()["merged_into"] == target.pk


def test_the_api_names_the_ticket_that_goes_on_when_it_refuses(api: APIClient) -> None:
    source, target = pair()
    merge(source, target)
    path = f"/api/v1/tickets/{source.pk}/"
    moved = api.put(f"{path}status/", {"status": "open"}, format="json")
    changed = api.patch(path, {"title": "New"}, format="json")
    sent = api.put(f"/api/v1/route/{source.pk}/", {"department": "HR"}, format="json")
    said = api.post(f"/api/v1/tickets/{source.pk}/comments/", {"body": "Hm."}, format="json")
    into = api.post(
        f"/api/v1/tickets/{make_ticket().pk}/merge/", {"into": source.pk}, format="json"
    )

    for answer in (moved, changed, sent, said, into):
        assert (answer.status_code, answer.json()["merged_into"]) == (409, target.pk)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "required"),
        ({"into": "x"}, "integer"),
        ({"into": 0}, "greater than or equal to 1"),
        ({"into": 999_999_999}, "There is no ticket 999999999."),
    ],
)
def test_the_api_says_what_is_wrong_with_the_target(
    api: APIClient, body: dict[str, Any], message: str
) -> None:
    answer = api.post(f"/api/v1/tickets/{make_ticket().pk}/merge/", body, format="json")

    assert answer.status_code == 400
    assert message in answer.json()["errors"]["into"][0]


def test_a_target_that_the_asker_may_not_see_does_not_exist_for_them(api: APIClient) -> None:
    secret = make_ticket(department="HR")

    answer = api.post(
        f"/api/v1/tickets/{make_ticket().pk}/merge/", {"into": secret.pk}, format="json"
    )
    assert answer.status_code == 400


def test_the_history_of_the_target_shows_that_of_the_source(api: APIClient) -> None:
    source, target = pair()
    merge(source, target)

    lines = api.get(f"/api/v1/tickets/{target.pk}/events/").json()["results"]
    assert {(line["ticket"], line["kind"]) for line in lines} == {
        *((source.pk, "opened"), (source.pk, "merged"), (source.pk, "moved")),
        *((target.pk, "opened"), (target.pk, "merged")),
    }


def test_the_history_of_a_hidden_source_stays_hidden() -> None:
    source, target = pair()
    merge(source, target)
    Ticket.objects.filter(pk=source.pk).update(department=Department.objects.get(name="HR"))

    bob = client_for(make_user("bob", "Agent"))
    lines = bob.get(f"/api/v1/tickets/{target.pk}/events/").json()["results"]
    assert {line["ticket"] for line in lines} == {target.pk}


@pytest.mark.django_db(transaction=True)
def test_of_two_merges_that_cross_one_wins() -> None:
    one, two = pair()
    barrier, outcomes = threading.Barrier(2), []

    def work(source: Ticket, into: Ticket) -> None:
        close_old_connections()
        barrier.wait(timeout=10)
        try:
            merge(source, into)
            outcomes.append("merged")
        except TicketMerged:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=args) for args in ((one, two), (two, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert sorted(outcomes) == ["merged", "refused"]
    assert {again(one).merged_into, again(two).merged_into} in ({None, one}, {None, two})
