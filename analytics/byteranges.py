"""Which part of a file a request asks for (RFC 9110, section 14). Pure."""

import re
from typing import Final

_ONE_PART: Final = re.compile(r"bytes[ \t]*=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.IGNORECASE)


class NothingThere(Exception):
    """The file has no byte of what is asked for."""


def asked(header: str, size: int) -> range | None:
    """The bytes that a `Range` header asks for, of a file of `size` bytes.

    None: all of it. So is what this does not understand, and several parts at once: a server may ignore both.

    :raises NothingThere: it begins behind the end.
    """
    match = _ONE_PART.fullmatch(header)
    if match is None or match.groups() == ("", "") or size == 0:
        return None
    first, last = match.groups()
    if not first:  # the last so many
        if int(last) == 0:
            raise NothingThere
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise NothingThere
    return range(int(first), min(int(last) + 1, size) if last else size)
