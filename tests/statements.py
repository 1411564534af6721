"""How many statements something costs, whatever the process remembers at that moment."""

from collections.abc import Callable

from django.db import connection
from django.test.utils import CaptureQueriesContext

from sla import promises, subscriptions


def statements_of(work: Callable[[], object]) -> int:
    """Policies and channels are read again every few seconds: here they are each time."""
    promises.forget()
    subscriptions.forget()
    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)
