"""What a target precision costs in coverage, from the curve that the registry keeps. Pure.

A curve is [[target, precision reached, coverage], …] by growing target, for those targets that can be reached.
"""

from collections.abc import Sequence
from typing import Final

Curve = Sequence[Sequence[float]]
#: Targets that are shown beside the dial.
SHOWN: Final = (0.8, 0.9, 0.95, 0.99)
_LEFT, _TOP, _WIDTH, _HEIGHT = 44, 12, 420, 200


def coverage_at(curve: Curve, target: float) -> float | None:
    """Which share is done alone at a target precision; 0 where it cannot be reached, None without a curve.

    Between two points of the curve the higher target counts, so that nothing is promised that was not measured.
    """
    if not curve:
        return None
    enough = [coverage for at, _, coverage in curve if at >= target - 1e-9]
    return enough[0] if enough else 0.0


def svg(curve: Curve, target: float) -> str:
    """Return the curve as an SVG drawing in the text's colour, with a line at the target.

    It holds numbers only, so it may stand in a page as it is.
    """
    if not curve:
        return ""
    low = min(0.7, *(point[0] for point in curve))
    points = " ".join(f"{_x(coverage):.1f},{_y(at, low):.1f}" for at, _, coverage in curve)
    marks = "".join(
        f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{_y(at, low):.1f}" y2="{_y(at, low):.1f}" '
        f'stroke="currentColor" stroke-opacity="0.15"/>'
        f'<text x="{_LEFT - 6}" y="{_y(at, low) + 4:.1f}" text-anchor="end">{at:.0%}</text>'
        for at in (0.7, 0.8, 0.9, 1.0)
    )
    shares = "".join(
        f'<text x="{_x(share):.1f}" y="{_TOP + _HEIGHT + 16}" text-anchor="middle">{share:.0%}</text>'
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    done = coverage_at(curve, target) or 0.0
    dial = (
        f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{_y(target, low):.1f}" y2="{_y(target, low):.1f}" '
        f'stroke="#9333ea" stroke-dasharray="4 3"/>'
        f'<circle cx="{_x(done):.1f}" cy="{_y(target, low):.1f}" r="4" fill="#9333ea"/>'
    )
    return (
        f'<svg viewBox="0 0 {_LEFT + _WIDTH + 16} {_TOP + _HEIGHT + 40}" role="img" '
        f'aria-label="At {target:.1%} precision {done:.0%} are decided alone" '
        f'style="max-width: 36rem; width: 100%" font-size="11" fill="currentColor">'
        f"{marks}{shares}"
        f'<text x="{_LEFT + _WIDTH / 2}" y="{_TOP + _HEIGHT + 34}" text-anchor="middle">'
        f"decided alone</text>"
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="2"/>'
        f"{dial}</svg>"
    )


def _x(share: float) -> float:
    return _LEFT + share * _WIDTH


def _y(precision: float, low: float) -> float:
    return _TOP + (1 - (precision - low) / (1 - low)) * _HEIGHT
