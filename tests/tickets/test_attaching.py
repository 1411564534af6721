"""One ticket is worked on for many: what happens to a parent happens to those attached to it."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import close_old_connections, connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from tests.conftest import client_for
from tests.factories import NOON, item, make_ticket, make_user
from tickets import services
from tickets.lifecycle import Status
from tickets.models import Ticket, TicketEvent
from tickets.services import AttachRefused, TicketMerged, UnknownNames

pytestmark = pytest.mark.django_db


def attach(*children: Ticket, to: Ticket, reason: str = "") -> list[Ticket]:
    ids = [child.pk for child in children]
    return services.attach_tickets(ids=ids, to=to.pk, actor="ana", now=NOON, reason=reason)


def detach(*children: Ticket) -> list[Ticket]:
    return services.detach_tickets(ids=[c.pk for c in children], actor="ana", now=NOON)


def move(ticket: Ticket, *statuses: Status) -> None:
    for status in statuses:
        services.move_tickets(ids=[ticket.pk], status=status, actor="ana", now=NOON)


def say(ticket: Ticket, **more: Any) -> None:
    given = {"body": "Hello.", "public": True, **more}
    services.comment_on(ticket=ticket, actor="ana", now=NOON, **given)


def again(ticket: Ticket) -> Ticket:
    return Ticket.objects.get(pk=ticket.pk)


def lines(ticket: Ticket, kind: str) -> list[tuple[dict[str, Any], str]]:
    rows = TicketEvent.objects.filter(ticket=ticket, kind=kind).order_by("pk")
    return list(rows.values_list("changes", "reason"))


def family(size: int = 2, **fields: Any) -> tuple[Ticket, list[Ticket]]:
    parent = make_ticket(title="The outage")
    children = [make_ticket(**fields) for _ in range(size)]
    attach(*children, to=parent)
    return parent, children


def test_attached_tickets_point_to_their_parent_and_both_histories_tell_of_it() -> None:
    parent, one, two = make_ticket(), make_ticket(), make_ticket()
    attach(one, two, to=parent, reason="One outage.")

    assert {again(one).parent, again(two).parent} == {parent}
    assert lines(one, "attached") == [({"parent": [None, parent.pk]}, "One outage.")]
    told = {"children": [None, f"#{one.pk}, #{two.pk}"]}
    assert lines(parent, "attached") == [(told, "One outage.")]


def test_attaching_again_changes_nothing() -> None:
    parent, [child] = family(1)
    before = (again(child).version, again(parent).version, TicketEvent.objects.count())
    attach(child, to=parent)

    assert (again(child).version, again(parent).version, TicketEvent.objects.count()) == before


def test_a_detached_ticket_goes_on_alone_and_both_histories_tell_of_it() -> None:
    parent, [child, _] = family()
    detach(child)
    detach(child)

    assert again(child).parent is None
    assert lines(child, "detached") == [({"parent": [parent.pk, None]}, "")]
    assert lines(parent, "detached") == [({"children": [f"#{child.pk}", None]}, "")]


def test_there_is_one_level_only() -> None:
    parent, [child] = family(1)

    with pytest.raises(AttachRefused, match=f"attached to ticket {parent.pk} itself: attach to"):
        attach(make_ticket(), to=child)
    with pytest.raises(AttachRefused, match=f"Tickets are attached to ticket {parent.pk}"):
        attach(parent, to=make_ticket())


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.CANCELLED])
def test_a_ticket_that_has_ended_gets_no_children(status: Status) -> None:
    parent = make_ticket()
    move(parent, status)

    with pytest.raises(AttachRefused, match=f"is {status}.* Reopen it first"):
        attach(make_ticket(), to=parent)


def test_a_ticket_is_not_attached_to_itself_nor_to_two() -> None:
    parent, [child] = family(1)

    with pytest.raises(AttachRefused, match="to itself"):
        attach(parent, to=parent)
    with pytest.raises(AttachRefused, match=f"is attached to ticket {parent.pk}: detach it"):
        attach(child, to=make_ticket())


def test_what_only_members_may_read_is_not_attached_where_all_may() -> None:
    with pytest.raises(AttachRefused, match="Send one to the other's department first"):
        attach(make_ticket(department="HR"), to=make_ticket(department="Finance"))

    attach(make_ticket(department="Finance"), to=make_ticket(department="HR"))


def test_one_that_cannot_be_attached_keeps_all_from_it() -> None:
    good, parent = make_ticket(), make_ticket()
    with pytest.raises(AttachRefused):
        attach(good, make_ticket(department="HR"), to=parent)

    assert again(good).parent is None


def test_tickets_that_are_gone_or_merged_are_named() -> None:
    parent, merged, target = make_ticket(), make_ticket(), make_ticket()
    services.merge_tickets(source=merged.pk, into=target.pk, actor="ana", now=NOON)

    with pytest.raises(TicketMerged, match=f"merged into ticket {target.pk}"):
        attach(merged, to=parent)
    with pytest.raises(TicketMerged):
        attach(parent, to=merged)
    with pytest.raises(UnknownNames) as caught:
        services.attach_tickets(ids=[parent.pk], to=999_999, actor="ana", now=NOON)
    assert caught.value.errors == {"to": ["There is no ticket 999999."]}


def test_resolving_the_parent_resolves_what_is_open() -> None:
    parent, [open_, held, closed] = family(3)
    move(held, Status.ON_HOLD)
    move(closed, Status.RESOLVED, Status.CLOSED)
    move(parent, Status.RESOLVED)

    assert [again(t).status for t in (open_, held, closed)] == ["resolved", "resolved", "closed"]
    assert again(open_).resolved_at == NOON
    [(changes, reason)] = lines(open_, "moved")
    assert (changes, reason) == (
        {"status": ["open", "resolved"]},
        f"Resolved with ticket {parent.pk}.",
    )


def test_a_parent_and_its_child_that_are_resolved_together_move_once_each() -> None:
    parent, [child] = family(1)
    services.move_tickets(
        ids=[child.pk, parent.pk], status=Status.RESOLVED, actor="ana", now=NOON, reason="Done."
    )

    assert lines(child, "moved") == [({"status": ["open", "resolved"]}, "Done.")]


def test_a_parent_that_its_sender_closes_resolves_them_too() -> None:
    parent = make_ticket(source="crm", external_id="1")
    child = make_ticket()
    attach(child, to=parent)
    news = item(source="crm", external_id="1", status="closed")
    services.open_tickets(items=[news], actor="crm", now=NOON)

    assert (again(parent).status, again(child).status) == ("closed", "resolved")


def test_cancelling_the_parent_lets_them_go() -> None:
    parent, [child] = family(1)
    move(parent, Status.CANCELLED)

    assert (again(child).parent, again(child).status) == (None, "open")
    assert lines(child, "detached")[0][1] == f"Ticket {parent.pk} was cancelled."


def test_deleting_the_parent_lets_them_go() -> None:
    parent, [child] = family(1)
    number = parent.pk
    services.delete_tickets(ids=[number], actor="ana", now=NOON)

    assert again(child).parent is None
    assert lines(child, "detached")[0][1] == f"Ticket {number} was deleted."


def test_a_deleted_family_leaves_nothing_behind() -> None:
    parent, children = family(2)
    ids = [parent.pk, *(child.pk for child in children)]

    assert services.delete_tickets(ids=ids, actor="ana", now=NOON) == 3


def test_the_target_of_a_merge_inherits_the_children() -> None:
    parent, [child] = family(1)
    other, [cousin] = family(1)
    services.merge_tickets(source=parent.pk, into=other.pk, actor="ana", now=NOON)

    assert {again(child).parent, again(cousin).parent} == {other}
    assert lines(child, "attached")[-1] == (
        {"parent": [parent.pk, other.pk]},
        f"Ticket {parent.pk} was merged.",
    )
    assert again(child).status == "open"


def test_children_go_on_alone_when_the_target_of_a_merge_cannot_have_any() -> None:
    parent, [child, other] = family()
    services.merge_tickets(source=parent.pk, into=other.pk, actor="ana", now=NOON)

    assert (again(child).parent, again(other).parent) == (None, None)


def test_a_child_that_is_merged_is_attached_no_more() -> None:
    _, [child] = family(1)
    services.merge_tickets(source=child.pk, into=make_ticket().pk, actor="ana", now=NOON)

    assert again(child).parent is None


def test_a_child_that_comes_back_stays_while_its_parent_is_worked_on() -> None:
    parent, [child] = family(1)
    move(child, Status.RESOLVED, Status.OPEN)

    assert again(child).parent == parent


def test_a_child_that_comes_back_after_its_parent_ended_goes_on_alone() -> None:
    parent, [child] = family(1)
    move(parent, Status.RESOLVED)
    say(child, from_requester=True)

    assert (again(child).status, again(child).parent) == ("open", None)
    assert lines(child, "detached")[0][1] == f"Ticket {parent.pk} has ended."


def test_a_parent_that_comes_back_keeps_its_children_as_they_are() -> None:
    parent, [child] = family(1)
    move(parent, Status.RESOLVED, Status.OPEN)

    assert (again(child).status, again(child).parent) == ("resolved", parent)


def test_an_answer_on_the_parent_is_the_first_response_to_all() -> None:
    parent, [child, answered] = family()
    say(answered)
    say(parent, public=False)
    assert again(child).first_response_at is None
    say(parent)

    assert again(child).first_response_at == NOON
    assert lines(child, "followed") == [({"answered_on": [None, parent.pk]}, "")]


def test_taking_up_the_parent_takes_up_all() -> None:
    parent, [child] = family(1)
    move(parent, Status.IN_PROGRESS)

    assert (again(child).first_response_at, again(child).status) == (NOON, "open")
    assert lines(child, "followed") == [({"taken_up_on": [None, parent.pk]}, "")]


def test_what_is_said_by_the_requester_of_the_parent_is_no_answer() -> None:
    parent, [child] = family(1)
    say(parent, from_requester=True)

    assert again(child).first_response_at is None


def test_adopting_takes_what_it_can_and_refuses_nothing() -> None:
    parent, [child] = family(1)
    free, ended, hidden = make_ticket(), make_ticket(), make_ticket(department="HR")
    elsewhere, [theirs] = family(1)
    move(ended, Status.RESOLVED)
    ids = [t.pk for t in (free, ended, hidden, child, elsewhere, theirs)]

    def adopt() -> list[Ticket]:
        return services.adopt_tickets(ids=ids, by=parent.pk, actor="storms", now=NOON)

    assert adopt() == [free]
    move(parent, Status.RESOLVED)
    detach(free)
    assert adopt() == []


def test_a_parent_becomes_as_urgent_as_the_most_urgent_attached_to_it(
    triage_all: Callable[[], int],
) -> None:
    parent, [low, high] = make_ticket(priority=4), [make_ticket(priority=n) for n in (3, 2)]
    attach(low, high, to=parent)
    assert services.raise_parents(actor="sla", now=NOON) == 0  # triage comes first
    triage_all()

    assert services.raise_parents(actor="sla", now=NOON) == 1
    assert services.raise_parents(actor="sla", now=NOON) == 0
    assert (again(parent).priority, again(parent).priority_locked) == (2, True)


def test_a_parent_that_is_more_urgent_stays_so(triage_all: Callable[[], int]) -> None:
    parent, child = make_ticket(priority=1), make_ticket(priority=3)
    attach(child, to=parent)
    triage_all()

    assert services.raise_parents(actor="sla", now=NOON) == 0


def test_400_tickets_are_attached_and_resolved_in_a_few_statements() -> None:
    items = [item(title=f"Server {n} is down", priority=2) for n in range(400)]
    ids = [o.ticket.pk for o in services.open_tickets(items=items, actor="x", now=NOON) if o.ticket]
    parent = make_ticket()

    def counted(work: Callable[[], Any]) -> int:
        with CaptureQueriesContext(connection) as queries:
            work()
        return len(queries)

    assert (
        counted(lambda: services.attach_tickets(ids=ids, to=parent.pk, actor="storms", now=NOON))
        < 15
    )
    assert counted(lambda: move(parent, Status.RESOLVED)) < 30
    assert Ticket.objects.filter(status="resolved").count() == 401
    assert lines(parent, "attached")[0][0]["children"][1].endswith("and 380 more")


def test_the_api_attaches_lists_filters_and_detaches(api: APIClient) -> None:
    parent, child, other = make_ticket(), make_ticket(), make_ticket()
    path = f"/api/v1/tickets/{parent.pk}/children/"
    one = api.post(f"/api/v1/tickets/{child.pk}/attach/", {"to": parent.pk}, format="json")
    many = api.post(path, {"ids": [child.pk, other.pk], "reason": "Same."}, format="json")
    move(other, Status.RESOLVED)

    assert (one.status_code, one.json()["parent"]) == (200, parent.pk)
    assert (many.status_code, many.json()["id"]) == (200, parent.pk)
    rows = api.get(path).json()["results"]
    assert [(row["id"], row["on_resolve"], row["why"]) for row in rows] == [
        (child.pk, "resolves", ""),
        (other.pk, "stays", "It is resolved already."),
    ]
    found = api.get("/api/v1/tickets/", {"parent": parent.pk}).json()["results"]
    assert {row["id"] for row in found} == {child.pk, other.pk}
    left = api.post(f"/api/v1/tickets/{child.pk}/detach/", {}, format="json")
    assert (left.status_code, left.json()["parent"]) == (200, None)


@pytest.mark.parametrize("body", [{}, {"to": "x"}, {"to": 999_999_999}])
def test_the_api_says_what_is_wrong_with_the_parent(api: APIClient, body: dict[str, Any]) -> None:
    answer = api.post(f"/api/v1/tickets/{make_ticket().pk}/attach/", body, format="json")

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["to"])


def test_tickets_that_the_asker_may_not_see_do_not_exist_for_them(api: APIClient) -> None:
    secret, parent = make_ticket(department="HR"), make_ticket()
    path = f"/api/v1/tickets/{parent.pk}/children/"
    answer = api.post(path, {"ids": [secret.pk]}, format="json")

    assert answer.json()["errors"] == {"ids": [f"There is no ticket {secret.pk}."]}
    root = client_for(make_user("root", "Admin"))
    assert root.get(f"/api/v1/tickets/{secret.pk}/children/").status_code == 404


def test_a_child_that_became_restricted_is_not_listed(api: APIClient) -> None:
    parent, [child] = family(1)
    services.change_tickets(ids=[child.pk], values={"department": "HR"}, actor="x", now=NOON)

    assert api.get(f"/api/v1/tickets/{parent.pk}/children/").json()["results"] == []


def test_a_refusal_is_a_conflict_for_the_api(api: APIClient) -> None:
    parent, [child] = family(1)
    answer = api.post(f"/api/v1/tickets/{parent.pk}/attach/", {"to": child.pk}, format="json")

    assert answer.status_code == 409
    assert "is attached to ticket" in answer.json()["detail"]


@pytest.mark.django_db(transaction=True)
def test_a_child_that_comes_back_while_its_parent_is_resolved_is_not_forgotten() -> None:
    """Whichever is first: it is resolved with its parent or goes on alone, never open below one that has ended."""
    for _ in range(5):
        parent, [child] = family(1)
        move(child, Status.RESOLVED)
        barrier = threading.Barrier(2)

        def work(ticket: Ticket, status: Status, barrier: threading.Barrier = barrier) -> None:
            close_old_connections()
            barrier.wait(timeout=10)
            try:
                move(ticket, status)
            finally:
                connection.close()

        moves = ((parent, Status.RESOLVED), (child, Status.OPEN))
        threads = [threading.Thread(target=work, args=one) for one in moves]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)

        child = again(child)
        assert child.has_ended or child.parent is None


def page(client: Any, ticket: Ticket) -> str:
    return str(client.get(f"/admin/tickets/ticket/{ticket.pk}/change/").content.decode())


def press(client: Any, ticket: Ticket, button: str, **data: Any) -> str:
    path = f"/admin/tickets/ticket/{ticket.pk}/{button}/"
    return str(client.post(path, data, follow=True).content.decode())


def test_the_page_attaches_shows_and_detaches(client: Any, admin_person: Any) -> None:
    client.force_login(admin_person)
    parent, child = make_ticket(), make_ticket()

    assert "is worked on for both" in press(client, child, "attach", to=f"#{parent.pk}")
    assert "Attached to <a" in page(client, child)
    assert "1 attached ticket, 1 open" in page(client, parent)
    assert "goes on by itself" in press(client, child, "detach")
    assert again(child).parent is None
    assert "There is no ticket" in press(client, child, "attach", to="x")


def test_the_page_asks_before_it_resolves_what_is_attached(client: Any, admin_person: Any) -> None:
    client.force_login(admin_person)
    parent, [child, over] = family()
    move(over, Status.RESOLVED)
    asked = press(client, parent, "move", status="resolved")

    assert "1 of them will be resolved" in asked
    assert "stays: it is resolved already" in asked
    assert again(parent).status == "open"
    press(client, parent, "move", status="resolved", confirmed="1")
    assert (again(parent).status, again(child).status) == ("resolved", "resolved")


def test_other_moves_and_tickets_without_children_are_not_asked_about(
    client: Any, admin_person: Any
) -> None:
    client.force_login(admin_person)
    parent, [child] = family(1)
    press(client, parent, "move", status="on_hold")
    press(client, child, "move", status="resolved")

    assert (again(parent).status, again(child).status) == ("on_hold", "resolved")


def test_the_question_is_put_only_to_those_who_may_move(client: Any) -> None:
    parent, _ = family()
    path = f"/admin/tickets/ticket/{parent.pk}/move/"
    assert client.post(path, {"status": "resolved"}).status_code == 302  # to the login
    client.force_login(make_user("vera", "Viewer"))

    assert client.post(path, {"status": "resolved"}).status_code == 403


def test_the_actions_of_the_list_attach_ask_resolve_and_detach(
    client: Any, admin_person: Any
) -> None:
    client.force_login(admin_person)
    oldest, child = make_ticket(), make_ticket()

    def act(action: str, *tickets: Ticket, **more: str) -> str:
        given = {"action": action, "_selected_action": [t.pk for t in tickets], **more}
        answer = client.post("/admin/tickets/ticket/", given, follow=True)
        return str(answer.content.decode())

    act("attach", child, oldest)
    assert again(child).parent == oldest
    assert "Choose two tickets or more." in act("attach", oldest)
    act("detach", child)
    assert again(child).parent is None
    act("attach", child, oldest)
    assert "1 of them will be resolved" in act("resolve", oldest)
    assert again(child).status == "open"
    act("resolve", oldest, confirmed="1")
    assert again(child).status == "resolved"
