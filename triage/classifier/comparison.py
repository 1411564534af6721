"""Whether a challenger is better than the champion: both judged on the same tickets, which neither had seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RESAMPLES: Final = 1_000
#: Two-sided: the interval's lower end is what the difference exceeds with 97.5 % assurance.
INTERVAL: Final = 0.95
#: How surely answers must be better than the same answers dealt out at random.
NO_CHANCE: Final = 0.999
#: How much worse "not worse" may be, in macro-F1.
MARGIN: Final = 0.01
#: What a class may lose of its recall, and from how many tickets on its recall is trusted.
MOST_RECALL_LOST: Final = 0.05
ENOUGH: Final = 30


@dataclass(frozen=True)
class RecallChange:
    label: str
    support: int
    champion: float
    challenger: float

    @property
    def change(self) -> float:
        return self.challenger - self.champion


@dataclass(frozen=True)
class Verdict:
    """`low` and `high` bound the gain in macro-F1, challenger minus champion (95 %, paired bootstrap)."""

    champion: float
    challenger: float
    low: float
    high: float
    recalls: tuple[RecallChange, ...]
    better: bool
    why: str

    @property
    def gain(self) -> float:
        return self.challenger - self.champion


def compare(
    truth: Sequence[str],
    champion: Sequence[str],
    challenger: Sequence[str],
    *,
    non_inferior: bool = False,
    cautious: bool = False,
    seed: int = 0,
) -> Verdict:
    """Compare the labels that two models gave to the same tickets, a person's labels being the `truth`.

    `better` asks that the gain's lower bound is above 0 or, with `non_inferior` (the same recipe on more data),
    above -0.01; and that no class with at least 30 tickets loses more than 5 points of recall.
    `cautious`, for few tickets: the challenger's answers must also have to do with what they say; to know which
    labels are common here is not enough.
    """
    if not truth:
        return Verdict(0.0, 0.0, 0.0, 0.0, (), False, "There are no tickets to judge on.")
    names = sorted({*truth, *champion, *challenger})
    number = {name: index for index, name in enumerate(names)}
    triples = np.array(
        [
            [number[name] for name in triple]
            for triple in zip(truth, champion, challenger, strict=True)
        ]
    )
    cells, counts = np.unique(triples, axis=0, return_counts=True)
    asked = np.bincount(triples[:, 0], minlength=len(names)) > 0
    old, new = (_macro_f1(cells[:, [0, by]], counts[None], asked)[0] for by in (1, 2))
    # Drawing tickets with replacement is drawing how often each combination of labels occurs.
    drawn = np.random.default_rng(seed).multinomial(len(truth), counts / len(truth), RESAMPLES)
    gains = _macro_f1(cells[:, [0, 2]], drawn, asked) - _macro_f1(cells[:, [0, 1]], drawn, asked)
    low, high = np.quantile(gains, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
    recalls = _recalls(triples, names)
    measured = (
        f"Macro-F1 changes by {100 * (new - old):+.1f} points "
        f"(95 %: {100 * low:+.1f} to {100 * high:+.1f})"
    )
    better, why = _judge(float(low), measured, recalls, non_inferior)
    if better and cautious and new <= _by_chance(triples[:, [0, 2]], asked, seed):
        better = False
        why = f"{measured}, but the same answers given to any other tickets would do as well."
    return Verdict(float(old), float(new), float(low), float(high), recalls, better, why)


def _by_chance(pairs: NDArray[np.intp], asked: NDArray[np.bool_], seed: int) -> float:
    """The macro-F1 that these answers, dealt out to these tickets at random, exceed in one case of 1,000."""
    chance, labels = np.random.default_rng(seed), len(asked)
    truth, said = pairs.T
    total = np.bincount(truth, minlength=labels) + np.bincount(said, minlength=labels)
    found = []
    for _ in range(RESAMPLES):
        dealt = chance.permutation(said)
        hits = np.bincount(truth[truth == dealt], minlength=labels)
        found.append(float((2 * hits / np.maximum(total, 1))[asked].mean()))
    return float(np.quantile(found, NO_CHANCE))


def _macro_f1(
    pairs: NDArray[np.intp], counts: NDArray[np.int64], asked: NDArray[np.bool_]
) -> NDArray[Any]:
    """Macro-F1 over the labels that were `asked`, one for each row of `counts` (rows × pairs)."""
    labels = np.arange(len(asked))
    of_truth, said = pairs[:, :1] == labels, pairs[:, 1:] == labels
    hits = counts @ (of_truth & said).astype(float)
    total = counts @ (of_truth.astype(float) + said)
    scores: NDArray[Any] = (2 * hits / np.maximum(total, 1))[:, asked].mean(axis=1)
    return scores


def _recalls(triples: NDArray[np.intp], names: Sequence[str]) -> tuple[RecallChange, ...]:
    support = np.bincount(triples[:, 0], minlength=len(names))
    old, new = (
        np.bincount(triples[triples[:, 0] == triples[:, by], 0], minlength=len(names))
        for by in (1, 2)
    )
    return tuple(
        RecallChange(name, int(count), float(was / count), float(now / count))
        for name, count, was, now in zip(names, support, old, new, strict=True)
        if count
    )


def _judge(
    low: float, measured: str, recalls: Sequence[RecallChange], non_inferior: bool
) -> tuple[bool, str]:
    lost = [r for r in recalls if r.support >= ENOUGH and r.change < -MOST_RECALL_LOST]
    if lost:
        worst = min(lost, key=lambda r: r.change)
        return False, (
            f"“{worst.label}” would be found less often: recall {worst.champion:.0%} → {worst.challenger:.0%} "
            f"on {worst.support} tickets. {measured}."
        )
    if low > 0:
        return True, f"{measured}: it is better."
    if non_inferior and low > -MARGIN:
        return True, f"{measured}: it is not worse, and knows more tickets."
    needed = f"above {-100 * MARGIN:+.1f}" if non_inferior else "above 0"
    return False, f"{measured}: the lower bound would have to be {needed}."
