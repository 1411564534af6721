"""Files as they come with tickets and comments: their names, kinds and limits. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

NAME_MAX: Final = 200
TYPE_MAX: Final = 100
UNKNOWN: Final = "application/octet-stream"
#: What a browser may be told that a file is. Anything else is just bytes to it: a page of somebody else's never
#: runs under our address.
HARMLESS: Final = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp"),
        *("text/plain", "text/csv", "application/pdf", "application/zip"),
    }
)
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_MB: Final = 1024 * 1024


@dataclass(frozen=True)
class NewFile:
    """A file that somebody sent. Name and kind are the sender's words."""

    name: str
    content_type: str
    data: bytes


def clean_name(name: str) -> str:
    """The last part of a path, without what is invisible or turns the reading direction; "file" for nothing."""
    last = re.split(r"[/\\]", name)[-1]
    visible = "".join(c for c in last if unicodedata.category(c)[0] != "C")
    shown = " ".join(visible.split()).strip(" .")
    if len(shown) > NAME_MAX:
        stem, dot, ending = shown.rpartition(".")
        keep = f"{dot}{ending}" if stem and len(ending) < 16 else ""
        shown = shown[: NAME_MAX - len(keep)] + keep
    return shown or "file"


def clean_type(content_type: str) -> str:
    """`content_type` without its parameters, if it is one."""
    plain = content_type.partition(";")[0].strip().lower()
    return plain if len(plain) <= TYPE_MAX and _TYPE.fullmatch(plain) else UNKNOWN


def shown_type(content_type: str) -> str:
    """What a browser is told that the file is."""
    return content_type if content_type in HARMLESS else UNKNOWN


def problems(sizes: Sequence[tuple[str, int]], *, most_mb: int, together_mb: int) -> list[str]:
    """What is wrong with files of these names and bytes, as sentences."""
    found = [
        f"{clean_name(name)} has {size / _MB:.1f} MB; at most {most_mb} MB are allowed."
        for name, size in sizes
        if size > most_mb * _MB
    ]
    total = sum(size for _, size in sizes)
    if total > together_mb * _MB:
        found.append(
            f"The files have {total / _MB:.1f} MB together; at most {together_mb} MB are allowed."
        )
    return found
