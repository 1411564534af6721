"""A game day's file: what it may say, and what it says when it is wrong."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sla.yamlfile import WrongFile
from smartops.gameday.scenario import Scenario, read_scenario

SHIPPED = sorted(Path("config/gamedays").glob("*.yaml"))
FLEET = {"regions": ["eu-1", "us-1"], "racks": 2, "servers": {"web": 2, "database": 1}}


def scenario(**given: Any) -> Scenario:
    return read_scenario(yaml.safe_dump({"name": "Test", "lasts": "2h", **given}, sort_keys=False))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_those_that_ship_can_be_played(path: Path) -> None:
    assert read_scenario(path.read_bytes()).lasts >= timedelta(hours=3)


def test_three_ship() -> None:
    assert [path.stem for path in SHIPPED] == ["alert-storm", "calm-day", "regional-outage"]


def test_little_is_needed() -> None:
    found = scenario()

    assert (found.start, found.seed) == (datetime(2026, 3, 2, 8, 0, tzinfo=UTC), 1)
    assert found.fleet is None


def test_servers_have_names_and_racks_of_their_region() -> None:
    fleet = scenario(fleet=FLEET).fleet

    assert fleet is not None
    assert fleet.names == [
        *("eu-1-web-01", "eu-1-web-02", "eu-1-database-01"),
        *("us-1-web-01", "us-1-web-02", "us-1-database-01"),
    ]
    assert fleet.racks_of_all == ["eu-1-rack-1", "eu-1-rack-2", "us-1-rack-1", "us-1-rack-2"]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("", "It must name what happens"),
        ("lasts: 1h", "name: It is missing."),
        ("name: x\nlasts: 8d", "line 2, column 8: lasts: A game day lasts at most 7 days."),
        ("name: x\nlasts: soon", "line 2, column 8: lasts: 'soon' is not a length of time."),
        ("name: x\nlasts: 1h\nstart: noon", "line 3, column 8: start: 'noon' is not a time."),
        (
            "name: x\nlasts: 1h\nspeed: 3",
            "line 3, column 8: speed: 'speed' is unknown here. Known:",
        ),
        (
            "name: x\nlasts: 1h\nteams:\n  - {agents: 2, hours: 18:00-08:00}",
            "line 4, column 24: teams[0].hours: The shift must begin before it ends",
        ),
        (
            "name: x\nlasts: 1h\nteams:\n  - {agents: 2, work: {P1: 1h}}",
            "teams[0].work: It says nothing of P2, P3, P4.",
        ),
        (
            "name: x\nlasts: 1h\noutages:\n  - {at: 5m, during: 4m, region: a}",
            "line 4, column 22: outages[0].during: 'during' is unknown here. Known: at, for, region,",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(given: str, line: str) -> None:
    with pytest.raises(WrongFile) as wrong:
        read_scenario(given)

    assert line in str(wrong.value)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"outages": [{"at": 0, "region": "mars"}]}, "outages[0].region: The fleet has no region"),
        (
            {"outages": [{"at": "3h", "region": "eu-1"}]},
            "outages[0].at: This is after the end of the game day.",
        ),
        ({"outages": [{"at": 0}]}, "outages[0]: Name one of region, rack and server."),
        (
            {"outages": [{"at": 0, "rack": "eu-1-rack-2", "region": "eu-1"}]},
            "outages[0]: Name one of region, rack and server.",
        ),
        ({"flapping": [{"at": 0, "server": "eu-1-web-09"}]}, "The fleet has no server"),
        ({"deploys": [{"at": 0, "role": "cache"}]}, "deploys[0].role: The fleet has no role"),
        ({"fleet": {**FLEET, "needs": {"web": ["queue"]}}}, "there are no servers of role queue"),
        ({"fleet": {**FLEET, "needs": {"web": ["web"]}}}, "need each other: web → web."),
        (
            {"fleet": {**FLEET, "needs": {"web": ["database"], "database": ["web"]}}},
            "these roles would need each other: ",
        ),
        ({"fleet": {**FLEET, "servers": {"web": 500, "api": 501}}}, "less than or equal to 500"),
        ({"fleet": {**FLEET, "regions": ["a", "a"]}}, "A region stands here twice."),
    ],
)
def test_places_and_times_must_be_there(given: dict[str, Any], line: str) -> None:
    with pytest.raises(WrongFile) as wrong:
        scenario(**{"fleet": FLEET, **given})

    assert line in str(wrong.value)


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(WrongFile) as wrong:
        scenario(lasts="x", seed=-1, teams=[{"agents": 0}])

    assert len(wrong.value.errors) == 3


@given(
    at=st.integers(0, 119),
    lasts=st.integers(1, 600),
    count=st.integers(1, 10_000),
    per_hour=st.floats(0.01, 2000),
)
def test_any_amount_within_bounds_is_read_as_it_stands(
    at: int, lasts: int, count: int, per_hour: float
) -> None:
    found = scenario(
        fleet=FLEET,
        outages=[{"at": at, "for": f"{lasts}m", "region": "eu-1"}],
        alerts=[{"at": f"{at}m", "problems": count, "title": "x"}],
        requests=[{"per_hour": per_hour, "texts": [{"title": "x"}]}],
    )

    assert found.outages[0].at == found.alerts[0].at == timedelta(minutes=at)
    assert found.outages[0].lasts == timedelta(minutes=lasts)
    assert (found.alerts[0].problems, found.requests[0].per_hour) == (
        count,
        pytest.approx(per_hour),
    )


@given(content=st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_whatever_stands_in_a_file_it_is_read_or_refused(content: str | bytes) -> None:
    with suppress(WrongFile):
        read_scenario(content)
