"""Python's collector, settled for long runs: what is loaded once is not looked through again and again."""

import gc
from typing import Final

#: New objects before the youngest are looked through. A chunk of tickets makes more than Python's 700.
YOUNG: Final = 20_000


def settle() -> None:
    """Without it a full collection stops a web process for a tenth of a second.

    Before the fork: a collection afterwards would write to every object, and so copy what the processes share.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
