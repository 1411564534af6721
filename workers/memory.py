"""Python's collector, settled for long runs: what is loaded once is not looked through again and again."""

import gc
from typing import Any, Final

from celery.signals import worker_before_create_process

#: New objects before the youngest are looked through. A chunk of tickets makes more than Python's 700.
YOUNG: Final = 20_000


@worker_before_create_process.connect
def settle(**_: Any) -> None:
    """Without it a full collection stops a web process for a tenth of a second.

    Before the fork: a collection afterwards would write to every object, and so copy what the processes share.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
