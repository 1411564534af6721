"""A row of the table: a figure, what it is compared with, and whether it keeps its budget."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """`budget` is the least ratio or value that is good enough, or with `at_most` the largest."""

    name: str
    value: float
    unit: str
    budget: float
    peer: str = ""
    peer_value: float | None = None
    at_most: bool = False

    @property
    def ratio(self) -> float | None:
        return self.value / self.peer_value if self.peer_value else None

    @property
    def holds(self) -> bool:
        measured = self.ratio if self.ratio is not None else self.value
        return measured <= self.budget if self.at_most else measured >= self.budget


def table(results: list[Result]) -> str:
    lines = [f"{'what':52} {'value':>10} {'unit':12} {'ratio':>7}  {'budget':>10}  peer"]
    for r in results:
        ratio = f"{r.ratio:.2f}" if r.ratio is not None else ""
        sign = "≤" if r.at_most else "≥"
        peer = f"{r.peer}: {r.peer_value:,.1f}" if r.peer_value else r.peer
        mark = "" if r.holds else "  MISSED"
        lines.append(
            f"{r.name:52} {r.value:10,.1f} {r.unit:12} {ratio:>7}  {sign} {r.budget:8,.1f}  {peer}{mark}"
        )
    return "\n".join(lines)


def write(results: list[Result], path: Path) -> None:
    rows = [{**asdict(r), "ratio": r.ratio, "holds": r.holds} for r in results]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=2))


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
