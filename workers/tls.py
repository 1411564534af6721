"""Whom we believe when we call: one answer for all who open connections."""

import ssl
from functools import cache

import certifi


@cache
def context(*protocols: str) -> ssl.SSLContext:
    """The system's authorities, for those who run one of their own, and the public ones.

    One for each choice of `protocols` (ALPN): HTTP's library writes its own into the one it gets, and a server
    of another kind may then refuse to talk.
    """
    made = ssl.create_default_context()
    made.load_verify_locations(certifi.where())
    if protocols:
        made.set_alpn_protocols(list(protocols))
    return made
