"""A mail as it came, taken apart. Whatever the bytes are, something to read comes out and nothing is raised.

The standard library's parser raises all kinds of errors on headers that no standard allows; each is caught where
that costs least. It knows no end either: of long headers it takes quadratic time, of a few bytes a part it makes
objects of a thousand.
"""

import email.policy
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses
from functools import partial
from typing import Any, Final

from servers.mail.automatic import Automatic, automatic
from servers.mail.html import html_to_text
from servers.mail.quoting import clean_subject, new_text, ticket_number
from tickets.files import NewFile

DEEPEST: Final = 20  # levels of parts in parts
MOST_FILES: Final = 100
MOST_REFERENCES: Final = 50
#: Headers and parts together; a mail of more is not taken apart.
MOST_PIECES: Final = 20_000
LONGEST_HEADER: Final = 8_000  # characters; the rest is not read
_HEAD: Final = 100_000  # bytes in which the headers are looked for, where the whole is too much
LONGEST_REPLY: Final = 1_000_000  # characters of a text in which quotes are looked for
SUBJECT_MAX: Final = 500
#: Wrappings and signatures that say nothing to a reader.
_IGNORED: Final = frozenset(
    {
        *("application/ms-tnef", "application/pgp-signature"),
        *("application/pkcs7-signature", "application/x-pkcs7-signature"),
    }
)
#: Codecs that are no character sets: slow, or not of text.
_NO_CHARSETS: Final = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape"})
_MESSAGE_ID: Final = re.compile(r"<([!-;=?-~]{1,900})>")
#: What the database or a reader cannot use: control characters, but for tabs and the ends of lines.
_CONTROL: Final = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
_ADDRESS: Final = re.compile(r"[^@\s<>\",;]{1,64}@[^@\s<>\",;]{1,189}")


@dataclass(frozen=True)
class Mail:
    """What a mail says. `digest` names it, however often and on whatever way it comes."""

    digest: str
    message_id: str  # without the angle brackets; "" without one
    references: tuple[str, ...]  # what it answers, the nearest first
    sender: str  # an address in lower case, or ""
    sender_name: str
    subject: str
    text: str
    files: tuple[NewFile, ...]
    automatic: Automatic

    @property
    def title(self) -> str:
        return clean_subject(self.subject)

    @property
    def said(self) -> str:
        """The text without the quoted mail below it."""
        return new_text(self.text) if len(self.text) <= LONGEST_REPLY else self.text

    @property
    def ticket_number(self) -> int | None:
        return ticket_number(self.subject)


def parse(raw: bytes) -> Mail:
    """Read a mail in the format of RFC 5322, or whatever `raw` is instead."""
    message = _safely(lambda: _whole(raw), None)
    head = _head(raw) if message is None else message
    header = _headers(head)
    name, sender = _sender(header)
    subject = _one_line(header("Subject"))[:SUBJECT_MAX]
    message_id = next(iter(_ids(header("Message-ID"))), "")
    kind = automatic(header, content_type=_kind(head), sender=sender, subject=subject)
    content = _content(message, 0) if message is not None else _as_it_came(raw)
    references = [*_ids(header("In-Reply-To")), *reversed(_ids(header("References")))]
    if kind is not Automatic.NO:  # a person who hands a mail on does not answer it
        references += content.returned
    return Mail(
        digest=_digest(raw, message_id, header),
        message_id=message_id,
        references=tuple(dict.fromkeys(references))[:MOST_REFERENCES],
        sender=sender,
        sender_name=name,
        subject=subject,
        text="\n\n".join(text.strip() for text in content.texts if text.strip()),
        files=tuple(content.files[:MOST_FILES]),
        automatic=kind,
    )


class _TooMuch(Exception):
    """More pieces than a mail may have."""


class _Policy(email.policy.EmailPolicy):
    """The library's way to read mails, with an end. `count` hears of each header."""

    count: Callable[[], None] = staticmethod(lambda: None)

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        self.count()
        name, value = super().header_source_parse(sourcelines)
        return name, value[:LONGEST_HEADER]


def _whole(raw: bytes) -> EmailMessage:
    """:raises Exception: it cannot be taken apart."""
    left = MOST_PIECES

    def count() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise _TooMuch

    def part(policy: Any = None) -> EmailMessage:
        count()
        return EmailMessage(policy)

    bounds: dict[str, Any] = {"count": count, "message_factory": part}
    # Untouched: a mail that is handed on is the one that came.
    parser: Any = BytesParser(policy=_Policy(refold_source="none", **bounds))
    whole: EmailMessage = parser.parsebytes(raw)
    return whole


def _head(raw: bytes) -> EmailMessage:
    parser = BytesParser(policy=_Policy())
    head: EmailMessage = _safely(
        lambda: parser.parsebytes(raw[:_HEAD], headersonly=True), EmailMessage()
    )
    return head


def _headers(message: EmailMessage) -> Callable[[str], str]:
    def header(name: str) -> str:
        found = _safely(lambda: str(message[name]) if name in message else "", None)
        if found is None:
            found = _raw_header(message, name)
        return _storable(found)

    return header


def _kind(part: Any) -> str:
    return str(_safely(lambda: part.get_content_type(), "text/plain"))


def _raw_header(message: Any, name: str) -> str:
    """A header that the parser cannot read, decoded piece by piece."""
    values = [value for key, value in message.raw_items() if key.lower() == name.lower()]
    text = str(values[0]) if values else ""
    return str(_safely(lambda: make_header(decode_header(text)), text))


def _sender(header: Callable[[str], str]) -> tuple[str, str]:
    """The name and the address of who wrote it, as far as it says."""
    for source in ("From", "Sender", "Return-Path"):
        for name, address in _safely(partial(getaddresses, [header(source)]), []):
            if _ADDRESS.fullmatch(address):
                return _one_line(name)[:150], address.lower()
    return _one_line(header("From"))[:150], ""


def _digest(raw: bytes, message_id: str, header: Callable[[str], str]) -> str:
    """Two copies differ in the lines of the servers that they passed; senders that number their mails badly
    differ at least in what they say when."""
    if message_id:
        said = "\n".join([message_id, *map(header, ("From", "Date", "Subject"))])
        return hashlib.sha256(said.encode()).hexdigest()
    return hashlib.sha256(raw).hexdigest()


@dataclass
class _Content:
    texts: list[str]
    files: list[NewFile]
    #: Message-IDs of mails that came back inside this one.
    returned: list[str]


def _as_it_came(raw: bytes) -> _Content:
    return _Content([], [NewFile("message.eml", "message/rfc822", raw)], [])


def _content(part: Any, depth: int) -> _Content:
    kind = _kind(part)
    if kind.startswith("multipart/") and _safely(part.is_multipart, False):
        if depth >= DEEPEST:
            return _Content([], [], [])
        children = [(child, _content(child, depth + 1)) for child in part.get_payload()]
        inner = [content for _, content in children]
        texts = [text for content in inner for text in content.texts]
        if kind == "multipart/alternative":
            texts = _best(children)
        return _Content(
            texts,
            [file for content in inner for file in content.files],
            [pk for content in inner for pk in content.returned],
        )
    name = _storable(_safely(lambda: part.get_filename() or "", ""))
    attached = name or _safely(part.get_content_disposition, None) == "attachment"
    if kind in ("text/plain", "text/html") and not attached:
        text = _text(part)
        return _Content([html_to_text(text) if kind == "text/html" else text], [], [])
    if kind in _IGNORED or name.lower() == "winmail.dat":
        return _Content([], [], [])
    data = _bytes(part)
    returned = []
    if kind in ("message/rfc822", "text/rfc822-headers"):
        name = name or "message.eml"
        returned = _ids(_headers(_head(data))("Message-ID"))
    return _Content([], [NewFile(name or kind.replace("/", "."), kind, data)], returned)


def _best(children: list[tuple[Any, _Content]]) -> list[str]:
    """Of several ways to say the same: plain text, or the last, which is the richest."""
    said = [(child, content.texts) for child, content in children if "".join(content.texts).strip()]
    plain = [texts for child, texts in said if _kind(child) == "text/plain"]
    return plain[0] if plain else said[-1][1] if said else []


def _bytes(part: Any) -> bytes:
    if _safely(part.is_multipart, False):  # a mail inside, or a report in parts
        return b"\n".join(_safely(child.as_bytes, b"") for child in part.get_payload())
    return _safely(lambda: part.get_payload(decode=True), None) or b""


def _text(part: Any) -> str:
    """The characters of a text, by the set that it names, or by the likeliest one."""
    data = _bytes(part)
    named = _safely(lambda: part.get_content_charset() or "", "")
    if named.replace("_", "-") in _NO_CHARSETS | {"", "us-ascii"}:
        named = "utf-8"
    for charset in (named, "utf-8"):
        try:
            return _storable(data.decode(charset))
        except (LookupError, ValueError):
            continue
    return _storable(data.decode("cp1252", "replace"))


def _ids(text: str) -> list[str]:
    return _MESSAGE_ID.findall(text)


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _storable(text: str) -> str:
    """What the database can keep: no NUL and no half of a surrogate pair. Lines end in one way."""
    plain = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    return plain.translate(_CONTROL)


def _safely(work: Callable[[], Any], instead: Any) -> Any:
    """What `work` returns, or `instead` when the parser gives up: its errors are of every class there is."""
    try:
        return work()
    except Exception:
        return instead
