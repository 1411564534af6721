"""What a source of counters adds up to."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection

from workers.tallies import Amounts, Counted, Labels


def counted(
    count: Callable[[Any, int, int], Iterable[Amounts]], of: Counted, *, after: int = 0
) -> dict[Labels, float]:
    """All amounts of one counter or histogram, of rows after an id."""
    found: Counter[Any] = Counter()
    with connection.cursor() as cursor:
        for amounts in count(cursor, after, 2**60):
            for (name, labels), value in amounts.items():
                if name == of.name:
                    found[labels] += value
    return {labels: value for labels, value in found.items() if value}
