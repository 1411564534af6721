"""Stub."""


def nudge_feed() -> None:
    pass
