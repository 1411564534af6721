"""The configuration file: what it may say, and what is said about what is wrong in it."""

import contextlib
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sla.configfile import FileConfig, read_config
from sla.document import Calendar
from sla.yamlfile import MOST_BYTES, FileError, WrongFile, read_yaml

TICKET_WATCHDOG = """\
tiers:
  gold:
    high:
      response: 30
      resolution: 180
    medium:
      response: 60
      resolution: 240
    low:
      response: 120
      resolution: 360
"""


def errors_of(text: str | bytes) -> list[str]:
    with pytest.raises(WrongFile) as caught:
        read_config(text)
    return str(caught.value).splitlines()


def minutes(config: FileConfig) -> dict[str, tuple[float, float]]:
    [policy] = config.policies
    return {
        f"{tier} {priority}": tuple(
            length / timedelta(minutes=1) for length in (row.first_response, row.resolution)
        )
        for tier, rows in policy.tiers.items()
        for priority, row in rows.items()
    }


def test_the_file_of_ticket_watchdog_works_as_it_is() -> None:
    config = read_config(TICKET_WATCHDOG)

    assert minutes(config) == {"gold 2": (30, 180), "gold 3": (60, 240), "gold 4": (120, 360)}
    assert (config.policies[0].name, config.policies[0].calendar) == ("File", "24x7")
    assert [level.at for level in config.policies[0].levels] == [85, 100]


def test_thresholds_at_the_top_are_the_levels_of_policies_that_name_none() -> None:
    config = read_config(TICKET_WATCHDOG + "alert_threshold: 0.5\nbreach_threshold: 1.2\n")

    assert [level.at for level in config.policies[0].levels] == [50, 120]


def test_thresholds_that_do_not_rise_are_refused() -> None:
    [error] = errors_of("alert_threshold: 1.5")
    assert "alert_threshold (0.85) must be less" in error


def test_calendars_take_ranges_of_days_lists_of_slots_and_lines_of_holidays() -> None:
    config = read_config(
        """
        calendars:
          Oslo:
            time_zone: Europe/Oslo
            country: NO
            hours: {mon-thu: "09:00-12:30, 13:30-18:00", fri: [09:00-12:00]}
            holidays:
              - 2026-12-24 Christmas Eve
              - 12-31
              - {date: 2026-05-15, name: Outing}
        """
    )

    oslo = config.calendars["Oslo"]
    assert oslo.country == "NO"  # and not false
    assert oslo.hours["thu"] == [(540, 750), (810, 1080)]
    assert oslo.hours["fri"] == [(540, 720)]
    assert [(day.date, day.name) for day in oslo.holidays] == [
        ("2026-12-24", "Christmas Eve"),
        ("12-31", "holiday"),
        ("2026-05-15", "Outing"),
    ]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "policies:\ncalendars:\n", "{}"])
def test_a_file_may_say_nothing(text: str) -> None:
    assert read_config(text).policies == []


def test_every_error_has_its_line_its_place_and_what_would_be_right() -> None:
    errors = errors_of(
        """\
policies:
- name: A
  tiers:
    gold:
      P1: {resolution: 4x, first: 3}
      soonish: {resolution: 3}
    vip: {P1: {}}
  levels:
  - at: 0
- nme: B
calendars:
  Berlin:
    time_zone: Berlin
    hours: {fryday: 09:00-12:00}
    holidays:
      - 2026-02-30
"""
    )

    assert [re.sub(", column [0-9]+", "", error) for error in errors] == [
        "line 5: policies[0].tiers.gold.P1.resolution: '4x' is not a length of time."
        " Use minutes (30), or 45s, 90m, 4h, 1d 12h.",
        "line 5: policies[0].tiers.gold.P1.first: 'first' is unknown here."
        " Known: first_response, next_update, resolution.",
        "line 6: policies[0].tiers.gold.soonish: 'soonish' is not a priority."
        " Use 1-4, P1-P4, or critical, high, medium, low.",
        "line 7: policies[0].tiers.vip: 'vip' is unknown here. Use gold, silver, bronze, standard.",
        "line 9: policies[0].levels[0]: at: use 1 to 1000 percent.",
        "line 10: policies[1].name: It is missing.",
        "line 10: policies[1].tiers: It is missing.",
        "line 10: policies[1].nme: 'nme' is unknown here."
        " Known: departments, tiers, levels, acknowledgement, name, calendar.",
        "line 13: calendars.Berlin.time_zone: 'Berlin' is not a time zone."
        " Use a name such as Europe/Berlin.",
        "line 14: calendars.Berlin.hours.fryday: 'fryday' is unknown here."
        " Use mon, tue, wed, thu, fri, sat, sun.",
        "line 16: calendars.Berlin.holidays[0].date: '2026-02-30' is not a day."
        " Use 2026-12-24, or 12-24 for every year.",
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("tiers:\n  gold: {}\n  gold: {}\n", 3, "'gold' stands here twice (first in line 2)"),
        ("tiers: {gold: {high: {resolution: 1}, P2: {resolution: 2}}}", 1, "are the same priority"),
        ("tiers: [\n", 2, "This is not YAML"),
        ("tiers: {gold: {P1: {response: 1, first_response: 2}}}", 1, "'response' is unknown"),
        ("- a\n- b\n", 1, "It must name calendars, policies or tiers"),
        ("a: 1\n---\nb: 2\n", 2, "single document"),
        ("x: !!python/object/apply:os.system [id]\n", 1, "Tags (!name)"),
        ("tiers:\n  gold: {<<: {P1: {}}}\n", 2, "Merge keys"),
        ("a: *nobody\n", 1, "undefined alias"),
        ("policies:\n- {name: A, tiers: {gold: {1: {resolution: 1}}}}\n" * 1
         + "- {name: A, tiers: {gold: {1: {resolution: 1}}}}\n", 3, "Another policy in this file"),
        ("policies:\n- {name: 12, tiers: {gold: {1: {resolution: 1}}}}\n", 2, "Put it in quotes"),
        (b"tiers:\n  \xff\n", 2, "not UTF-8"),
        ('calendars:\n  "a\\0b": {}\n', 2, "a character that no text has"),
        ("[" * 100_000, 1, "nested more than"),
        ("a: &a [*a]\n", 1, "too much"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(text: str | bytes, line: int, words: str) -> None:
    [error] = errors_of(text)

    assert error.startswith(f"line {line}, column ")
    assert words in error


def test_a_billion_laughs_are_refused_at_once() -> None:
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    [error] = errors_of("\n".join(lines))
    assert "too much" in error


def test_a_file_of_more_than_a_megabyte_is_refused() -> None:
    assert errors_of(b"#" * (MOST_BYTES + 1)) == ["It is larger than 1 MB."]


def test_an_anchor_may_be_used_for_a_whole_value() -> None:
    config = read_config("tiers:\n  gold: &rows {P1: {resolution: 4h}}\n  silver: *rows\n")
    tiers = config.policies[0].tiers
    assert tiers["gold"] == tiers["silver"]


def test_words_stay_words_and_numbers_become_numbers() -> None:
    data = read_yaml("a: no\nb: 12:30\nc: 0.5\nd: '1'\ne: 2026-12-24\nf: true\ng: ~\nh: 7").data
    assert data == {
        "a": "no", "b": "12:30", "c": 0.5, "d": "1", "e": "2026-12-24", "f": True, "g": None, "h": 7,
    }  # fmt: skip


@given(st.text() | st.binary())
def test_whatever_the_file_holds_it_is_read_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(WrongFile):
        read_config(text)


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5000) | st.sampled_from(["", "P1", "gold", "4h", "09:00-10:00"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["tiers", "policies", "calendars", "name", "gold", "P1", "resolution", "levels", "at",
             "notify", "hours", "mon", "holidays", "calendar", "departments", "alert_threshold"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSONISH)
def test_whatever_shape_it_has_every_error_names_a_place(data: object) -> None:
    found: list[FileError] = []
    try:
        read_config(json.dumps(data))
    except WrongFile as error:
        found = error.errors
    assert all(problem.line == 1 for problem in found)


def test_the_shipped_example_is_right_once_its_comments_are_taken_away() -> None:
    text = (Path(__file__).parents[2] / "config" / "sla.yaml").read_text()
    assert read_config(text).policies == []

    example = [line for line in text.splitlines() if line.startswith("# ") or line == "#"]
    start = next(i for i, line in enumerate(example) if line.startswith("# calendars:"))
    config = read_config("\n".join(line[2:] for line in example[start:]))
    assert [policy.name for policy in config.policies] == ["Berlin office"]
    assert isinstance(config.calendars["Berlin"], Calendar)


def test_what_the_manual_shows_is_right() -> None:
    text = (Path(__file__).parents[2] / "docs" / "sla.md").read_text()
    shown = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)

    assert [read_config(block).policies[0].name for block in shown] == ["Berlin office", "File"]


def test_an_error_does_not_repeat_a_whole_file() -> None:
    long = "x" * 10_000
    for text in (f"tiers: {{gold: {{P1: {{resolution: {long}}}}}}}", f"calendars: {{C: {{time_zone: {long}}}}}",
                 f"calendars: {{C: {{hours: {{mon: {long}}}}}}}", f"{long[:900]}: 1"):  # fmt: skip
        assert len(errors_of(text)[0]) < 1200
