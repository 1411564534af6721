"""`make bench`: starts a desk of its own, measures, prints a table and writes var/bench.json."""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from bench import intake, lists, throughput
from bench.results import Result, table, write
from tests.live.desk import BASE, Desk


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--tickets", type=int, default=1_000_000, help="Rows behind the lists")
    parser.add_argument("--only", choices=["throughput", "intake", "lists"])
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="smartops-bench-"))
    os.environ |= {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "LOG_LEVEL": "WARNING",
        "CELERY_EVENTS": "0",
    }
    desk, results = Desk(root), list[Result]()
    try:
        if options.only in (None, "throughput"):
            results += throughput.measure(desk)
        if options.only in (None, "intake"):
            results += intake.measure(desk)
        if options.only in (None, "lists"):
            results += lists.measure(desk, options.tickets)
    finally:
        desk.stop()
        shutil.rmtree(root, ignore_errors=True)
    print(table(results))
    write(results, BASE / "var" / "bench.json")
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
