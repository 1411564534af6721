"""`python -m bench.duplicates DIR`: how well known duplicates are found among their neighbours.

DIR holds pairs of files as `NAME.csv[.gz]` (id, title, body) and `NAME_pairs.csv[.gz]` (id, duplicate_of). For each
pair the first ticket is the question, and all others of the set the candidates.
"""

import csv
import gzip
import io
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from triage import likeness
from triage.likeness import Entries, Frequencies

FOUND_WITHIN: Final = 5
THRESHOLDS: Final = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Scores:
    recall: float  # share of pairs whose duplicate is among the first five
    mrr: float  # mean of 1 / its rank
    milliseconds: float  # for one question
    #: For each threshold: how many questions have a neighbour that alike, and how many of these are known pairs.
    above: dict[float, tuple[int, int]]


def evaluate(texts: dict[str, tuple[str, str]], pairs: list[tuple[str, str]]) -> Scores:
    """Ask for the neighbours of the first ticket of each pair."""
    place = {name: number for number, name in enumerate(texts)}
    entries, frequencies, typical = index(list(texts.values()))
    everything, sizes = np.concatenate(entries), [len(one) for one in entries]
    alike = _groups(pairs)
    ranks, best = [], []
    started = time.perf_counter()
    for one, other in pairs:
        own = entries[place[one]]
        scores = likeness.compare(own, everything, sizes, frequencies.rarity, typical)
        scores[place[one]] = -1
        ranks.append(1 + int((scores > scores[place[other]]).sum()))
        nearest = list(texts)[int(scores.argmax())]
        best.append((float(scores.max()), alike.get(nearest) == alike[one]))
    took = (time.perf_counter() - started) * 1000 / max(len(pairs), 1)
    above = {
        t: (
            sum(score >= t for score, _ in best),
            sum(score >= t and right for score, right in best),
        )
        for t in THRESHOLDS
    }
    found = sum(rank <= FOUND_WITHIN for rank in ranks)
    return Scores(found / len(pairs), sum(1 / rank for rank in ranks) / len(pairs), took, above)


def index(texts: list[tuple[str, str]]) -> tuple[list[Entries], Frequencies, float]:
    """The tickets as the table keeps them, how often each feature occurs, and how long a ticket typically is."""
    whole = [likeness.entries_of(likeness.weigh(title, body)) for title, body in texts]
    frequencies = Frequencies.count(whole)
    kept = [likeness.heaviest(one, frequencies.rarity) for one in whole]
    typical = likeness.typical_length(kept, frequencies.rarity)
    return kept, frequencies, typical


def _groups(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """For each ticket the name of its group of duplicates; a ticket in no pair is alone."""
    group: dict[str, str] = {}
    for one, other in pairs:
        old, new = group.setdefault(one, one), group.setdefault(other, other)
        group.update({name: new for name, of in group.items() if of == old})
    return group


def sets(folder: Path) -> Iterator[tuple[str, dict[str, tuple[str, str]], list[tuple[str, str]]]]:
    for path in sorted(folder.glob("*_pairs.csv*")):
        name = path.name.partition("_pairs.csv")[0]
        texts = {row["id"]: (row["title"], row["body"]) for row in _rows(folder, name)}
        pairs = [(row["id"], row["duplicate_of"]) for row in _rows(folder, f"{name}_pairs")]
        yield name, texts, [p for p in pairs if p[0] in texts and p[1] in texts]


def _rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    packed, plain = folder / f"{name}.csv.gz", folder / f"{name}.csv"
    raw = gzip.decompress(packed.read_bytes()) if packed.exists() else plain.read_bytes()
    yield from csv.DictReader(io.StringIO(raw.decode("utf-8"), newline=""))


def main() -> int:
    csv.field_size_limit(2**31 - 1)
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    print(
        f"{'set':20} {'tickets':>8} {'pairs':>6} {'recall@5':>9} {'MRR':>6} {'ms':>6}   right among the alike, by score"
    )
    for name, texts, pairs in sets(Path(sys.argv[1])):
        s = evaluate(texts, pairs)
        above = "  ".join(f"{t:.1f}: {right}/{all_}" for t, (all_, right) in s.above.items())
        print(
            f"{name:20} {len(texts):8,} {len(pairs):6,} {s.recall:9.3f} {s.mrr:6.3f} {s.milliseconds:6.2f}   {above}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
