"""The request id: one text that follows a piece of work from the HTTP header to the last log line."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars

HEADER: Final = "request_id"
_WELL_FORMED: Final = re.compile(r"[\x21-\x7e]{1,64}")


def new_request_id() -> str:
    return uuid.uuid4().hex


def accept_request_id(given: str | None) -> str:
    """Return the caller's id when it is 1-64 visible ASCII characters, else a new one."""
    return given if given and _WELL_FORMED.fullmatch(given) else new_request_id()


def current_request_id() -> str:
    """Return the id of the work in hand, or "" outside any."""
    return str(get_contextvars().get(HEADER, ""))


def bind_request_id(request_id: str) -> None:
    bind_contextvars(**{HEADER: request_id})


@contextmanager
def request_id(value: str) -> Iterator[None]:
    with bound_contextvars(**{HEADER: value}):
        yield
