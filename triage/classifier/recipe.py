"""How a linear model is fitted, and which way of fitting suits the tickets at hand."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags_array
from sklearn.svm import LinearSVC

from triage.classifier.space import Counted, Rows, Space, joined

FOLDS: Final = 5
#: So many tickets tell which weight of the pieces suits; the time for more buys nothing.
ENOUGH_FOR_PIECES: Final = 3_000
#: From so many on, one part held out ranks recipes well enough.
ENOUGH_FOR_ONE_PART: Final = 2_000
#: Below this, what suits is known better from other desks than from their own tickets.
FEW: Final = 2_000
#: Below this, beside more tickets from elsewhere, choosing takes minutes and finds nothing better than the usual.
ENOUGH_TO_CHOOSE: Final = 500
#: How much better another recipe must be, over the root of the tickets that judge it: less is chance.
MARGIN: Final = 0.3
MANY: Final = 10_000
#: What a feature counts for that tells nothing about the label; one that tells 1 nat counts for 1 more.
TELLS_NOTHING: Final = 0.3
#: Texts with the usual labels that each feature is taken to have been in besides: few texts prove little.
DOUBT: Final = 2.0


class Recipe(NamedTuple):
    """`pieces`: weight of the words' pieces beside the words (0: none). `opening`: weight of what a long text
    opens with, beside the whole. `strength`: the inverse of how much large coefficients cost. `balance`: 0 counts
    every ticket alike, 1 every label alike. `telling`: words count by how well they tell the labels apart."""

    pieces: float = 1.6
    opening: float = 0.0
    strength: float = 0.3
    balance: float = 0.5
    telling: bool = True


PIECES: Final = (1.6, 0.8, 3.2, 0.0)
OPENINGS: Final = (0.0, 0.5, 1.0)
STRENGTHS: Final = (0.03, 0.1, 0.3, 1.0)
STRENGTHS_OF_MANY: Final = (0.1, 0.3)
BALANCES: Final = (0.0, 0.5, 1.0)


class Tickets(NamedTuple):
    """What is learnt from. The first `own` are the desk's; those behind only help. `copies` are the numbers of the
    desk's groups of near-copies."""

    counted: Counted
    truth: NDArray[np.intp]  # the number of the label
    labels: int
    weights: NDArray[np.float64]
    own: int
    copies: NDArray[np.intp]


def folds(
    truth: NDArray[np.intp], copies: NDArray[np.intp], seed: int, parts: int = FOLDS
) -> NDArray[np.intp]:
    """Return each ticket's part: shuffled, every label spread over the parts as evenly as it goes, and near-copies
    together, for a model that has learnt one knows the others."""
    _, first, group = np.unique(copies, return_index=True, return_inverse=True)
    labels = truth[first]
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_label = shuffled[np.argsort(labels[shuffled], kind="stable")]
    part = np.empty(len(labels), dtype=np.intp)
    part[by_label] = np.arange(len(labels)) % parts
    return part[group]


def fit(
    features: csr_matrix, tickets: Tickets, rows: Rows, recipe: Recipe, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return coefficients (features × labels) and intercepts learnt from `rows`."""
    if not features.shape[1]:  # no word stands in two of these
        return np.zeros((0, tickets.labels), np.float32), np.zeros(tickets.labels, np.float32)
    truth, weights = tickets.truth[rows], tickets.weights[rows]
    mass = np.bincount(truth, weights=weights, minlength=tickets.labels)
    known = np.flatnonzero(mass)
    share = mass[truth] * len(known) / mass.sum()
    machine = LinearSVC(C=recipe.strength, random_state=seed, dual=True, max_iter=1000, tol=1e-2)
    telling = np.ones(features.shape[1], dtype=np.float32)
    if recipe.telling:
        telling = how_telling(features, truth, weights)
        features = (features @ diags_array(telling)).tocsr()
    machine.fit(features, truth, sample_weight=weights * share**-recipe.balance)
    found, starts = machine.coef_ * telling, machine.intercept_
    if len(known) == 2:  # scikit-learn keeps one row for two labels
        found, starts = np.vstack([-found, found]), np.array([-starts[0], starts[0]])
    coefficients = np.zeros((features.shape[1], tickets.labels), dtype=np.float32)
    intercepts = np.full(tickets.labels, -1.0, dtype=np.float32)
    coefficients[:, known], intercepts[known] = found.T, starts
    return coefficients, intercepts


def how_telling(
    features: csr_matrix, truth: NDArray[np.intp], weights: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return how much each feature counts while coefficients are looked for: the more, the better it tells labels.

    That is the divergence (Kullback-Leibler) of the labels of its texts from those of all. The mean over all that
    occurs is 1, so that the strength of a fit means the same with and without.
    """
    held = csr_matrix(
        (np.ones_like(features.data), features.indices, features.indptr), shape=features.shape
    )
    known, label = np.unique(truth, return_inverse=True)
    texts = csr_matrix((weights, (label, np.arange(len(truth)))), shape=(len(known), len(truth)))
    usual = np.bincount(label, weights=weights)[:, None] / weights.sum()
    met = np.asarray((texts @ held).todense()) + DOUBT * usual
    shares = met / met.sum(axis=0)
    told = TELLS_NOTHING + (shares * np.log(shares / usual)).sum(axis=0)
    power = np.bincount(features.indices, features.data**2, minlength=features.shape[1])
    scale: NDArray[np.float32] = (told / np.sqrt((told**2 @ power) / power.sum())).astype(
        np.float32
    )
    return scale


def held_out_scores(tickets: Tickets, recipe: Recipe, seed: int) -> NDArray[np.float64]:
    """Return each own ticket's scores (tickets × labels) from a model that has not seen it."""
    scores = np.zeros((tickets.own, tickets.labels))
    for learnt, asked in _splits(
        tickets, folds(tickets.truth[: tickets.own], tickets.copies, seed)
    ):
        scores[asked] = next(_scores(tickets, learnt, asked, [recipe], seed))
    return scores


def later_scores(
    tickets: Tickets, recipe: Recipe, seed: int, newest: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the scores of the `newest` tickets from a model that has learnt from the others."""
    splits = _splits(tickets, np.where(newest, 0, 1))
    return next(_scores(tickets, *next(splits), [recipe], seed))


def choose(tickets: Tickets, seed: int, *, foreign: bool = False) -> Recipe:
    """Return the recipe that does best on tickets that it has not learnt from: first the weights of pieces and
    opening, judged on a sample, then how hard to fit and how much to help rare labels.

    `foreign`: what tells labels apart in these tells less where the model will work.
    """
    usual = Recipe(strength=0.1, balance=1.0) if tickets.own < FEW else Recipe()
    usual = usual._replace(telling=not foreign)
    if tickets.own < min(ENOUGH_TO_CHOOSE, len(tickets.truth) - tickets.own):
        return usual
    few = np.sort(np.random.default_rng(seed).permutation(tickets.own)[:ENOUGH_FOR_PIECES])
    part = np.full(tickets.own, -1)
    part[few] = folds(tickets.truth[few], tickets.copies[few], seed, 3)
    recipes = [usual._replace(pieces=weight) for weight in PIECES]
    recipes.append(usual._replace(telling=False))
    recipe = _best(tickets, part, recipes, seed)
    if tickets.counted.openings.nnz:
        recipes = [recipe._replace(opening=weight) for weight in OPENINGS]
        recipe = _best(tickets, part, recipes, seed)
    many = tickets.own > MANY
    others = [
        recipe._replace(strength=strength, balance=balance)
        for strength in (STRENGTHS_OF_MANY if many else STRENGTHS)
        for balance in BALANCES
    ]
    recipes = [recipe, *(other for other in others if other != recipe)]
    part = folds(tickets.truth[: tickets.own], tickets.copies, seed + 1)
    return _best(tickets, part, recipes, seed, only_one=tickets.own > ENOUGH_FOR_ONE_PART)


def _best(
    tickets: Tickets,
    part: NDArray[np.intp],
    recipes: list[Recipe],
    seed: int,
    *,
    only_one: bool = False,
) -> Recipe:
    """Return the recipe with the most merit: the first, unless another is clearly better."""
    guesses = np.full((len(recipes), tickets.own), -1)
    for learnt, asked in _splits(tickets, part):
        for number, scores in enumerate(_scores(tickets, learnt, asked, recipes, seed)):
            guesses[number, asked] = scores.argmax(axis=1)
        if only_one:
            break
    judged = guesses[0] >= 0
    truth = tickets.truth[: tickets.own][judged]
    merits = [merit(guess[judged], truth, tickets.labels) for guess in guesses]
    best, margin = int(np.argmax(merits)), MARGIN / float(judged.sum()) ** 0.5
    return recipes[best if merits[best] > merits[0] + margin else 0]


def _splits(tickets: Tickets, part: NDArray[np.intp]) -> Iterator[tuple[Rows, Rows]]:
    """Yield what to learn from and what to ask. Tickets of part -1 stay out; helping ones are always learnt."""
    helping = np.arange(tickets.own, len(tickets.truth))
    for number in range(part.max() + 1):
        asked = np.flatnonzero(part == number)
        others = np.flatnonzero((part >= 0) & (part != number))
        if len(asked) and len(np.unique(tickets.truth[others])) > 1:
            yield np.concatenate([others, helping]), asked


def _scores(
    tickets: Tickets, learnt: Rows, asked: Rows, recipes: list[Recipe], seed: int
) -> Iterator[NDArray[Any]]:
    """Yield the scores of `asked` by each recipe; the features are made once."""
    made: dict[tuple[bool, float], tuple[Any, Any]] = {}
    for recipe in recipes:
        key = recipe.pieces > 0, recipe.opening
        if key not in made:
            space = Space(tickets.counted, learnt, composed=key[0], opening=key[1])
            made[key] = space.features(learnt), space.features(asked)
        seen, unseen = (joined(known, pieces, recipe.pieces) for known, pieces in made[key])
        coefficients, intercepts = fit(seen, tickets, learnt, recipe, seed)
        yield unseen @ coefficients + intercepts


def merit(guess: NDArray[np.intp], truth: NDArray[np.intp], labels: int) -> float:
    """Macro-F1, steadied by accuracy: with rare labels alone it would follow single tickets."""
    return macro_f1(guess, truth, labels) + float((guess == truth).mean()) / 4


def macro_f1(guess: NDArray[np.intp], truth: NDArray[np.intp], labels: int) -> float:
    """Mean F1 of the labels that occur in the truth."""
    hits = np.bincount(truth[guess == truth], minlength=labels)
    asked = np.bincount(truth, minlength=labels)
    total = np.bincount(guess, minlength=labels) + asked
    return float((2 * hits / np.maximum(total, 1))[asked > 0].mean())
