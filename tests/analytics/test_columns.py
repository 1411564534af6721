"""Which columns there are, and what is done to texts that a spreadsheet would run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.columns import COLUMNS, UnknownColumns, as_it_was, choose_columns, defused

DANGEROUS = "=+-@\t\r\n＝＋－＠"


def test_the_first_columns_are_those_that_other_systems_read() -> None:
    names = list(COLUMNS)

    assert names[:7] == [
        *("id", "description", "impact", "urgency", "priority", "group"),
        "created_at",
    ]


def test_columns_come_in_the_order_in_which_they_are_named() -> None:
    assert [column.name for column in choose_columns(["title", " id "])] == ["title", "id"]


@pytest.mark.parametrize(
    ("names", "why"), [(["titel"], "no column 'titel'"), (["id", "id"], "named twice")]
)
def test_a_wrong_column_is_refused(names: list[str], why: str) -> None:
    with pytest.raises(UnknownColumns, match=why):
        choose_columns(names)


@given(st.text(alphabet=st.sampled_from(DANGEROUS + "'a1 "), max_size=6) | st.text())
def test_no_cell_begins_as_a_formula_does_and_nothing_is_lost(text: str) -> None:
    cell = defused(text)

    assert cell[:1] not in set(DANGEROUS)
    assert as_it_was(cell) == text


def test_ordinary_texts_stay_as_they_are() -> None:
    assert [defused(text) for text in ("VPN is down", "1-2", "'quoted'", "")] == [
        *("VPN is down", "1-2", "'quoted'", "")
    ]
