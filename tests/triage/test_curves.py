from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from triage import curves

CURVE = [[0.8, 0.82, 0.9], [0.9, 0.93, 0.7], [0.95, 0.96, 0.5]]
CURVES = st.lists(
    st.tuples(st.floats(0.5, 0.999), st.floats(0, 1), st.floats(0, 1)), min_size=1
).map(sorted)


def test_between_two_targets_the_safer_one_counts() -> None:
    assert curves.coverage_at(CURVE, 0.9) == 0.7
    assert curves.coverage_at(CURVE, 0.91) == 0.5


def test_a_target_that_cannot_be_reached_covers_nothing() -> None:
    assert curves.coverage_at(CURVE, 0.99) == 0.0
    assert curves.coverage_at([], 0.9) is None


@given(CURVES, st.floats(0.5, 0.999))
def test_any_curve_is_drawn_as_valid_xml_within_its_frame(
    curve: list[list[float]], target: float
) -> None:
    drawing = ElementTree.fromstring(curves.svg(curve, target))

    line = drawing.find("polyline")
    assert line is not None
    for pair in line.attrib["points"].split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= 480
        assert 0 <= y <= 252


def test_without_a_curve_nothing_is_drawn() -> None:
    assert curves.svg([], 0.95) == ""
