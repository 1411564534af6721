"""A mailbox with real processes: whenever its worker is killed, no mail is lost and none is taken twice."""

from collections import Counter
from pathlib import Path

import pytest

from tests.certificates import self_signed
from tests.live.desk import Desk
from tests.live.test_checks import start_io
from tests.servers.imapserver import PASSWORD, USER, Server, imap_server
from tests.servers.test_mails import letter

MAILS = 260
_TAKEN = "SELECT count(*) FROM servers_mailmessage"
_MAKE = """
from servers.models import Integration
from servers.services.mailboxes import save_mailbox
integration = Integration.objects.create(name="Live mail", source="email", key_hash="x" * 64, key_hint="x")
values = {"integration": integration, "host": "localhost", "port": %d, "user": %r, "password": %r}
print(save_mailbox(mailbox=None, values=values).pk)
"""


def read_soon(desk: Desk) -> None:
    done = desk.run_python(
        "from servers.models import Mailbox\n"
        "from servers.services.mailboxes import read_soon\n"
        "read_soon(ids=list(Mailbox.objects.values_list('pk', flat=True)))"
    )
    assert done.returncode == 0, done.stderr


def make_mailbox(desk: Desk, server: Server) -> None:
    forget_mailboxes(desk)
    done = desk.run_python(_MAKE % (server.port, USER, PASSWORD))
    assert done.returncode == 0, done.stderr


def forget_mailboxes(desk: Desk) -> None:
    desk.sql("DELETE FROM servers_mailbox")
    desk.sql("DELETE FROM servers_mailmessage")
    desk.sql("DELETE FROM servers_integration WHERE name = 'Live mail'")


def test_mails_of_killed_workers_are_read_again_and_open_one_ticket_each(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path, "localhost")
    monkeypatch.setitem(desk.environment, "OUTGOING_ALLOW", "localhost")
    monkeypatch.setitem(desk.environment, "SSL_CERT_FILE", str(certificate))
    with imap_server(certificate) as server:
        senders = (f"person-{number}@example.com" for number in range(MAILS))
        server.put(*(letter(Subject=f"From {sender}", sender=sender) for sender in senders))
        make_mailbox(desk, server)

        # Inside a run, at the border of two, and where a run begins that marks what the last one left.
        for taken in (30, 100, 101, 170):
            worker = start_io(desk)
            read_soon(desk)
            desk.wait_for(lambda most=taken: desk.count(_TAKEN) >= most, 60, "mails", step=0.005)
            desk.kill_tree(worker)
            desk.sql("UPDATE servers_mailbox SET lease_until = now()")  # as after three minutes
        assert desk.count(_TAKEN) < MAILS
        start_io(desk)
        start_io(desk)
        read_soon(desk)
        read = "SELECT count(*) FROM servers_mailbox WHERE read_at IS NOT NULL AND marked_uid >= %s"
        desk.wait_for(lambda: desk.count(read, MAILS) == 1, 60, "the rest")
        desk.stop_processes()

        assert server.seen() == [True] * MAILS
    titles = Counter(title for (title,) in desk.sql("SELECT title FROM tickets_ticket"))
    assert len(titles) == MAILS
    assert set(titles.values()) == {1}
    assert desk.sql("SELECT DISTINCT result::text FROM servers_mailmessage") == [("opened",)]
    forget_mailboxes(desk)
