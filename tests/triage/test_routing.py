import pytest

from triage.matrix import DEFAULT, PriorityMatrix, priority
from triage.routing import Facts, RoutingSpec, RoutingTable, route
from triage.terms import Term

LAST = RoutingSpec(99, 99, "rest", "General", is_default=True)


def send(
    *specs: RoutingSpec,
    category: str = "network",
    text: str = "",
    tier: str = "gold",
    rank: int = 2,
) -> object:
    return route(RoutingTable.build([*specs, LAST]), Facts(category, "", text, tier, "api", rank))


def test_the_first_match_wins_whatever_the_order_of_the_rows() -> None:
    later = RoutingSpec(1, 20, "later", "Later", categories=frozenset({"network"}))
    earlier = RoutingSpec(2, 10, "earlier", "Earlier", categories=frozenset({"network"}))

    assert send(later, earlier).department == "Earlier"


def test_without_a_match_the_default_takes_it() -> None:
    found = send(RoutingSpec(1, 1, "x", "X", categories=frozenset({"hr"})))

    assert (found.department, found.rule_name) == ("General", "rest")


@pytest.mark.parametrize(
    ("spec", "matches"),
    [
        (RoutingSpec(1, 1, "x", "X", max_priority=2), True),
        (RoutingSpec(1, 1, "x", "X", max_priority=1), False),
        (RoutingSpec(1, 1, "x", "X", tiers=frozenset({"silver"})), False),
        (RoutingSpec(1, 1, "x", "X", sources=frozenset({"mail"})), False),
        (RoutingSpec(1, 1, "x", "X", terms=(Term("vpn"),)), True),
        (RoutingSpec(1, 1, "x", "X", terms=(Term("fax"),)), False),
    ],
)
def test_all_conditions_of_a_route_must_hold(spec: RoutingSpec, matches: bool) -> None:
    assert (send(spec, text="my vpn").department == "X") is matches


def test_a_table_needs_exactly_one_default() -> None:
    with pytest.raises(ValueError, match="exactly one default"):
        RoutingTable.build([])
    with pytest.raises(ValueError, match="exactly one default"):
        RoutingTable.build([LAST, LAST])


def test_the_default_matrix_makes_nothing_more_urgent_when_it_matters_less() -> None:
    matrix = PriorityMatrix(DEFAULT)
    for impact in (1, 2, 3):
        for urgency in (1, 2, 3):
            here = priority(matrix, impact, urgency)
            assert here <= priority(matrix, min(3, impact + 1), urgency)
            assert here <= priority(matrix, impact, min(3, urgency + 1))


def test_an_incomplete_matrix_names_the_missing_cell() -> None:
    with pytest.raises(ValueError, match="impact 3, urgency 3"):
        PriorityMatrix({cell: value for cell, value in DEFAULT.items() if cell != (3, 3)})
