"""Whether labelled tickets can carry a model, or rules should go on deciding."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

#: Below this, the shipped model and the rules decide better than anything learnt from so few.
FEWEST: Final = 50
#: A label needs so many tickets to be learnt.
FEWEST_PER_LABEL: Final = 5
#: Above this share of one label, a model that always says it is right so often that nothing is learnt.
MOST_OF_ONE: Final = 0.8


def suitability(labels: Sequence[str]) -> str:
    """Return "" when a model is worth training on tickets with these labels, else the sentence why not."""
    counts = Counter(labels)
    total = counts.total()
    if total < FEWEST:
        return f"Only {total} labelled tickets: a model needs {FEWEST}."
    known = [label for label, count in counts.items() if count >= FEWEST_PER_LABEL]
    if len(known) < 2:
        few = "None" if not known else f"Only “{known[0]}”"
        return f"{few} has {FEWEST_PER_LABEL} labelled tickets: a model needs two such labels."
    label, count = counts.most_common(1)[0]
    if count > MOST_OF_ONE * total:
        return (
            f"{count / total:.0%} of the labelled tickets are “{label}”: "
            f"beyond {MOST_OF_ONE:.0%} a model learns little but to say so."
        )
    return ""
