"""Priority from impact and urgency, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LEVELS: Final = (1, 2, 3)
PRIORITIES: Final = (1, 2, 3, 4)

#: ITIL's usual matrix: (impact, urgency) -> priority.
DEFAULT: Final[Mapping[tuple[int, int], int]] = {
    (1, 1): 1,
    (1, 2): 2,
    (1, 3): 3,
    (2, 1): 2,
    (2, 2): 3,
    (2, 3): 4,
    (3, 1): 3,
    (3, 2): 4,
    (3, 3): 4,
}


@dataclass(frozen=True)
class PriorityMatrix:
    """Nine cells.

    :raises ValueError: a cell is missing or outside 1 to 4; the message names it.
    """

    cells: Mapping[tuple[int, int], int]

    def __post_init__(self) -> None:
        for cell in ((impact, urgency) for impact in LEVELS for urgency in LEVELS):
            if self.cells.get(cell) not in PRIORITIES:
                raise ValueError(
                    f"The matrix needs a priority from 1 to 4 for impact {cell[0]}, urgency {cell[1]}."
                )


def priority(matrix: PriorityMatrix, impact: int, urgency: int) -> int:
    """Return the priority, 1 (critical) to 4 (low), of impact and urgency, each 1 (high) to 3 (low)."""
    return matrix.cells[impact, urgency]
