"""Keys that programs send us: shown once, kept as a hash. 192 random bits need no slow hash."""

import hashlib
import secrets
from typing import Final, NamedTuple

HINT_LETTERS: Final = 8


class NewKey(NamedTuple):
    text: str
    hash: str
    hint: str


def new_key(prefix: str) -> NewKey:
    text = f"{prefix}_{secrets.token_urlsafe(24)}"
    return NewKey(text, digest(text), text[:HINT_LETTERS])


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
