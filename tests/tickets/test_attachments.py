"""Files: kept once, given back as they came, never shown inside a page."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from tests.conftest import NOON, client_for
from tests.factories import make_ticket, make_user
from tickets import services
from tickets.files import NAME_MAX, NewFile, clean_name, clean_type, shown_type
from tickets.models import Attachment, Comment, Content, Ticket, TicketEvent, read_content
from tickets.models.attachment import CHUNK_BYTES

pytestmark = pytest.mark.django_db
LATER = timezone.now() + timedelta(hours=2)


def file(data: bytes = b"hello", name: str = "a.txt", kind: str = "text/plain") -> NewFile:
    return NewFile(name, kind, data)


def attach(ticket: Ticket, *files: NewFile, **given: Any) -> list[Attachment]:
    return services.attach_files(
        ticket=ticket, files=files or [file()], actor="ana", now=NOON, **given
    )


def send(client: APIClient, ticket: Ticket, *uploads: SimpleUploadedFile, **fields: Any) -> Any:
    where = reverse("ticket-attachments", args=[ticket.pk])
    return client.post(where, {"files": list(uploads), **fields}, format="multipart")


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_what_is_sent_comes_back(api: APIClient) -> None:
    ticket = make_ticket()

    answer = send(api, ticket, SimpleUploadedFile("Bericht.pdf", b"%PDF", "application/pdf"))

    [made] = answer.json()
    assert (made["name"], made["size"], made["uploaded_by"]) == ("Bericht.pdf", 4, "ana")
    fetched = api.get(reverse("attachment", args=[made["id"]]))
    assert body(fetched) == b"%PDF"
    assert fetched["Content-Type"] == "application/pdf"
    assert fetched["Content-Disposition"] == 'attachment; filename="Bericht.pdf"'


def test_a_page_is_given_back_as_bytes_that_no_browser_opens(api: APIClient) -> None:
    [made] = attach(make_ticket(), file(b"<script>", "x.html", "text/html"))

    answer = api.get(reverse("attachment", args=[made.pk]), headers={"Accept": "text/html"})

    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]


def test_a_download_is_read_in_pieces() -> None:
    data = bytes(range(256)) * 4096  # 1 MB
    [made] = attach(make_ticket(), file(data))

    with CaptureQueriesContext(connection):
        pieces = list(read_content(made.content_id))

    assert b"".join(pieces) == data
    assert max(map(len, pieces)) == CHUNK_BYTES


def test_lists_never_read_contents(api: APIClient) -> None:
    ticket = make_ticket()
    attach(ticket)

    with CaptureQueriesContext(connection) as queries:
        answer = api.get(reverse("ticket-attachments", args=[ticket.pk]))

    assert [row["name"] for row in answer.json()["results"]] == ["a.txt"]
    assert not [q for q in queries if "tickets_content" in q["sql"]]


def test_the_same_bytes_are_kept_once() -> None:
    attach(make_ticket(), file(name="logo.png"), file(name="again.png"))
    attach(make_ticket(), file(name="other.png"))

    assert Attachment.objects.count() == 3
    assert Content.objects.count() == 1


def test_contents_go_when_nothing_points_to_them() -> None:
    ticket = make_ticket()
    [gone, _kept] = attach(ticket, file(b"gone"), file(b"kept"))

    services.remove_attachment(attachment=gone, actor="ada", now=NOON)

    assert services.forget_unused_contents(timezone.now()) == 0  # one that was just written
    assert services.forget_unused_contents(LATER) == 1
    assert [bytes(c.data) for c in Content.objects.all()] == [b"kept"]


def test_a_deleted_ticket_takes_its_files_along() -> None:
    ticket = make_ticket()
    attach(ticket)

    services.delete_tickets(ids=[ticket.pk], actor="ana", now=NOON)

    assert not Attachment.objects.exists()
    assert services.forget_unused_contents(LATER) == 1


def test_files_and_their_removal_stand_in_the_history() -> None:
    ticket = make_ticket()
    [made] = attach(ticket)
    services.remove_attachment(attachment=made, actor="ada", now=NOON)
    services.remove_attachment(attachment=made, actor="ada", now=NOON)

    told = TicketEvent.objects.filter(ticket=ticket).order_by("pk").values_list("kind", "changes")
    assert list(told)[1:] == [
        ("file_added", {"attachments": [None, "a.txt"]}),
        ("file_removed", {"attachments": ["a.txt", None]}),
    ]


def test_a_comment_brings_its_files() -> None:
    ticket = make_ticket()

    comment = services.comment_on(
        ticket=ticket, body="See this", public=True, actor="ana", now=NOON, files=[file()]
    )

    assert Attachment.objects.get().comment == comment
    event = TicketEvent.objects.get(ticket=ticket, kind="commented")
    assert event.changes["attachments"] == [None, "a.txt"]


def test_files_belong_to_a_comment_of_the_same_ticket(api: APIClient) -> None:
    ticket, other = make_ticket(), make_ticket()
    comment = services.comment_on(ticket=ticket, body="x", public=True, actor="ana", now=NOON)
    upload = SimpleUploadedFile("a.txt", b"a")

    assert send(api, ticket, upload, comment=comment.pk).json()[0]["comment"] == comment.pk
    refused = send(api, other, SimpleUploadedFile("a.txt", b"a"), comment=comment.pk)
    assert refused.status_code == 400
    assert "comment" in refused.json()["errors"]


def test_a_file_that_is_too_large_is_named_and_none_is_kept(api: APIClient, settings: Any) -> None:
    settings.ATTACHMENT_MAX_MB = 1
    large = SimpleUploadedFile("large.bin", b"x" * (1024 * 1024 + 1))

    answer = send(api, make_ticket(), SimpleUploadedFile("small.txt", b"x"), large)

    assert answer.status_code == 400
    assert "large.bin has 1.0 MB; at most 1 MB" in answer.json()["errors"]["files"][0]
    assert not Attachment.objects.exists()


def test_a_request_that_is_too_large_is_not_read(api: APIClient, settings: Any) -> None:
    settings.MESSAGE_MAX_MB = 1
    answer = send(api, make_ticket(), SimpleUploadedFile("a.bin", b"x" * (2 * 1024 * 1024 + 1)))

    assert answer.status_code == 413


def test_no_file_is_an_error_that_says_so(api: APIClient) -> None:
    answer = send(api, make_ticket())

    assert answer.status_code == 400
    assert "files" in answer.json()["errors"]


def test_files_of_a_restricted_department_are_its_members_only(
    agent: User, admin_person: User
) -> None:
    secret = make_ticket(title="Salary", department="HR")
    [made] = attach(secret)

    for person, method in ((agent, "get"), (admin_person, "delete")):
        answer = getattr(client_for(person), method)(reverse("attachment", args=[made.pk]))
        assert answer.status_code == 404
        listed = client_for(person).get(reverse("ticket-attachments", args=[secret.pk]))
        assert listed.status_code == 404


def test_merging_moves_files() -> None:
    one, other = make_ticket(), make_ticket()
    [made] = attach(one)

    services.merge_tickets(source=one.pk, into=other.pk, actor="ana", now=NOON)

    made.refresh_from_db()
    assert made.ticket == other
    with pytest.raises(services.TicketMerged):
        attach(one)


def test_the_tickets_page_takes_shows_and_gives_files() -> None:
    ticket, client = make_ticket(), Client()
    client.force_login(make_user("ana", "Agent"))
    page = reverse("admin:tickets_ticket_change", args=[ticket.pk])
    upload = SimpleUploadedFile("<b>.txt", b"abc", "text/plain")

    client.post(reverse("admin:tickets_ticket_comment", args=[ticket.pk]), {"uploads": upload})

    made = Attachment.objects.get()
    assert made.comment == Comment.objects.get()
    shown = client.get(page).content.decode()
    assert "&lt;b&gt;.txt" in shown
    assert "remove-attachment" not in shown
    where = reverse("admin:tickets_ticket_attachment", args=[ticket.pk, made.pk])
    assert body(client.get(where)) == b"abc"


def test_only_an_admin_removes_files_on_the_page() -> None:
    ticket = make_ticket()
    [made] = attach(ticket)
    where = reverse("admin:tickets_ticket_remove_attachment", args=[ticket.pk])

    for role, status, left in (("Agent", 403, 1), ("Admin", 302, 0)):
        client = Client()
        client.force_login(make_user(role, role))
        assert client.post(where, {"attachment": made.pk}).status_code == status
        assert Attachment.objects.count() == left


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        (r"C:\temp\Plan.doc", "Plan.doc"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("a\r\nb.txt", "ab.txt"),
        ("", "file"),
        ("...", "file"),
        ("é" * 300 + ".pdf", "é" * 196 + ".pdf"),
    ],
)
def test_names_are_cleaned(sent: str, kept: str) -> None:
    assert clean_name(sent) == kept


@given(st.text())
def test_any_name_becomes_one_that_can_be_stored(name: str) -> None:
    kept = clean_name(name)

    assert 0 < len(kept) <= NAME_MAX
    assert kept.isprintable()
    kept.encode()


@pytest.mark.parametrize(
    ("sent", "kept", "shown"),
    [
        ("image/PNG; name=x", "image/png", "image/png"),
        ("text/html", "text/html", "application/octet-stream"),
        ("image/svg+xml", "image/svg+xml", "application/octet-stream"),
        ("nonsense\r\nX: y", "application/octet-stream", "application/octet-stream"),
    ],
)
def test_kinds_are_the_senders_word_and_browsers_hear_only_harmless_ones(
    sent: str, kept: str, shown: str
) -> None:
    assert clean_type(sent) == kept
    assert shown_type(kept) == shown
