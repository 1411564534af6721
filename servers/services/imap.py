"""A mailbox over IMAP: always encrypted, only at addresses that may be called, and nothing without an end."""

import imaplib
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from functools import wraps
from typing import Any, Final

from django.conf import settings
from imapclient import IMAPClient

from servers.models import Mailbox, Security
from workers import outgoing, tls
from workers.addresses import Refused, Unreachable
from workers.encryption import Unreadable, decrypt

#: For each wait, and for a whole answer: shorter than the lease of a mailbox.
SECONDS: Final = 20.0
ANSWER_SECONDS: Final = 120.0
#: Of an answer beside the mail in it: the numbers of some 250,000 mails.
ANSWER_BYTES: Final = 2 * 1024 * 1024
_PIECE: Final = 64 * 1024
_HIGHEST: Final = 2**32  # of UIDs and their validity (RFC 9051)


class MailboxFailed(Exception):
    """The mailbox cannot be read now. The message says why and holds no secret."""


class _Connection(imaplib.IMAP4):
    """The library's connection, to an address that was checked, with an end of every answer in bytes and time."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self.context = context
        self.most_bytes = ANSWER_BYTES
        self._arrived = bytearray()
        self._asked_by: Any = None
        self._begin()
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

    def send(self, data: Any) -> None:
        if self._arrived and self._asked_by not in (None, self.sock):
            raise self._end("The server went on in plain text after it had agreed to encrypt.")
        self._asked_by = self.sock
        self._begin()
        super().send(data)

    def read(self, size: int) -> bytes:
        if size > len(self._arrived) + self._room:
            raise self._end(_TOO_LONG)
        while len(self._arrived) < size:
            self._receive()
        return self._take(size)

    def readline(self) -> bytes:
        looked_at = 0
        while (end := self._arrived.find(b"\n", looked_at) + 1) == 0:
            looked_at = len(self._arrived)
            self._receive()
        return self._take(end)

    def _begin(self) -> None:
        self._room, self._until = self.most_bytes, time.monotonic() + ANSWER_SECONDS

    def _receive(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise self._end(_TOO_SLOW)
        self.sock.settimeout(min(SECONDS, left))
        try:
            piece = self.sock.recv(_PIECE)
        except TimeoutError:
            raise self._end(_TOO_SLOW) from None
        if not piece:
            raise self._end("The server closed the connection.")
        self._room -= len(piece)
        if self._room < 0:
            raise self._end(_TOO_LONG)
        self._arrived += piece

    def _take(self, size: int) -> bytes:
        taken = bytes(self._arrived[:size])
        del self._arrived[:size]
        return taken

    def _end(self, why: str) -> Exception:
        self.shutdown()
        return self.abort(why)


_TOO_LONG: Final = "An answer was longer than it may be."
_TOO_SLOW: Final = "An answer took too long."


class _Client(IMAPClient):
    connection: _Connection

    def __init__(self, mailbox: Mailbox) -> None:
        encrypted = mailbox.security == Security.SSL
        super().__init__(mailbox.host, mailbox.port, ssl=encrypted, timeout=SECONDS)
        self.connection.debug = 0  # it would write each answer out, for nobody

    def _create_IMAP4(self) -> imaplib.IMAP4:
        self.connection = _Connection(self.host, self.port, tls.context() if self.ssl else None)
        return self.connection


def _told(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Whatever goes wrong in a question to the server becomes MailboxFailed: the libraries raise errors of all
    kinds on answers that no standard allows."""

    @wraps(ask)
    def asked(folder: "Folder", *args: Any, **kwargs: Any) -> Any:
        try:
            return ask(folder, *args, **kwargs)
        except Exception as error:
            raise MailboxFailed(_harmless(error, folder.password)) from None

    return asked


class Folder:
    """The folder that is read, while the connection to it is open. All may raise MailboxFailed."""

    def __init__(self, client: _Client, uidvalidity: int, password: str) -> None:
        self.client, self.uidvalidity, self.password = client, uidvalidity, password

    @_told
    def sizes_after(self, uid: int, *, since: date, most: int) -> list[tuple[int, int]]:
        """(UID, bytes) of the next mails, oldest first; 0 bytes where the server does not say."""
        # The last one is always found, even when it is older.
        uids = [other for other in self._search(f"{uid + 1}:*", since) if other > uid][:most]
        if not uids:
            return []
        sizes = self.client.fetch(uids, ["RFC822.SIZE"])
        return [(pk, int(sizes.get(pk, {}).get(b"RFC822.SIZE", 0))) for pk in uids]

    @_told
    def fetch(self, uid: int) -> bytes | None:
        """A mail as it came, which stays unseen; None when the server has none."""
        self.client.connection.most_bytes = ANSWER_BYTES + settings.MESSAGE_MAX_MB * 1024 * 1024
        try:
            found = self.client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {})
        finally:
            self.client.connection.most_bytes = ANSWER_BYTES
        raw: bytes | None = found.get(b"BODY[]")
        return raw

    @_told
    def has(self, uid: int) -> bool:
        """Whether a mail is still there."""
        return uid in self.client.search(["UID", str(uid)])

    @_told
    def mark(self, *, after: int, until: int, since: date, move_to: str) -> None:
        """Mark the mails with these UIDs, the last one included, as seen, or move them."""
        here = self._search(f"{after + 1}:{until}", since)
        if not here:
            return
        self.client.add_flags(here, [b"\\Seen"], silent=True)
        if move_to and self.client.has_capability("MOVE"):
            self.client.move(here, move_to)
        elif move_to:
            self.client.copy(here, move_to)
            self.client.add_flags(here, [b"\\Deleted"], silent=True)
            self.client.expunge(here if self.client.has_capability("UIDPLUS") else None)

    def _search(self, uids: str, since: date) -> Sequence[int]:
        found = self.client.search(["UID", uids, "SINCE", since])
        return sorted(uid for uid in found if 0 < uid < _HIGHEST)


@contextmanager
def opened(mailbox: Mailbox) -> Iterator[Folder]:
    """Log in and choose the folder.

    :raises MailboxFailed: whatever the server or the way to it does wrong.
    """
    password = ""
    with ExitStack() as until_then:
        try:
            password = decrypt(mailbox.encrypted_password)
            client = until_then.enter_context(_Client(mailbox))
            if mailbox.security != Security.SSL:
                client.starttls(tls.context())
            _log_in(client, mailbox.user, password)
            uidvalidity = client.select_folder(mailbox.folder)[b"UIDVALIDITY"]
            if not 0 < int(uidvalidity) < _HIGHEST:
                raise ValueError("UIDVALIDITY is no number of 32 bits.")
        except Unreadable as error:
            raise MailboxFailed(f"{error} Enter the password again.") from None
        except (Refused, Unreachable) as error:
            raise MailboxFailed(str(error)) from None
        except Exception as error:  # see _told
            raise MailboxFailed(_harmless(error, password)) from None
        yield Folder(client, uidvalidity, password)


def _log_in(client: _Client, user: str, password: str) -> None:
    if f"{user}{password}".isascii():
        client.login(user, password)
    else:  # LOGIN knows no other letters
        client.plain_login(user, password)


def _harmless(error: Exception, password: str) -> str:
    text = str(error) or type(error).__name__
    if password:
        text = text.replace(password, "…")
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return f"The mail server failed: {' '.join(plain.split())[:300]}"
