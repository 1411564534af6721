"""Noticing that a file has other content: saved, renamed over, or behind a swapped link. Pure but for the disk."""

import hashlib
import os
import stat
import time
from pathlib import Path
from typing import Final, NamedTuple

SETTLE_SECONDS: Final = 0.2
Signature = tuple[int, ...]


class Look(NamedTuple):
    """What a file holds. `digest` "" when there is none; `problem`: why it cannot be read."""

    digest: str
    content: bytes = b""
    problem: str = ""


def look_at(content: bytes) -> Look:
    return Look(hashlib.sha256(content).hexdigest(), content)


class FileWatch:
    """What one process knows of one file. Reads it only when its signature changed."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._signature: Signature | None = None
        self._last = Look("")
        #: The newest content that this process has dealt with.
        self.noticed: str | None = None

    def look(self, path: Path) -> Look | None:
        """What the file holds now; None while somebody is writing it."""
        try:
            # By its path each time, through every link: a swapped link is another file.
            signature = _signature(path)
            if signature == self._signature:
                return self._last
            with path.open("rb") as file:
                # One more than allowed, so that the reader can tell that it is too much.
                content = file.read(self._most_bytes + 1)
            time.sleep(SETTLE_SECONDS)
            if _signature(path) != signature:
                return None
            found = look_at(content)
        except (FileNotFoundError, NotADirectoryError):
            signature, found = None, Look("")
        except OSError as error:
            signature, problem = None, f"It cannot be read: {error.strerror or 'no access'}."
            found = Look(hashlib.sha256(problem.encode()).hexdigest(), problem=problem)
        self._signature, self._last = signature, found
        return found


def _signature(path: Path) -> Signature:
    seen = os.stat(path)
    if not stat.S_ISREG(seen.st_mode):
        raise OSError(0, "it is not a file")
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
