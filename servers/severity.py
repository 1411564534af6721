"""How grave the failure of a server is: impact from its role and what stands on it, urgency from where it runs."""

from typing import Final

#: Roles that others rarely have a second one of.
CENTRAL: Final = frozenset({"network", "database", "storage", "queue"})
#: So many servers that need it, directly or through others, make any failure a wide one.
MANY: Final = 10

_URGENCY: Final = {"production": 1, "staging": 2}


def impact(role: str, dependents: int) -> int:
    """1 (high) to 3 (low).

    dependents           none  1 to 9  10 and more
    a central role          2       1            1
    any other               3       2            1
    """
    if dependents >= MANY:
        return 1
    return (2 if role in CENTRAL else 3) - (dependents > 0)


def urgency(environment: str) -> int:
    """1 (high) in production, 2 in staging, 3 elsewhere."""
    return _URGENCY.get(environment, 3)
