"""From a sender's word for how grave it is to impact and urgency."""

from typing import Final

from servers.alerts import Severity

#: Each severity is one priority of the usual matrix, P1 to P4.
LEVELS: Final[dict[Severity, tuple[int, int]]] = {
    Severity.CRITICAL: (1, 1),
    Severity.ERROR: (2, 1),
    Severity.WARNING: (2, 2),
    Severity.INFO: (3, 3),
}
#: Words of other products. What is not among them says nothing, and triage decides.
WORDS: Final[dict[str, Severity]] = {
    **dict.fromkeys(
        ("critical", "crit", "fatal", "emergency", "disaster", "page", "p1", "sev1"),
        Severity.CRITICAL,
    ),
    **dict.fromkeys(("error", "err", "high", "major", "p2", "sev2"), Severity.ERROR),
    **dict.fromkeys(
        ("warning", "warn", "medium", "average", "minor", "p3", "sev3"), Severity.WARNING
    ),
    **dict.fromkeys(
        ("info", "information", "informational", "low", "notice", "debug", "p4", "sev4"),
        Severity.INFO,
    ),
}


def severity_of(words: str) -> Severity | None:
    """The gravest of `words`, which commas separate."""
    known = {WORDS.get(word.strip().lower()) for word in words.split(",")}
    return next((severity for severity in LEVELS if severity in known), None)
