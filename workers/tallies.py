"""Numbers that only grow, kept in the database: right over all processes, restarts and lost messages.

What happens seldom is added by its own transaction (`add`). What happens all the time costs its transaction
nothing: `fold` reads the new rows of an append-only table by their ids, every ten seconds, and adds up what they
say. Ids do not come in the order of commits: a run reads up to an id that was the newest at a moment of which all
open transactions have ended since.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, models, transaction

from workers.models import Tally, TallyPlace

Labels = tuple[str, ...]
#: Rows of one table in one run.
MOST: Final = 200_000
#: In the place of a histogram's bound: the sum of what was measured.
SUM: Final = "sum"


@dataclass(frozen=True)
class Counted:
    """A counter, or with `bounds` (upper ones, rising) a histogram, as `/metrics` tells it."""

    name: str
    help: str
    labels: Labels = ()
    bounds: tuple[float, ...] = ()
    #: Label values that are told from the beginning, at zero: what appears later has no rate at first.
    known: Callable[[], Iterable[Labels]] = field(default=lambda: ())

    def bucket(self) -> str:
        """SQL that says into which bucket `seconds` fall, as `labels` keep it."""
        cases = " ".join(f"WHEN seconds <= {bound!r} THEN '{bound!r}'" for bound in self.bounds)
        return f"CASE {cases} ELSE 'inf' END"

    def measured(self, rows: Iterable[tuple[Labels, str, float, float]]) -> "Amounts":
        """Amounts of a histogram from (labels, bucket, how many, their sum)."""
        amounts: Amounts = defaultdict(float)
        for labels, bucket, count, total in rows:
            amounts[self.name, (*labels, bucket)] += count
            amounts[self.name, (*labels, SUM)] += max(total, 0.0)
        return amounts

    def cumulated(self, kept: Mapping[Labels, float]) -> dict[Labels, tuple[list[float], float]]:
        """Labels -> (how many up to each bound and at all, the sum), of what `labels` keep."""
        found: dict[Labels, tuple[list[float], float]] = {
            labels: ([0.0] * (len(self.bounds) + 1), 0.0) for labels in self.known()
        }
        for (*labels, bucket), value in kept.items():
            counts, total = found.get(tuple(labels), ([0.0] * (len(self.bounds) + 1), 0.0))
            if bucket == SUM:
                total += value
            else:
                for index in range(bisect_left(self.bounds, float(bucket)), len(counts)):
                    counts[index] += value
            found[tuple(labels)] = counts, total
        return found


Amounts = dict[tuple[str, Labels], float]


@dataclass(frozen=True)
class Source:
    """An append-only table with an `id`, and what its rows after one id and up to another add up to."""

    model: type[models.Model]
    count: Callable[[Any, int, int], Iterable[Amounts]]


#: `smartops/wiring.py` lists them.
SOURCES: Final[list[Source]] = []


def add(amounts: Mapping[tuple[str, Labels], float]) -> None:
    """Add to numbers, in the caller's transaction, which others that add to the same wait for."""
    rows = sorted((name, list(labels), value) for (name, labels), value in amounts.items() if value)
    if not rows:
        return
    table = Tally._meta.db_table
    with connection.cursor() as cursor:
        cursor.executemany(
            f"""INSERT INTO {table} (name, labels, value) VALUES (%s, %s, %s)
                ON CONFLICT (name, labels) DO UPDATE SET value = {table}.value + excluded.value""",
            rows,
        )


def fold() -> int:
    """Add up what came since the last run, each table in its own transaction. Returns how many ids were passed."""
    passed, failed = 0, []
    for source in SOURCES:
        try:
            passed += _fold(source)
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:  # one table's trouble: the others are counted all the same
            failed.append(error)
    if failed:
        raise failed[0]
    return passed


@transaction.atomic(durable=True)
def _fold(source: Source) -> int:
    name, places = source.model._meta.label_lower, TallyPlace._meta.db_table
    newest = f"(SELECT coalesce(max(id), 0) FROM {source.model._meta.db_table})"
    next_xid = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {places} (name, done, next, next_xid)
                SELECT %s, newest, newest, {next_xid} FROM {newest} n (newest)
                ON CONFLICT (name) DO NOTHING""",
            [name],
        )
        # One from another cluster (the desk was restored) says nothing here, and may never come.
        cursor.execute(
            f"UPDATE {places} SET next_xid = {next_xid} WHERE name = %s AND next_xid > {next_xid}",
            [name],
        )
        cursor.execute(
            f"""SELECT done, next FROM {places}
                 WHERE name = %s AND next_xid <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
                   FOR UPDATE SKIP LOCKED""",
            [name],
        )
        place = cursor.fetchone()
        if place is None:
            return 0  # another worker is at it, or a transaction of that time is still open
        done, upto = place[0], min(place[1], place[0] + MOST)
        amounts: Amounts = defaultdict(float)
        if upto > done:
            for found in source.count(cursor, done, upto):
                for key, value in found.items():
                    amounts[key] += value
        add(amounts)
        cursor.execute(
            f"""UPDATE {places} SET done = %s, next = greatest(next, {newest}), next_xid = {next_xid},
                       folded_at = CASE WHEN %s THEN now() ELSE folded_at END
                 WHERE name = %s""",
            [upto, upto >= place[1], name],
        )
        return int(upto - done)
