"""A mailbox over IMAP: always encrypted, and only at addresses that may be called."""

import imaplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, Final

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from servers.models import Mailbox, Security
from workers import outgoing
from workers.addresses import Refused, Unreachable
from workers.encryption import Unreadable, decrypt

#: For each answer of the server.
SECONDS: Final = 20.0


class MailboxFailed(Exception):
    """The mailbox cannot be read now. The message says why and holds no secret."""


class _Connection(imaplib.IMAP4):
    """The library's connection, to an address that was checked."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self.context = context
        super().__init__(host, port)

    def _create_socket(self, timeout: Any = None) -> Any:
        link = outgoing.connect(self.host, self.port, seconds=SECONDS)
        if self.context is None:
            return link
        try:
            return self.context.wrap_socket(link, server_hostname=self.host)
        except BaseException:
            link.close()
            raise


class _Client(IMAPClient):
    def _create_IMAP4(self) -> imaplib.IMAP4:
        return _Connection(self.host, self.port, outgoing.tls() if self.ssl else None)


class Folder:
    """The folder that is read, while the connection to it is open."""

    def __init__(self, client: IMAPClient, uidvalidity: int) -> None:
        self.client, self.uidvalidity = client, uidvalidity

    def sizes_after(self, uid: int, *, since: date, most: int) -> list[tuple[int, int]]:
        """(UID, bytes) of the next mails, oldest first."""
        found = self.client.search(["UID", f"{uid + 1}:*", "SINCE", since])
        # The last one is always found, even when it is older.
        uids = sorted(other for other in found if other > uid)[:most]
        if not uids:
            return []
        sizes = self.client.fetch(uids, ["RFC822.SIZE"])
        return [(pk, sizes[pk][b"RFC822.SIZE"]) for pk in uids if pk in sizes]

    def fetch(self, uid: int) -> bytes | None:
        """A mail as it came, which stays unseen; None when somebody removed it meanwhile."""
        found = self.client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {})
        raw: bytes | None = found.get(b"BODY[]")
        return raw

    def mark(self, uids: Sequence[int], *, move_to: str) -> None:
        """Mark mails as seen, or move them. Those that are gone are left out."""
        here = self.client.search(["UID", ",".join(map(str, uids))])
        if not here:
            return
        self.client.add_flags(here, [b"\\Seen"], silent=True)
        if move_to and self.client.has_capability("MOVE"):
            self.client.move(here, move_to)
        elif move_to:
            self.client.copy(here, move_to)
            self.client.add_flags(here, [b"\\Deleted"], silent=True)
            self.client.expunge(here if self.client.has_capability("UIDPLUS") else None)


@contextmanager
def opened(mailbox: Mailbox) -> Iterator[Folder]:
    """Log in and choose the folder.

    :raises MailboxFailed: whatever the server or the way to it does wrong, also in the block.
    """
    password = ""
    try:
        password = decrypt(mailbox.encrypted_password)
        encrypted = mailbox.security == Security.SSL
        with _Client(mailbox.host, mailbox.port, ssl=encrypted, timeout=SECONDS) as client:
            if not encrypted:
                client.starttls(outgoing.tls())
            client.login(mailbox.user, password)
            chosen = client.select_folder(mailbox.folder)
            yield Folder(client, chosen[b"UIDVALIDITY"])
    except Unreadable as error:
        raise MailboxFailed(f"{error} Enter the password again.") from None
    except (Refused, Unreachable) as error:
        raise MailboxFailed(str(error)) from None
    except (IMAPClientError, imaplib.IMAP4.error, ssl.SSLError, OSError, KeyError) as error:
        raise MailboxFailed(_harmless(error, password)) from None


def _harmless(error: Exception, password: str) -> str:
    text = str(error) or type(error).__name__
    if password:
        text = text.replace(password, "…")
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return f"The mail server failed: {' '.join(plain.split())[:300]}"
