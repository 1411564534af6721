"""Files of exports as answers: whole, in parts, or what they would be."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from analytics.byteranges import NothingThere, asked
from analytics.models import Export
from analytics.services import exporting
from tests.analytics.files import content, make, run
from tests.factories import make_ticket

EXPORTS = "/api/v1/exports/"
SIZES = st.integers(min_value=1, max_value=10**6)


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-", range(10)),
        ("bytes=3-5", range(3, 6)),
        ("Bytes = 3-500", range(3, 10)),
        ("bytes=-4", range(6, 10)),
        ("bytes=-400", range(10)),
    ],
)
def test_one_part_is_understood(header: str, part: range) -> None:
    assert asked(header, 10) == part


@pytest.mark.parametrize(
    "header", ["", "bytes", "bytes=-", "bytes=5-3", "bytes=0-1,4-5", "lines=1-2", "bytes=x-"]
)
def test_what_is_not_understood_is_all_of_it(header: str) -> None:
    assert asked(header, 10) is None


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_nothing_is_behind_the_end(header: str) -> None:
    with pytest.raises(NothingThere):
        asked(header, 10)
    assert asked(header, 0) is None


@given(SIZES, st.integers(0, 10**7), st.none() | st.integers(0, 10**7))
def test_a_part_is_never_empty_and_always_inside(size: int, first: int, last: int | None) -> None:
    try:
        part = asked(f"bytes={first}-{'' if last is None else last}", size)
    except NothingThere:
        assert first >= size
        return
    if part is not None:
        assert 0 <= part.start < part.stop <= size


@given(st.text(max_size=40), SIZES)
def test_any_header_is_read(header: str, size: int) -> None:
    try:
        part = asked(header, size)
    except NothingThere:
        return
    assert part is None or 0 <= part.start < part.stop <= size


@pytest.fixture
def export(agent: User, monkeypatch: pytest.MonkeyPatch) -> Export:
    """One in many pieces."""
    monkeypatch.setattr(exporting, "PIECE_BYTES", 1000)
    for number in range(9):
        make_ticket(title=f"Ticket {number}", description="y" * 500)
    return run(make(agent))


def fetch(api: APIClient, export: Export, **headers: str) -> Any:
    return api.get(f"{EXPORTS}{export.pk}/download/", headers=headers)


@pytest.mark.django_db
@pytest.mark.parametrize(("first", "last"), [(0, 0), (999, 1000), (1500, 3700), (4000, "")])
def test_a_part_of_a_file_is_those_bytes(
    api: APIClient, export: Export, first: int, last: Any
) -> None:
    whole = content(export)
    expected = whole[first : last + 1 if last != "" else None]

    answer = fetch(api, export, Range=f"bytes={first}-{last}")

    assert answer.status_code == 206
    assert b"".join(answer.streaming_content) == expected
    assert answer["Content-Length"] == str(len(expected))
    end = first + len(expected) - 1
    assert answer["Content-Range"] == f"bytes {first}-{end}/{export.size}"


@pytest.mark.django_db
def test_a_download_that_broke_off_goes_on_where_it_was(api: APIClient, export: Export) -> None:
    begun = fetch(api, export)
    assert (begun.status_code, begun["Accept-Ranges"]) == (200, "bytes")
    half, *_ = list(begun.streaming_content)

    rest = fetch(api, export, Range=f"bytes={len(half)}-", **{"If-Range": begun["ETag"]})
    other = fetch(api, export, Range="bytes=5-", **{"If-Range": '"another file"'})

    assert half + b"".join(rest.streaming_content) == content(export)
    assert other.status_code == 200
    assert b"".join(other.streaming_content) == content(export)


@pytest.mark.django_db
def test_a_part_behind_the_end_is_refused_with_the_size(api: APIClient, export: Export) -> None:
    answer = fetch(api, export, Range=f"bytes={export.size}-")

    assert answer.status_code == 416
    assert answer["Content-Range"] == f"bytes */{export.size}"
    assert answer.json()["detail"].startswith(f"The file has {export.size} bytes")


@pytest.mark.django_db
def test_head_tells_about_the_file_and_reads_nothing_of_it(api: APIClient, export: Export) -> None:
    where = f"{EXPORTS}{export.pk}/download/"
    with CaptureQueriesContext(connection) as caught:
        answers = [api.head(where, headers={"Range": "bytes=5-"}) for _ in range(4)]

    for answer in answers:
        assert (answer.status_code, answer["Content-Length"]) == (200, str(export.size))
        assert not b"".join(answer.streaming_content)
    assert not [one for one in caught if "exportpiece" in one["sql"]]
