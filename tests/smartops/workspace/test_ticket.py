"""`/tickets/{id}/` as the server paints it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from smartops.workspace import past
from tests.conftest import NOON
from tests.factories import make_ticket, make_user
from tests.sla.policies import publish_policy
from tests.smartops.workspace.conftest import as_person
from tickets.lifecycle import Status
from tickets.models import Comment, Department, Ticket, TicketEvent
from tickets.services import attach_tickets, comment_on, merge_tickets, move_tickets
from triage.models import TriageDecision

pytestmark = pytest.mark.django_db


def open_page(client: Client, ticket: Ticket) -> Any:
    return client.get(f"/tickets/{ticket.pk}/")


def test_a_ticket_is_shown_with_everything_that_belongs_to_it(ana: Client, vpn: Ticket) -> None:
    comment_on(ticket=vpn, body="<b>We</b> are on it.", public=True, actor="ana", now=NOON)

    page = open_page(ana, vpn).content.decode()

    assert "Nobody can connect." in page
    assert "&lt;b&gt;We&lt;/b&gt; are on it." in page
    assert "Why it is here" in page
    assert 'data-version="3"' in page


def test_who_may_not_see_a_ticket_finds_nothing(ana: Client, vpn: Ticket) -> None:
    Ticket.objects.filter(pk=vpn.pk).update(department=Department.objects.get(name="HR"))

    assert open_page(ana, vpn).status_code == 404
    assert Client().get(f"/tickets/{vpn.pk}/").status_code == 302


def test_only_moves_that_the_ticket_allows_are_offered(ana: Client, vpn: Ticket) -> None:
    def offered() -> list[tuple[str, str]]:
        moves: list[tuple[str, str]] = open_page(ana, vpn).context["moves"]
        return moves

    assert ("in_progress", "Start work") in offered()
    assert "closed" not in dict(offered())
    move_tickets(ids=[vpn.pk], status=Status.RESOLVED, actor="ana", now=NOON)
    assert offered() == [("open", "Reopen"), ("closed", "Close")]


def test_a_ticket_that_was_closed_long_ago_is_not_offered_to_be_reopened(
    ana: Client, vpn: Ticket
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=settings.REOPEN_DAYS + 1)
    Ticket.objects.filter(pk=vpn.pk).update(
        status="closed", resolved_at=long_ago, closed_at=long_ago
    )

    assert open_page(ana, vpn).context["moves"] == []


def test_attached_tickets_that_are_open_are_counted_beyond_those_that_are_listed(
    ana: Client, vpn: Ticket
) -> None:
    for number in range(53):
        make_ticket(title=f"Alike {number}")
    alike = Ticket.objects.exclude(pk=vpn.pk).order_by("pk")
    alike.update(parent=vpn)
    ended = list(alike.values_list("pk", flat=True)[:52])
    Ticket.objects.filter(pk__in=ended).update(status="resolved", resolved_at=NOON)

    assert open_page(ana, vpn).context["open_children"] == 1


def test_a_viewer_and_whoever_reads_a_merged_ticket_get_no_controls(
    ana: Client, vpn: Ticket
) -> None:
    viewer = open_page(as_person(make_user("vera", "Viewer")), vpn).context
    assert not (viewer["may_change"])
    assert not (viewer["may_comment"])
    assert not (viewer["moves"])

    target = make_ticket()
    Ticket.objects.filter(pk=vpn.pk).update(merged_into=target)
    merged = open_page(ana, vpn).context
    assert not (merged["may_change"])
    assert not (merged["may_comment"])
    assert merged["merged_into"].pk == target.pk


def test_related_tickets_that_the_asker_may_not_see_are_not_named(ana: Client, vpn: Ticket) -> None:
    child, parent = make_ticket(title="A child"), make_ticket(title="A parent")
    attach_tickets(ids=[child.pk], to=vpn.pk, actor="x", now=NOON)
    shown = open_page(ana, vpn).context
    assert ([one.pk for one in shown["children"]], shown["open_children"]) == ([child.pk], 1)

    hr = Department.objects.get(name="HR")
    Ticket.objects.filter(pk__in=[child.pk, parent.pk]).update(department=hr)
    Ticket.objects.filter(pk=vpn.pk).update(parent=parent)
    page = open_page(ana, vpn).content.decode()
    assert "A child" not in page
    assert "A parent" not in page


@pytest.mark.django_db(transaction=True)
def test_the_history_of_what_was_merged_is_told_with_it(agent: User) -> None:
    one, other = make_ticket(), make_ticket()
    merge_tickets(source=one.pk, into=other.pk, actor="bob", now=NOON, reason="The same.")

    events = open_page(as_person(agent), other).context["events"]

    assert {event.ticket for event in events} == {one.pk, other.pk}
    assert any(event.verb == "merged" and event.reason == "The same." for event in events)


def test_the_bar_of_a_clock_is_as_long_as_its_life(ana: Client) -> None:
    publish_policy(tiers={"standard": {p: {"resolution": "2h"} for p in ("P1", "P2", "P3", "P4")}})
    now = datetime.now(UTC)
    ticket = make_ticket(priority=2, at=now, opened_at=now - timedelta(hours=1))

    [clock] = open_page(ana, ticket).context["clocks"]

    assert [part.kind for part in clock.bar] == ["counted", "left"]
    assert clock.bar[0].width == pytest.approx(50, abs=1)
    assert sum(part.width for part in clock.bar) == pytest.approx(100, abs=1)
    assert clock.tone == "good"


def test_an_event_is_told_with_what_it_changed(ana: Client, vpn: Ticket) -> None:
    move_tickets(ids=[vpn.pk], status=Status.ON_HOLD, actor="bob", now=NOON, reason="Parts")
    comment_on(ticket=vpn, body="Psst", public=False, actor="bob", now=NOON)

    note, moved, *_ = open_page(ana, vpn).context["events"]

    assert (note.actor, note.verb, note.differences) == ("bob", "wrote an internal note", [])
    assert (moved.differences[0], moved.reason) == (("status", "open", "on_hold"), "Parts")


def test_every_kind_of_event_has_its_verb() -> None:
    from smartops.workspace.history import _VERBS
    from tickets.models import EventKind

    assert set(_VERBS) == set(EventKind)


def comment(ticket: Ticket, count: int) -> list[int]:
    made = Comment.objects.bulk_create(
        Comment(ticket=ticket, body=f"No {n}", author="ana", created_at=NOON) for n in range(count)
    )
    return [one.pk for one in made]


def test_the_newest_comments_are_shown_and_older_ones_when_they_are_asked_for(
    ana: Client, vpn: Ticket
) -> None:
    pks = comment(vpn, 120)

    def shown(query: str) -> tuple[list[int], str]:
        page = ana.get(f"/tickets/{vpn.pk}/{query}").context
        return [one["comment"].pk for one in page["comments"]], page["older_comments"]

    newest, older = shown("")
    assert (newest, older) == (pks[70:], f"?comments_from={pks[20]}")
    more, older = shown(older)
    assert (more, older) == (pks[20:], f"?comments_from={pks[0]}")
    assert shown(older) == (pks, "")
    assert shown("?comments_from=x")[0] == pks[70:]


def test_who_has_read_as_many_as_one_page_shows_goes_on_to_older_ones_and_back(
    ana: Client, vpn: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "MOST", 100)
    pks = comment(vpn, 180)

    def shown(query: str) -> tuple[list[int], str, list[tuple[str, str]]]:
        page = ana.get(f"/tickets/{vpn.pk}/{query}").context
        pages = list(page["pages_of_comments"])
        return [one["comment"].pk for one in page["comments"]], page["older_comments"], pages

    back = ("Back to the newest comments", "?")
    assert shown(f"?comments_from={pks[80]}") == (
        pks[80:],
        "",
        [("Go on to older comments", f"?comments_before={pks[80]}")],
    )
    rows, older, pages = shown(f"?comments_before={pks[80]}")
    assert (rows, pages) == (pks[30:80], [back])
    assert shown(older) == (pks[:80], "", [back])


@pytest.mark.parametrize(("count", "pages"), [(100, 0), (101, 1)])
def test_only_what_is_left_over_has_a_page_of_its_own(
    ana: Client, vpn: Ticket, monkeypatch: pytest.MonkeyPatch, count: int, pages: int
) -> None:
    monkeypatch.setattr(past, "MOST", 100)
    comment(vpn, count)

    page = ana.get(f"/tickets/{vpn.pk}/?comments_from=1").context

    assert len(page["comments"]) == 100
    assert len(page["pages_of_comments"]) == pages


def test_the_newest_decision_stays_the_one_that_holds_on_a_page_of_older_ones(
    ana: Client, vpn: Ticket
) -> None:
    first = TriageDecision.objects.get(ticket=vpn)
    values = {f.attname: getattr(first, f.attname) for f in first._meta.concrete_fields}
    later = TriageDecision.objects.create(**{**values, "id": None, "refined": True})

    page = ana.get(f"/tickets/{vpn.pk}/?decisions_before={later.pk}").context

    assert page["decision"] == later
    assert [one["decision"] for one in page["earlier"]] == [first]


def test_as_many_comments_as_are_shown_at_first_leave_nothing_to_ask_for(
    ana: Client, vpn: Ticket
) -> None:
    comment(vpn, 50)

    assert open_page(ana, vpn).context["older_comments"] == ""


def test_who_asks_for_older_events_keeps_the_older_comments(ana: Client, vpn: Ticket) -> None:
    pks = comment(vpn, 60)
    TicketEvent.objects.bulk_create(
        TicketEvent(ticket=vpn, kind="updated", actor="ana", at=NOON) for _ in range(60)
    )

    page = ana.get(f"/tickets/{vpn.pk}/?comments_from={pks[5]}").context

    assert len(page["events"]) == 50
    assert page["older_events"].startswith(f"?comments_from={pks[5]}&events_from=")


def test_every_decision_is_told_the_newest_first(ana: Client, vpn: Ticket) -> None:
    first = TriageDecision.objects.get(ticket=vpn)
    values = {f.attname: getattr(first, f.attname) for f in first._meta.concrete_fields}
    later = TriageDecision.objects.create(
        **{**values, "id": None, "refined": True, "category": "hardware"}
    )

    page = open_page(ana, vpn)

    assert page.context["decision"] == later
    assert [one["decision"] for one in page.context["earlier"]] == [first]
    assert "Earlier decisions" in page.content.decode()


def test_what_changed_is_asked_for_without_what_did_not(ana: Client, vpn: Ticket) -> None:
    whole = open_page(ana, vpn).content.decode()

    parts = ana.get(f"/tickets/{vpn.pk}/?parts=").content.decode()

    for name in re.findall('data-region="([a-z]+)"', whole):
        assert f'data-region="{name}"' in parts, name
    for other in ("<nav", "json_script", "<datalist", "application/json", "<script"):
        assert other not in parts


def test_people_are_named_once_in_a_page(ana: Client, vpn: Ticket) -> None:
    make_user("zoe", "Agent")

    assert open_page(ana, vpn).content.decode().count("zoe") == 1


def test_the_script_knows_no_more_people_than_the_reader_may_assign(vpn: Ticket) -> None:
    desk = open_page(as_person(make_user("vera", "Viewer")), vpn).context["desk"]

    assert (desk["people"], desk["mayChange"], desk["mayShare"]) == ([], False, False)
