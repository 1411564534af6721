"""The request id: one text that follows a piece of work from the HTTP header to the last log line."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars

HEADER: Final = "request_id"
#: Another header of messages: when it was sent, in seconds since 1970 by the sender's clock.
SENT_AT: Final = "enqueued_at"
LONGEST: Final = 64
_WELL_FORMED: Final = re.compile(rf"[\x21-\x7e]{{1,{LONGEST}}}")


def new_request_id() -> str:
    """32 random hexadecimal digits, all of them random: as a trace's id, samplers by ratio decide by them."""
    return secrets.token_hex(16)


def accept_request_id(given: str | None) -> str:
    """Return the caller's id when it is 1-64 visible ASCII characters, else a new one."""
    return given if given and _WELL_FORMED.fullmatch(given) else new_request_id()


def current_request_id() -> str:
    """Return the id of the work in hand as rows keep it; "" outside any, or when it follows from many requests."""
    found = current_request_ids()
    return found if len(found) <= LONGEST else ""


def current_request_ids() -> str:
    """Return the ids of all requests from which the work in hand follows, as messages and log lines name them."""
    return str(get_contextvars().get(HEADER, ""))


def bind_request_id(request_id: str) -> None:
    bind_contextvars(**{HEADER: request_id})


@contextmanager
def request_id(value: str) -> Iterator[None]:
    with bound_contextvars(**{HEADER: value}):
        yield
