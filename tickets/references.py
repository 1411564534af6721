"""Message-IDs of our own mails: they name their ticket, signed, so that replies find it and nobody invents one."""

import re
from typing import Final

from django.core.signing import BadSignature, Signer

_SALT: Final = "smartops.mail"
_OURS: Final = re.compile(r"ticket-(\d{1,18})\.[\w-]+")


def message_id(*, ticket: int | None, unique: str, domain: str) -> str:
    """A Message-ID for a mail about `ticket`; `unique` tells its mails apart."""
    about = f"ticket-{ticket}" if ticket else "desk"
    return f"<{_signer().sign(f'{about}.{unique}')}@{domain}>"


def is_ours(reference: str) -> bool:
    """Whether we made this Message-ID; given without the angle brackets."""
    return _said(reference) is not None


def ticket_of(reference: str) -> int | None:
    """The ticket that a Message-ID of ours names; given without the angle brackets."""
    found = _OURS.fullmatch(_said(reference) or "")
    return int(found[1]) if found else None


def _said(reference: str) -> str | None:
    try:
        return _signer().unsign(reference.partition("@")[0])
    except BadSignature:
        return None


def _signer() -> Signer:
    return Signer(sep=".", salt=_SALT)
