"""Secrets at rest: what a channel must keep secret is stored encrypted, with a key made from SECRET_KEY."""

import base64
from functools import cache
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_PURPOSE: Final = b"smartops.sla.channels.v1"


class Unreadable(Exception):
    """It was encrypted with another SECRET_KEY."""


def encrypt(text: str) -> str:
    """Return `text` as the database keeps it; nothing stays nothing."""
    return _box().encrypt(text.encode()).decode() if text else ""


def decrypt(kept: str) -> str:
    """:raises Unreadable: SECRET_KEY was changed since; its old value may stand in SECRET_KEY_FALLBACKS."""
    if not kept:
        return ""
    try:
        return _box().decrypt(kept.encode()).decode()
    except InvalidToken:
        raise Unreadable("It was encrypted with another SECRET_KEY.") from None


def _box() -> MultiFernet:
    return MultiFernet([_fernet(k) for k in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


@cache
def _fernet(key: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


def is_current(kept: str) -> bool:
    """Whether SECRET_KEY itself reads it, and not an old key."""
    try:
        _fernet(settings.SECRET_KEY).decrypt(kept.encode())
    except InvalidToken:
        return False
    return True


def fingerprint() -> str:
    """Return a short mark of SECRET_KEY that does not help to find it."""
    return fingerprint_of(settings.SECRET_KEY)


def fingerprint_of(key: str) -> str:
    derived = HKDF(SHA256(), length=8, salt=None, info=b"smartops.fingerprint.v1")
    return derived.derive(key.encode()).hex()
