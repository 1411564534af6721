"""Chance that can be asked again: each number follows from a seed and from what it is for.

No generator is carried along, so it does not matter who asks, when, or in which order.
"""

import math
from hashlib import blake2b


def uniform(seed: int, *what: object) -> float:
    """Return a number between 0 and 1, neither of them included."""
    text = "\x1f".join(map(str, what)).encode()
    digest = blake2b(text, digest_size=8, key=seed.to_bytes(8, "big")).digest()
    return ((int.from_bytes(digest, "big") >> 12) + 0.5) / 2**52


def exponential(mean: float, share: float) -> float:
    """Return how long something with this mean takes, `share` between 0 and 1 deciding."""
    return -mean * math.log(share)
