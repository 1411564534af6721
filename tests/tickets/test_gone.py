"""A ticket that is deleted in the same moment as something is done with it: 404, whatever it was."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from rest_framework.test import APIClient

from tests.conftest import NOON, client_for
from tests.factories import make_ticket
from tickets import services
from tickets.files import NewFile
from tickets.models import Department
from triage import services as triage

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(admin_person: User) -> APIClient:
    return client_for(admin_person)


@pytest.mark.parametrize(
    ("verb", "route", "data", "module", "service"),
    [
        ("post", "ticket-comments", {"body": "x"}, services, "comment_on"),
        ("patch", "ticket-detail", {"title": "x"}, services, "change_tickets"),
        ("put", "ticket-status", {"status": "resolved"}, services, "move_tickets"),
        ("post", "ticket-detach", {}, services, "detach_tickets"),
        ("put", "reroute", {"department": "HR"}, services, "route_tickets"),
        ("post", "triagejob-list", None, triage, "retriage_one"),
        ("post", "ticket-attachments", "file", services, "attach_files"),
    ],
)
def test_it_is_not_there_any_more(
    boss: APIClient,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    route: str,
    data: Any,
    module: Any,
    service: str,
) -> None:
    ticket = make_ticket()
    work = getattr(module, service)

    def too_late(**given: Any) -> Any:
        services.delete_tickets(ids=[ticket.pk], actor="ana", now=NOON)
        return work(**given)

    monkeypatch.setattr(module, service, too_late)
    where = reverse(route, args=[] if data is None else [ticket.pk])
    if data == "file":
        answer = boss.post(where, {"files": SimpleUploadedFile("a", b"x")}, format="multipart")
    else:
        answer = getattr(boss, verb)(where, data or {"ticket_id": ticket.pk}, format="json")

    assert answer.status_code == 404, answer.content
    assert answer.json()["title"] == "Not Found"


def test_neither_is_its_file(boss: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = make_ticket()
    [file] = services.attach_files(
        ticket=ticket, files=[NewFile("a", "", b"x")], actor="ana", now=NOON
    )
    remove = services.remove_attachment

    def too_late(**given: Any) -> None:
        services.delete_tickets(ids=[ticket.pk], actor="ana", now=NOON)
        remove(**given)

    monkeypatch.setattr(services, "remove_attachment", too_late)

    assert boss.delete(reverse("attachment", args=[file.pk])).status_code == 404


def test_a_change_that_takes_it_out_of_sight_answers_with_it(api: APIClient) -> None:
    assert Department.objects.get(name="HR").restricted
    ticket = make_ticket()

    answer = api.put(reverse("reroute", args=[ticket.pk]), {"department": "HR"}, format="json")

    assert (answer.status_code, answer.json()["department"]) == (200, "HR")
    assert api.get(reverse("ticket-detail", args=[ticket.pk])).status_code == 404
