"""Bursts are told from the usual, by what they share; seeded simulations of calm months and of outages."""

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.storms.detecting import (
    ALL,
    Found,
    Past,
    Pattern,
    Seen,
    candidates,
    find_storms,
    is_unusual,
    surprise,
    usual_rate,
)
from servers.storms.titles import alike, as_like, template

REGIONS, ROLES = ("eu-1", "eu-2", "us-1", "us-2", "ap-1"), ("web", "api", "database", "cache")
CAUSES = ("Host down", "Disk almost full", "High latency", "Certificate expires", "Queue is long")
LEAST, WINDOW = 10, timedelta(minutes=5)
DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("title", "masked"),
    [
        ("Host web-17.eu is down", "host * is down"),
        ("Disk 93% full on /dev/sda1", "disk * full on *"),
        ("10.0.0.7: connection refused", "* connection refused"),
        ("Node 3 4 5 lost", "node * lost"),
        ("Certificate of mail.example.com expires", "certificate of * expires"),
        ("Große STRASSE gesperrt", "große strasse gesperrt"),  # as PostgreSQL's lower() has it
        ("", ""),
    ],
)
def test_titles_lose_what_differs(title: str, masked: str) -> None:
    assert template(title) == masked


def test_names_are_masked_even_without_a_digit() -> None:
    assert template("Host Galileo, is down", ["galileo"]) == "host * is down"


def test_titles_of_one_kind_share_most_of_their_words() -> None:
    assert alike("host * is down now", "host * is down")
    assert not alike("host * is down", "disk * is full")
    assert not alike("*", "* *")


def test_a_template_is_a_pattern_for_the_database() -> None:
    assert as_like("100%_ok * \\") == "100\\%\\_ok % \\\\"


@given(st.text(), st.text())
def test_masking_twice_is_masking_once_and_likeness_has_no_direction(one: str, other: str) -> None:
    assert template(template(one)) == template(one)
    assert alike(template(one), template(other)) == alike(template(other), template(one))


@given(st.integers(10, 10_000), st.floats(0, 1000))
def test_more_incidents_are_never_less_unusual(count: int, expected: float) -> None:
    assert surprise(count + 1, expected) >= surprise(count, expected)
    assert not is_unusual(count, count, least=LEAST)
    if is_unusual(count, expected, least=LEAST):
        assert is_unusual(count + 1, expected, least=LEAST)
        assert is_unusual(count, expected / 2, least=LEAST)


def test_the_bound_is_above_the_true_tail() -> None:
    tail = 1 - sum(math.exp(-2) * 2**n / math.factorial(n) for n in range(12))
    assert math.exp(-surprise(12, 2.0)) >= tail


def test_the_busiest_stretch_says_what_is_usual() -> None:
    pasts = [Past(168, 168 * 3600), Past(21, 7 * 3600), Past(0, 3600), Past(5, 0)]

    assert usual_rate(pasts, seconds=3600) == 3.0
    assert usual_rate([], seconds=3600) == 0.0


def seen(key: int, title: str = "Host h1 is down", **labels: str) -> Seen:
    return Seen(key, labels, title)


def found_in(rows: Sequence[Seen], **usual: float) -> list[Found]:
    """With 2 incidents usual altogether, and `usual` of single label values."""
    groups = candidates(rows, least=LEAST)

    def expected(pattern: Pattern) -> float:
        rates = (usual.get(value.replace("-", "_"), 0.1) for _, value in pattern.labels)
        return min(rates, default=0.1)

    return find_storms(rows, {ALL: 2.0, **{p: expected(p) for p in groups}}, least=LEAST)


def test_nine_incidents_are_no_storm() -> None:
    assert found_in([seen(n, region="eu-1") for n in range(9)]) == []


def test_what_is_usual_is_no_storm() -> None:
    rows = [seen(n, f"{chr(97 + n)}lpha", region="eu-1") for n in range(12)]

    assert found_in(rows, eu_1=6.0) == []


def test_a_storm_is_told_by_the_most_exact_labels_that_cover_most_of_it() -> None:
    rows = [
        seen(n, region="eu-1", environment="production", alertname="Down" if n % 10 else "Slow")
        for n in range(40)
    ]
    [storm] = found_in(rows, production=1.6, eu_1=0.4)

    assert str(storm.pattern) == "alertname=Down and region=eu-1"
    assert len(storm.keys) == 36


def test_an_outage_with_many_alert_names_is_one_storm_not_three() -> None:
    rows = [
        seen(n, f"{name} on h{n}", region="eu-1", environment="production", alertname=name)
        for n in range(60)
        for name in [("Down", "Slow", "Full")[n % 3]]
    ]
    [storm] = found_in(rows, production=1.6, eu_1=0.4)

    assert "region=eu-1" in str(storm.pattern)
    assert len(storm.keys) == 60


def test_two_storms_at_once_are_two() -> None:
    region = [
        seen(
            n, f"{CAUSES[n % 5]} h{n}", region="eu-1", environment="production", severity="critical"
        )
        for n in range(40)
    ]
    disks = [
        seen(100 + n, f"Disk almost full on d{n}", region=REGIONS[n % 5], alertname="DiskFull",
             environment="production", severity="critical")
        for n in range(30)
    ]  # fmt: skip
    storms = found_in([*region, *disks], production=1.6, eu_1=0.4)

    assert len(storms) == 2
    assert "region=eu-1" in str(storms[0].pattern)
    assert "alertname=DiskFull" in str(storms[1].pattern)
    assert len(storms[0].keys) + len(storms[1].keys) == 70


def test_without_labels_titles_of_one_kind_tell_a_storm() -> None:
    [storm] = found_in([seen(n, f"Backup of vm{n} failed") for n in range(12)])

    assert str(storm.pattern) == "titles like “backup of * failed”"
    assert storm.pattern.matches(seen(99, "Backup of vm99 failed"))
    assert not storm.pattern.matches(seen(99, "Host vm99 is down"))


def test_gravity_is_no_cause() -> None:
    rows = [seen(n, f"{chr(97 + n)}lpha went", severity="critical") for n in range(20)]

    assert found_in(rows) == []


LABELS = st.fixed_dictionaries({"region": st.sampled_from(REGIONS), "role": st.sampled_from(ROLES)})


@given(st.lists(LABELS, max_size=60))
def test_whatever_comes_storms_are_apart_big_enough_and_shared(rows: list[dict[str, str]]) -> None:
    given_rows = [Seen(n, labels, f"Host h{n} is down") for n, labels in enumerate(rows)]
    by_key = {one.key: one for one in given_rows}
    storms = found_in(given_rows)

    assert sum(len(storm.keys) for storm in storms) == len(
        frozenset().union(*(storm.keys for storm in storms))
    )
    for storm in storms:
        assert len(storm.keys) >= LEAST
        assert all(storm.pattern.matches(by_key[key]) for key in storm.keys)


class World:
    """Incidents of a fleet with a daily rhythm, and what the detector makes of them as time goes by."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.rows: list[tuple[datetime, Seen]] = []

    def incident(self, at: datetime, **labels: str) -> None:
        given_labels = {
            "region": self.chance.choice(REGIONS),
            "role": self.chance.choice(ROLES),
            "environment": self.chance.choices(("production", "staging"), (4, 1))[0],
            "alertname": self.chance.choice(CAUSES),
            **labels,
        }
        key = len(self.rows)
        title = f"{given_labels['alertname']} on {given_labels['role']}-{key % 97}"
        self.rows.append((at, Seen(key, given_labels, title)))

    def days(self, count: int, per_day: float = 150) -> None:
        """Most of them by day, some in small clusters of one cause."""
        at = MIDNIGHT
        while at < MIDNIGHT + count * DAY:
            rhythm = 1 + 0.9 * math.sin((at.hour + at.minute / 60 - 8) / 24 * 2 * math.pi)
            at += timedelta(seconds=self.chance.expovariate(per_day * rhythm / 86_400))
            self.incident(at)
            if self.chance.random() < 0.03:
                region = self.chance.choice(REGIONS)
                for _ in range(self.chance.randint(2, 5)):
                    self.incident(at + timedelta(seconds=self.chance.random() * 60), region=region)
        self.rows.sort(key=lambda row: row[0])

    def storms(self, since: datetime, until: datetime) -> list[tuple[datetime, Found]]:
        """What is found at each arrival; what was found once is in no later storm."""
        gone: set[int] = set()
        found: list[tuple[datetime, Found]] = []
        for at, _ in self.rows:
            if not since <= at < until:
                continue
            recent = [s for t, s in self.rows if at - WINDOW < t <= at and s.key not in gone]
            if len(recent) >= LEAST:
                expected = {p: self.usual(p, at) for p in [ALL, *candidates(recent, least=LEAST)]}
                for storm in find_storms(recent, expected, least=LEAST):
                    gone |= storm.keys
                    found.append((at, storm))
        return found

    def usual(self, pattern: Pattern, now: datetime) -> float:
        end = now - WINDOW
        past = [t for t, s in self.rows if now - 7 * DAY <= t < end and pattern.matches(s)]
        days = min(7.0, (now - self.rows[0][0]) / DAY)
        near = [t for t in past if abs((now - t) % DAY - DAY / 2) > DAY / 2 - timedelta(minutes=30)]
        hour = [t for t in past if t >= end - timedelta(hours=1)]
        pasts = [
            Past(len(past), days * 86_400),
            Past(len(near), days * 3600),
            Past(len(hour), 3600),
        ]
        return usual_rate(pasts, seconds=WINDOW.total_seconds())


@pytest.mark.parametrize("seed", [1, 2])
def test_a_calm_month_has_no_storm(seed: int) -> None:
    world = World(seed)
    world.days(30)

    assert world.storms(MIDNIGHT + 2 * DAY, MIDNIGHT + 30 * DAY) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_regional_outage_is_found_within_seconds_of_its_tenth_incident(seed: int) -> None:
    world = World(seed)
    world.days(8)
    began = MIDNIGHT + 7 * DAY + timedelta(hours=world.chance.uniform(0, 20))
    for n in range(400):
        world.incident(began + timedelta(seconds=n * 0.5), region="us-2", environment="production")
    world.rows.sort(key=lambda row: row[0])

    [(at, storm), *more] = world.storms(began, began + timedelta(seconds=60))
    assert at - (began + timedelta(seconds=4.5)) < timedelta(seconds=5)
    assert "region=us-2" in str(storm.pattern)
    assert all("region=us-2" in str(later.pattern) for _, later in more)
