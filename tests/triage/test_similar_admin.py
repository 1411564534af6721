"""Similar tickets and merging, as the admin shows them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.factories import NOON, make_ticket, make_user
from tickets.models import Department, Ticket
from tickets.services import merge_tickets
from triage import similar
from triage.models import DuplicatePolicy
from triage.services import index_tickets

pytestmark = pytest.mark.django_db
TITLE = "The mail server in Berlin rejects every message with error 4.7.1"


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    similar._known = None


@pytest.fixture
def page(agent: User) -> Client:
    return signed_in(agent)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def two() -> tuple[Ticket, Ticket]:
    """An older ticket and one that repeats it, both in the index."""
    now = timezone.now()
    made = make_ticket(at=now, title=TITLE), make_ticket(at=now, title=TITLE)
    for _ in range(2):
        index_tickets(now=now, settled=timedelta(0))
    return made


def text_of(client: Client, ticket: Ticket) -> str:
    return str(client.get(f"/admin/tickets/ticket/{ticket.pk}/change/").content.decode())


def press(client: Client, ticket: Ticket, into: Any) -> str:
    address = f"/admin/tickets/ticket/{ticket.pk}/merge/"
    return str(client.post(address, {"into": into}, follow=True).content.decode())


def test_the_page_names_the_probable_duplicate_and_offers_to_merge(
    page: Client, two: tuple[Ticket, Ticket]
) -> None:
    old, new = two
    text = text_of(page, new)

    assert f"Probably a duplicate of #{old.pk}" in text
    assert f"Merge into #{old.pk}" in text


def test_the_button_merges_and_both_pages_say_so(page: Client, two: tuple[Ticket, Ticket]) -> None:
    old, new = two

    assert f"Merged: ticket {old.pk} goes on." in press(page, new, old.pk)
    text = text_of(page, new)
    assert f">#{old.pk}</a>, which goes on." in text
    assert "→ Open" not in text
    assert "Add comment" not in text
    assert "Merged into this one: <a class=" in text_of(page, old)


@pytest.mark.parametrize("into", ["", "x", "#", "999999999", "9" * 30])
def test_a_number_that_is_none_is_told(page: Client, two: tuple[Ticket, Ticket], into: str) -> None:
    assert "Give the number of one that you see" in press(page, two[1], into)


def test_a_refusal_is_told(page: Client, two: tuple[Ticket, Ticket]) -> None:
    assert "cannot be merged into itself" in press(page, two[1], f"#{two[1].pk}")


def test_somebody_who_only_reads_cannot_merge(two: tuple[Ticket, Ticket]) -> None:
    reader = signed_in(make_user("vera", "Viewer"))

    assert "Merge into" not in text_of(reader, two[1])
    assert "Probably a duplicate" in text_of(reader, two[1])
    answer = reader.post(f"/admin/tickets/ticket/{two[1].pk}/merge/", {"into": two[0].pk})
    assert answer.status_code == 403


def test_the_list_merges_the_chosen_into_the_oldest(page: Client) -> None:
    tickets = [make_ticket() for _ in range(3)]
    answer = page.post(
        "/admin/tickets/ticket/",
        {"action": "merge", "_selected_action": [ticket.pk for ticket in tickets]},
        follow=True,
    )

    assert "2 tickets changed." in answer.content.decode()
    assert set(Ticket.objects.values_list("merged_into", flat=True)) == {None, tickets[0].pk}


def test_tickets_that_went_meanwhile_are_merged_nowhere(page: Client) -> None:
    answer = page.post(
        "/admin/tickets/ticket/", {"action": "merge", "_selected_action": [4711]}, follow=True
    )

    assert "Choose two tickets or more." in answer.content.decode()


def test_a_change_of_many_leaves_a_merged_one_out_and_says_where_to_go_on(page: Client) -> None:
    source, target = make_ticket(), make_ticket()
    merge_tickets(source=source.pk, into=target.pk, actor="ana", now=NOON)

    for action in ("assign_to_me", "send_to"):
        chosen = {"action": action, "_selected_action": [source.pk, target.pk]}
        department = Department.objects.get(name="Finance").pk
        answer = page.post(
            "/admin/tickets/ticket/", {**chosen, "department": department}, follow=True
        ).content.decode()

        assert "1 tickets changed." in answer
        assert f"Ticket {source.pk} was merged into ticket {target.pk}: go on there." in answer
    source.refresh_from_db()
    assert (source.assignee, source.department) == (None, None)


def test_one_ticket_alone_is_merged_nowhere(page: Client) -> None:
    answer = page.post(
        "/admin/tickets/ticket/",
        {"action": "merge", "_selected_action": [make_ticket().pk]},
        follow=True,
    )

    assert "Choose two tickets or more." in answer.content.decode()


def test_the_list_can_be_filtered_to_probable_duplicates(
    page: Client, two: tuple[Ticket, Ticket]
) -> None:
    def shown() -> list[int]:
        answer = page.get("/admin/tickets/ticket/", {"duplicate": "yes"})
        return [ticket.pk for ticket in answer.context["cl"].result_list]

    assert shown() == [two[1].pk]
    merge_tickets(source=two[1].pk, into=two[0].pk, actor="ana", now=timezone.now())
    assert shown() == []


def test_the_admin_sets_from_when_on_tickets_are_merged(admin_person: User) -> None:
    client = signed_in(admin_person)
    address = f"/admin/triage/duplicatepolicy/{DuplicatePolicy.objects.get().pk}/change/"
    refused = client.post(address, {"suggest_from": "0.6", "merge_from": "0.5"})
    assert "Merging needs at least the likeness" in refused.content.decode()

    client.post(address, {"suggest_from": "0.6", "merge_from": "0.9"})
    assert DuplicatePolicy.objects.get().merge_from == 0.9


def test_an_agent_does_not_set_it(page: Client) -> None:
    assert page.get("/admin/triage/duplicatepolicy/").status_code == 403
