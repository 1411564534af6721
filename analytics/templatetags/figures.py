"""How figures read."""

from typing import Final

from django import template

from servers.lifecycle import State
from tickets.models import SlaState

register = template.Library()

_SLA_WORDS: Final = {
    SlaState.BREACHED: "missed",
    SlaState.WARNING: "near, none missed",
    SlaState.OK: "in time",
    SlaState.PAUSED: "on hold",
    SlaState.NONE: "nothing due",
}
_TONES: Final = {
    State.FAILED: "bad",
    State.DEGRADED: "warn",
    State.BOOTING: "info",
    State.STOPPED: "calm",
    State.RUNNING: "good",
}


@register.filter
def percent(share: float) -> str:
    """A share from 0 to 1 in percent."""
    return f"{100 * share:.0f}%"


@register.filter
def sla_words(state: str) -> str:
    return _SLA_WORDS[SlaState(state)]


@register.filter
def server_tone(state: str) -> str:
    return _TONES[State(state)]
