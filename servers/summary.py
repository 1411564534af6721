"""How many servers of each state there are: in all, by region, by host group."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from servers.lifecycle import State

#: The gravest first.
ORDER: Final = (State.FAILED, State.DEGRADED, State.BOOTING, State.STOPPED, State.RUNNING)


def summary(counts: Iterable[tuple[str, str, str, int]]) -> dict[str, Any]:
    """Nest `counts` of (region, host group, state), which come in this order."""
    everywhere: Counter[str] = Counter()
    regions: dict[str, Counter[str]] = {}
    groups: dict[str, dict[str, Counter[str]]] = {}
    for region, group, state, count in counts:
        everywhere[state] += count
        regions.setdefault(region, Counter())[state] += count
        groups.setdefault(region, {}).setdefault(group, Counter())[state] += count
    return {
        **_shown(everywhere),
        "regions": [
            {
                "region": region,
                **_shown(states),
                "host_groups": [
                    {"host_group": group, **_shown(inside)}
                    for group, inside in groups[region].items()
                ],
            }
            for region, states in regions.items()
        ],
    }


def _shown(states: Counter[str]) -> dict[str, Any]:
    return {
        "total": states.total(),
        "states": {state.value: states[state] for state in ORDER if states[state]},
    }
