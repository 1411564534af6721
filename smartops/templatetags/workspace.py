"""How the workspace writes people, statuses and what happened."""

from typing import Any, Final

from django import template

from tickets.lifecycle import Status

register = template.Library()

_TONES: Final = {
    Status.OPEN: "info",
    Status.IN_PROGRESS: "accent",
    Status.ON_HOLD: "warn",
    Status.RESOLVED: "good",
    Status.CLOSED: "calm",
    Status.CANCELLED: "calm",
}


@register.filter
def status_tone(status: str) -> str:
    return _TONES[Status(status)]


@register.filter
def person(user: Any) -> str:
    """A person's name, or how they sign in."""
    return str(user.get_full_name() or user.get_username())
