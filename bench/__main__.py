"""`make bench`: starts a desk of its own, measures, prints a table and writes var/bench.json."""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import (
    alerts,
    analytics,
    checks,
    clocks,
    exports,
    feed,
    fleet,
    intake,
    lists,
    similar,
    stack,
    throughput,
)
from bench.results import Result, table, write
from tests.live.desk import BASE, Desk

SECTIONS: Final[dict[str, Callable[[Desk, int], list[Result]]]] = {
    "throughput": lambda desk, _: throughput.measure(desk),
    "intake": lambda desk, _: intake.measure(desk),
    "lists": lists.measure,
    "analytics": analytics.measure,
    "similar": similar.measure,
    "exports": exports.measure,
    "clocks": clocks.measure,
    "alerts": lambda desk, _: alerts.measure(desk),
    "feed": lambda desk, _: feed.measure(desk),
    "checks": lambda desk, _: checks.measure(desk),
    "fleet": lambda desk, _: fleet.measure(desk),
    "stack": lambda desk, _: stack.measure(desk),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--tickets", type=int, default=1_000_000, help="Rows behind the lists")
    parser.add_argument("--only", choices=list(SECTIONS))
    options = parser.parse_args()
    os.environ |= {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "LOG_LEVEL": "WARNING",
        "CELERY_EVENTS": "0",
    }
    results = []
    for name, measure in SECTIONS.items():
        if options.only in (None, name):
            results += _on_a_fresh_desk(measure, options.tickets)
    print(table(results))
    write(results, BASE / "var" / "bench.json")
    return 0 if all(result.holds for result in results) else 1


def _on_a_fresh_desk(measure: Callable[[Desk, int], list[Result]], tickets: int) -> list[Result]:
    """Servers of its own for each section: what one leaves in tables and statistics must not touch the next."""
    root = Path(tempfile.mkdtemp(prefix="smartops-bench-"))
    desk = Desk(root)
    try:
        return measure(desk, tickets)
    finally:
        desk.stop()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
