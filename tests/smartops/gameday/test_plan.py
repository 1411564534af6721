"""What a scenario makes happen: all of it follows from the seed."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from servers.lifecycle import State
from smartops.gameday.plan import Plan, digest, places_of, plan_of
from smartops.gameday.scenario import Scenario, read_scenario

FLEET = {
    "regions": ["eu-1", "us-1"],
    "racks": 2,
    "servers": {"web": 4, "database": 2},
    "needs": {"web": ["database"]},
}
MINUTE = timedelta(minutes=1)


def scenario(**given: Any) -> Scenario:
    return read_scenario(yaml.safe_dump({"name": "Test", "lasts": "2h", "fleet": FLEET, **given}))


def broken(plan: Plan) -> set[str]:
    return {change.server for change in plan.changes if change.to is State.FAILED}


@given(seed=st.integers(0, 2**63 - 1))
@settings(max_examples=20)
def test_the_same_seed_makes_the_same_things_happen(seed: int) -> None:
    text = Path("config/gamedays/regional-outage.yaml").read_text()
    one, other = (
        plan_of(read_scenario(text.replace("seed: 7", f"seed: {seed}"))) for _ in range(2)
    )

    assert one == other


def test_another_seed_makes_other_things_happen() -> None:
    requests = [{"per_hour": 20, "texts": [{"title": "a"}, {"title": "b"}]}]
    plans = [plan_of(scenario(seed=seed, requests=requests)) for seed in (1, 2)]

    assert plans[0].requests != plans[1].requests


def test_what_is_added_leaves_the_rest_as_it_was() -> None:
    alerts = {"at": 0, "problems": 20, "title": "{service} is slow"}
    alone = plan_of(scenario(alerts=[alerts]))
    among = plan_of(
        scenario(alerts=[alerts, alerts], requests=[{"per_hour": 9, "texts": [{"title": "x"}]}])
    )

    assert set(alone.messages) <= set(among.messages)


def test_a_server_depends_on_those_of_its_own_region() -> None:
    fleet = scenario().fleet
    assert fleet is not None
    places = {place.name: place for place in places_of(fleet)}

    assert places["us-1-web-03"].needs == ("us-1-database-01", "us-1-database-02")
    assert places["us-1-web-03"].rack == "us-1-rack-1"
    assert places["us-1-database-01"].needs == ()


@pytest.mark.parametrize(
    ("place", "count"),
    [({"region": "eu-1"}, 6), ({"rack": "eu-1-rack-2"}, 3), ({"server": "us-1-web-01"}, 1)],
)
def test_an_outage_takes_down_all_that_is_there_and_brings_it_back(
    place: dict[str, str], count: int
) -> None:
    plan = plan_of(scenario(outages=[{"at": "10m", "for": "20m", **place}]))
    start = scenario().start

    assert [c.at for c in plan.changes if c.to is State.FAILED] == [start + 10 * MINUTE] * count
    assert [c.at for c in plan.changes if c.to is State.BOOTING] == [start + 30 * MINUTE] * count
    assert {c.stay for c in plan.changes if c.to is State.FAILED} == {20 * MINUTE}


def test_a_flapping_server_comes_back_each_time() -> None:
    plan = plan_of(
        scenario(flapping=[{"at": 0, "for": "40m", "every": "4m", "server": "eu-1-web-01"}])
    )

    assert [change.to for change in plan.changes] == [State.FAILED, State.RUNNING] * 10
    assert sorted(plan.changes, key=lambda c: c.at) == list(plan.changes)


def test_a_deploy_restarts_one_server_after_another_and_a_share_fails() -> None:
    plan = plan_of(scenario(deploys=[{"at": 0, "role": "web", "every": "2m", "failing": 1}]))
    restarts = [c.at - scenario().start for c in plan.changes if c.to is State.BOOTING]

    assert restarts == [2 * number * MINUTE for number in range(8)]
    assert len(broken(plan)) == 8
    assert not broken(plan_of(scenario(deploys=[{"at": 0, "role": "web", "failing": 0}])))


def test_alerts_begin_within_their_time_are_repeated_and_end() -> None:
    plan = plan_of(
        scenario(
            alerts=[
                {"at": "10m", "over": "5m", "problems": 30, "repeats": 3, "resolve_after": "20m",
                 "title": "No answer of {service}"}
            ]
        )
    )  # fmt: skip
    start = scenario().start
    firing = [message for message in plan.messages if message.firing]

    assert (len(plan.problems), len(firing), len(plan.messages)) == (30, 90, 120)
    assert all(start + 10 * MINUTE <= m.at <= start + 17 * MINUTE for m in firing)
    body = json.loads(firing[0].body)
    assert body["alerts"][0]["labels"]["service"] in body["commonAnnotations"]["summary"]
    assert body["status"] == "firing"
    assert {json.loads(m.body)["status"] for m in plan.messages if not m.firing} == {"resolved"}


def test_people_come_as_often_as_they_are_said_to() -> None:
    requests = [{"per_hour": 60, "from": "1h", "texts": [{"title": "x"}], "tier": "gold"}]
    plan = plan_of(scenario(lasts="101h", requests=requests))

    assert 5700 < len(plan.requests) < 6300  # 6000, give or take four standard deviations
    assert plan.requests[0].at > scenario().start + 60 * MINUTE
    assert {request.tier for request in plan.requests} == {"gold"}


def test_nothing_happens_after_the_end() -> None:
    found = scenario(
        outages=[{"at": "1h 50m", "for": "1h", "region": "eu-1"}],
        alerts=[{"at": "1h 59m", "over": "1h", "problems": 50, "title": "x"}],
    )
    plan = plan_of(found)

    assert all(thing.at < found.start + found.lasts for thing in (*plan.changes, *plan.messages))
    assert {change.to for change in plan.changes} == {State.FAILED}


def test_a_digest_names_what_happened_in_whatever_order_it_was_found() -> None:
    assert digest(["a", "b"]) == digest(["b", "a"]) != digest(["a", "b", "b"])
