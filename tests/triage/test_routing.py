import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_the_reason_names_the_route_and_quotes_what_it_found() -> None:
    found = send(
        RoutingSpec(
            7,
            1,
            "To Network",
            "IT Support",
            group="Network",
            categories=frozenset({"network"}),
            terms=(Term("vpn"),),
        ),
        text="my VPN",
    )

    assert (found.rule_id, found.group) == (7, "Network")
    assert found.reason == "Route “To Network” matched category network and found “vpn”."


def test_the_default_comes_last_wherever_it_stands() -> None:
    early = RoutingSpec(1, 0, "rest", "General", is_default=True)
    table = RoutingTable.build([early, RoutingSpec(2, 50, "x", "X")])

    assert route(table, Facts("network", "", "", "gold", "api", 2)).department == "X"


@given(st.text(), st.text(), st.text(), st.integers(1, 4))
def test_every_ticket_gets_a_route(category: str, title: str, text: str, rank: int) -> None:
    table = RoutingTable.build([RoutingSpec(1, 1, "x", "X", terms=(Term("vpn"),)), LAST])

    assert route(table, Facts(category, title, text, "", "", rank)).department in ("X", "General")
