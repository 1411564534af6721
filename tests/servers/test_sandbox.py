"""Templates can show and choose, and nothing else."""

import time

import pytest

from servers.sources.sandbox import MOST_RENDERED, BrokenTemplate, check, render

PAYLOAD = {"n": list(range(3000)), "s": "z" * 100_000, "d": {"b": 1, "a": 2}, "none": None}


def rendered(source: str) -> str:
    return render(source, {"payload": PAYLOAD, "labels": {"team": "web"}})


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ labels.team }}", "web"),
        ("{{ labels['team'] | upper }}", "WEB"),
        ("{{ payload.x.y or 'nothing' }}", "nothing"),
        ("{{ payload.x.y | default('nothing') }}", "nothing"),
        ("{% if payload.x.y %}1{% else %}0{% endif %}", "0"),
        ("{% for k, v in payload.d | items %}{{ k }}={{ v }} {% endfor %}", "b=1 a=2 "),
        ("{% for n in payload.n[:2] %}{{ loop.index }}{{ n }}{% endfor %}", "1021"),
        ("{{ payload.n[:3] | join('-') }}", "0-1-2"),
        ("{{ payload.none is none }}", "True"),
    ],
)
def test_what_templates_can_do(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    "source",
    [
        "{% set x = 1 %}",
        "{% macro m() %}{% endmacro %}",
        "{% include 'x' %}",
        "{{ range(9) }}",
        "{{ payload.items() }}",
        "{{ payload.n.append(3) }}",
        "{{ 'a' * 9 }}",
        "{{ 9 ** 9 }}",
        "{{ '%s' % 3 }}",
        "{{ payload.s | nope }}",
        "{{ open",
    ],
)
def test_what_they_cannot_is_refused_when_they_are_saved(source: str) -> None:
    with pytest.raises(BrokenTemplate, match="Line 1: "):
        check(source)


@pytest.mark.parametrize(
    "source", ["{{ payload.__class__ }}", "{{ payload['__class__'] }}", "{{ ''.__class__.mro }}"]
)
def test_the_insides_of_python_are_out_of_reach(source: str) -> None:
    with pytest.raises(BrokenTemplate, match="has no (attribute|element)"):
        rendered(source)


def test_members_that_are_called_as_pythons_methods_are_members() -> None:
    source = "{{ payload.values }} {{ payload['items'] }} {{ payload.keys | default('none') }}"

    assert render(source, {"payload": {"values": 1, "items": 2}}) == "1 2 none"


def test_a_missing_value_is_an_error_where_it_would_be_shown() -> None:
    with pytest.raises(BrokenTemplate, match="Line 2: .*typo.*default"):
        rendered("a\n{{ payload.typo }}")


def test_loops_that_take_long_end() -> None:
    started = time.monotonic()
    loop = "{% for a in payload.n %}"
    with pytest.raises(BrokenTemplate, match="loop took longer"):
        rendered(loop * 3 + "{% endfor %}" * 3)

    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    "source",
    ["{% for n in payload.n %}{{ payload.s }}{% endfor %}", "{{ payload.n | join(payload.s) }}"],
)
def test_little_is_not_made_into_much(source: str) -> None:
    with pytest.raises(BrokenTemplate, match="more than 60000 characters"):
        rendered(source)


def test_where_a_part_is_enough_the_rest_is_left_out() -> None:
    text = render("{{ payload.s }}", {"payload": PAYLOAD}, cut=True)

    assert text.endswith("[the rest was left out]")
    assert len(text) < MOST_RENDERED + 50


def test_a_template_is_not_endless() -> None:
    with pytest.raises(BrokenTemplate, match="longer than"):
        check("x" * 10_001)
