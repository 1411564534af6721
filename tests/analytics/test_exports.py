"""Background exports: asked for, made by a worker, fetched, cancelled, removed."""

import io
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.signing import TimestampSigner
from django.db.models.functions import Now
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape
from pyarrow import parquet
from rest_framework.test import APIClient

from analytics.columns import COLUMNS
from analytics.models import Export, ExportPiece
from analytics.services import exporting, files, progress
from analytics.services.exporting import forget_old_exports, requeue_stale_exports
from tests.analytics.files import content, make, read_csv, read_lines, run
from tests.conftest import client_for
from tests.factories import NOON, make_ticket, make_user
from tests.racing import at_once
from tickets.models import Department, Ticket
from workers import leases
from workers import services as work
from workers.errors import PermanentError
from workers.models import DeadLetter

pytestmark = pytest.mark.django_db
ASK, EXPORTS = "/api/v1/reports/export/", "/api/v1/exports/"
#: What XML holds, too: a spreadsheet has no other characters.
TEXTS = st.text(
    st.characters(exclude_characters="\x00\ufffe\uffff", exclude_categories=["Cs"]), max_size=30
)
FORMULAS = st.text(st.sampled_from("=+-@\t\r\n'a1_x0 "), max_size=12)


def ask(api: APIClient, **wanted: Any) -> Any:
    return api.post(ASK, {"format": "csv", **wanted}, format="json")


def shown(api: APIClient, pk: int) -> Any:
    return api.get(f"{EXPORTS}{pk}/").data


def test_a_file_is_asked_for_made_and_fetched(api: APIClient) -> None:
    ticket = make_ticket(title="VPN is down")
    make_ticket(title="Printer jam")

    answer = ask(api, filters={"q": "vpn"}, columns=["id", "title"])
    pk = answer.data["id"]
    assert answer.status_code == 202
    assert (answer.data["status"], answer.data["download"]) == ("queued", None)
    run(Export.objects.get(pk=pk))

    export = shown(api, pk)
    assert (export["status"], export["rows"], export["total"]) == ("done", 1, 1)
    assert export["percent"] == 100
    file = api.get(f"{EXPORTS}{pk}/download/")
    data = b"".join(file.streaming_content)
    assert data == f"id,title\n{ticket.pk},VPN is down\n".encode()
    assert export["bytes"] == len(data) == int(file["Content-Length"])
    assert export["file_name"] in file["Content-Disposition"]
    assert export["file_name"].endswith(".csv")


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"format": "pdf"}, "format"),
        ({"filters": {"stauts": "open"}}, "filters"),
        ({"filters": {"status": ["open", {}]}}, "filters"),
        ({"columns": ["titel"]}, "columns"),
        ({"columns": "id"}, "columns"),
    ],
)
def test_a_wrong_wish_is_refused(api: APIClient, wanted: Any, field: str) -> None:
    answer = ask(api, **wanted)

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert not Export.objects.exists()


def test_the_same_wish_with_the_same_key_is_one_export(api: APIClient) -> None:
    answers = [
        api.post(ASK, {"format": "csv"}, format="json", headers={"Idempotency-Key": "a"})
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].data["id"] == answers[1].data["id"]


def test_nobody_has_more_than_five_in_work(api: APIClient) -> None:
    answers = [ask(api).status_code for _ in range(6)]

    assert answers == [202] * 5 + [409]


@given(st.lists(TEXTS | FORMULAS, min_size=1, max_size=5))
@settings(max_examples=25)
def test_every_text_comes_back_from_every_format(texts: list[str]) -> None:
    owner, _ = User.objects.get_or_create(username="root", is_superuser=True)
    Export.objects.all().delete()
    Ticket.objects.all().delete()
    Ticket.objects.bulk_create(
        Ticket(title="x", description=text, tags=[text] if text else [], opened_at=NOON)
        for text in texts
    )
    made = {
        name: content(run(make(owner, export_format=name, columns=["description", "tags"])))
        for name in ("xlsx", "parquet", "ndjson")
    }

    table = parquet.read_table(io.BytesIO(made["parquet"]))
    assert table.column("description").to_pylist() == texts
    assert table.column("tags").to_pylist() == [[text] if text else [] for text in texts]
    assert [row["description"] for row in read_lines(made["ndjson"])] == texts
    sheet = openpyxl.load_workbook(io.BytesIO(made["xlsx"])).active
    assert sheet is not None
    cells = [row[0] for row in sheet.iter_rows(min_row=2, max_row=len(texts) + 1)]
    assert [cell.data_type for cell in cells] == ["s" if text else "n" for text in texts]
    # What a spreadsheet calls a new line.
    assert [_lines(cell.value) for cell in cells] == [_lines(text) for text in texts]


def _lines(text: Any) -> str:
    """Control characters are written as _x0008_, which openpyxl leaves to its user."""
    return unescape(text or "").replace("\r\n", "\n").replace("\r", "\n")


def test_parquet_has_types(agent: User) -> None:
    make_ticket(tags=["a", "b"], priority=1)

    table = parquet.read_table(io.BytesIO(content(run(make(agent, export_format="parquet")))))

    assert table.column_names == list(COLUMNS)
    kinds = {field.name: str(field.type) for field in table.schema}
    assert kinds["id"] == "int64"
    assert kinds["opened_at"] == "timestamp[us, tz=UTC]"
    assert (kinds["sla_breached"], kinds["confidence"]) == ("bool", "double")
    assert kinds["tags"].startswith("list<")
    [row] = table.to_pylist()
    assert (row["opened_at"], row["tags"], row["resolved_at"]) == (NOON, ["a", "b"], None)


def test_a_sheet_has_numbers_and_times(agent: User) -> None:
    ticket = make_ticket(tags=["a", "b"])
    columns = ["id", "opened_at", "sla_breached", "tags", "resolved_at"]

    data = content(run(make(agent, export_format="xlsx", columns=columns)))

    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    assert sheet is not None
    header, row = sheet.iter_rows(values_only=True)
    assert list(header) == columns
    assert row == (ticket.pk, NOON.replace(tzinfo=None), False, "a,b", None)


def test_what_does_not_fit_on_a_sheet_goes_on_on_the_next(
    agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SHEET_ROWS", 3)
    ids = [make_ticket().pk for _ in range(4)]

    data = content(run(make(agent, export_format="xlsx", columns=["id"])))

    book = openpyxl.load_workbook(io.BytesIO(data))
    assert book.sheetnames == ["Tickets 1", "Tickets 2"]
    found = [[cell for (cell,) in sheet.iter_rows(values_only=True)] for sheet in book]
    assert found == [["id", *ids[:2]], ["id", *ids[2:]]]


def test_a_text_that_is_too_long_for_a_cell_is_cut() -> None:
    assert files.shortened("x" * 32_767) == "x" * 32_767
    assert files.shortened("x" * 40_000) == "x" * 32_766 + "…"


def test_a_file_in_many_pieces_is_whole(agent: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PIECE_BYTES", 1000)
    for number in range(9):
        make_ticket(title=f"Ticket {number}", description="y" * 500)

    export = run(make(agent))

    assert ExportPiece.objects.filter(export=export).count() > 4
    assert len(read_csv(content(export))) == 9


def test_a_file_that_grows_too_large_fails_at_once_and_says_what_helps(
    agent: User, settings: Any
) -> None:
    settings.EXPORT_MAX_MB = 0
    make_ticket()

    export = run(make(agent))

    assert (export.status, export.attempts) == ("failed", 1)
    assert "choose fewer tickets" in export.error
    assert not ExportPiece.objects.exists()
    assert not DeadLetter.objects.exists()


def test_a_spreadsheet_is_measured_while_it_is_written_and_leaves_nothing(
    agent: User, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(files, "TOLD_ROWS", 1)
    settings.EXPORT_MAX_MB = 0
    Ticket.objects.bulk_create(
        Ticket(title="x", description="many words " * 2000, opened_at=NOON) for _ in range(5)
    )

    export = run(make(agent, export_format="xlsx"))

    assert export.error.startswith("Its sheets have more than 0 MB")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_worker_left_is_removed(
    agent: User, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, young = (tmp_path / f"{files.FOLDER}{name}" for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir()
        (folder / "sheet").write_text("x")
    for path in (old, old / "sheet"):
        os.utime(path, (0, 0))

    assert run(make(agent, export_format="xlsx")).status == "done"
    assert list(tmp_path.iterdir()) == [young]


def test_a_short_write_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    class Short(io.FileIO):
        def write(self, data: Any) -> int:
            return super().write(data[:3])

    class ShortOutput(files.Output, Short):
        pass

    with ShortOutput(most_mb=1, may_go_on=lambda: None) as output:
        assert output.write(b"all of it") == 9
        output.seek(0)
        assert output.read() == b"all of it"


def test_groups_of_parquet_end_by_what_is_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "GROUP_ROWS", 3)
    monkeypatch.setattr(files, "GROUP_CHARACTERS", 10)
    rows = [("a" * 6, 1), ("a" * 6, 2), ("", 3), ("", 4), ("", 5), ("a", 6)]

    assert [len(group) for group in files.groups(rows)] == [2, 3, 1]


def test_downloads_take_a_place_each_and_give_it_back(agent: User, api: APIClient) -> None:
    make_ticket()
    where = f"{EXPORTS}{run(make(agent)).pk}/download/"

    first, second, third = (api.get(where) for _ in range(3))
    assert [a.status_code for a in (first, second, third)] == [200, 200, 429]
    assert b"".join(first.streaming_content)
    fourth = api.get(where)
    assert fourth.status_code == 200
    for answer in (second, fourth):
        assert b"".join(answer.streaming_content)


def test_pieces_without_an_export_are_removed(agent: User) -> None:
    make_ticket()
    export, kept = run(make(agent)), run(make(agent))
    Export.objects.filter(pk=export.pk)._raw_delete("default")

    forget_old_exports(datetime.now(UTC))

    assert list(ExportPiece.objects.values_list("export", flat=True)) == [kept.pk]


def test_an_export_shows_what_its_owner_may_see_when_it_is_made(agent: User) -> None:
    make_ticket(department="Finance")
    before, export = run(make(agent)), make(agent)
    Department.objects.filter(name="Finance").update(restricted=True)

    assert (before.rows, run(export).rows) == (1, 0)


def test_who_may_no_longer_see_tickets_gets_none(agent: User) -> None:
    export = make(agent)
    agent.groups.clear()

    export = run(export)

    assert export.status == "failed"
    assert export.error == "ana may no longer see tickets."


def test_a_filter_that_names_what_is_gone_fails_with_that_reason(agent: User) -> None:
    department = Department.objects.create(name="Lab")
    export = make(agent, filters={"department": "Lab"})
    department.delete()

    assert "There is no department 'Lab'" in run(export).error


def test_others_see_nothing_of_it(agent: User) -> None:
    export = run(make(agent))
    other = client_for(make_user("ada", "Admin"))

    assert other.get(EXPORTS).data["results"] == []
    for method, path in (("get", ""), ("get", "download/"), ("post", "cancel/"), ("delete", "")):
        assert getattr(other, method)(f"{EXPORTS}{export.pk}/{path}").status_code == 404


def link(api: APIClient, export: Export) -> str:
    address: str = shown(api, export.pk)["download"]
    return address.removeprefix("http://testserver")


def test_a_link_works_without_a_login_for_an_hour(agent: User, api: APIClient) -> None:
    export = run(make(agent))
    address, stranger = link(api, export), client_for(None)

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=59), tick=False):
        answer = stranger.get(address)
        assert answer.status_code == 200
        assert b"".join(answer.streaming_content)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=61), tick=False):
        late = stranger.get(address)
    assert late.status_code == 403
    assert "ask for a new one" in late.json()["detail"]


def test_a_link_opens_nothing_but_its_own_file(agent: User, api: APIClient) -> None:
    export, other = run(make(agent)), run(make(agent))
    token = link(api, export).partition("token=")[2]
    forged = TimestampSigner(salt="something.else").sign(str(other.pk))
    stranger = client_for(None)

    assert stranger.get(f"{EXPORTS}{other.pk}/download/?token={token}").status_code == 404
    for wrong in ("", "x", forged, token[:-1] + "_"):
        answer = stranger.get(f"{EXPORTS}{other.pk}/download/?token={wrong}")
        assert answer.status_code in (401, 403), wrong
    assert stranger.get(f"{EXPORTS}{other.pk}/?token={token}").status_code == 401


def test_who_may_see_less_by_now_cannot_fetch_what_was_seen(agent: User, api: APIClient) -> None:
    make_ticket(department="Finance")
    export = run(make(agent))
    address = link(api, export)
    Department.objects.filter(name="Finance").update(restricted=True)

    for client in (client_for(User.objects.get(pk=agent.pk)), client_for(None)):
        answer = client.get(address)
        assert answer.status_code == 403
        assert "may no longer see everything" in answer.json()["detail"]


def test_a_file_goes_after_a_week_and_its_row_a_month_later(agent: User, api: APIClient) -> None:
    export = run(make(agent))
    assert export.expires_at is not None
    assert timedelta(days=6) < export.expires_at - datetime.now(UTC) <= timedelta(days=7)

    late = export.expires_at + timedelta(minutes=1)
    with time_machine.travel(late, tick=False):
        answer = api.get(f"{EXPORTS}{export.pk}/download/")
    assert answer.status_code == 404
    assert forget_old_exports(late) == 1
    assert not ExportPiece.objects.exists()
    assert shown(api, export.pk)["status"] == "expired"
    assert api.get(f"{EXPORTS}{export.pk}/download/").status_code == 404
    assert forget_old_exports(late + timedelta(days=31)) == 1
    assert not Export.objects.exists()


def test_a_person_keeps_no_more_than_their_share(
    agent: User, api: APIClient, settings: Any
) -> None:
    make_ticket(description="x" * 5000)
    export = run(make(agent))
    settings.EXPORT_OWNER_MB = 1
    Export.objects.filter(pk=export.pk).update(size=2**20)

    refused = ask(api)
    other = make(make_user("bob", "Viewer"))

    assert refused.status_code == 409
    assert "keep 1 MB of the 1 MB that one person may keep: remove some" in refused.data["detail"]
    assert run(other).status == "done"
    assert api.delete(f"{EXPORTS}{export.pk}/").status_code == 200
    assert ask(api).status_code == 202


def test_all_together_keep_no_more_than_the_desk_allows(
    agent: User, api: APIClient, settings: Any
) -> None:
    make_ticket(description="x" * 5000)
    waiting, other = make(agent), run(make(make_user("bob", "Viewer")))
    settings.EXPORT_ALL_MB = 1
    Export.objects.filter(pk=other.pk).update(size=2**20 - 100)

    failed = run(waiting)

    assert (failed.status, failed.attempts) == ("failed", 1)
    assert "and this one has 1 MB" in failed.error
    assert not failed.pieces.exists()
    assert ask(api).status_code == 202  # a small one may fit
    Export.objects.filter(pk=other.pk).update(removed_at=Now())
    assert run(make(agent)).status == "done"


@pytest.mark.django_db(transaction=True)
def test_five_are_five_however_many_are_asked_for_at_once() -> None:
    owner = User.objects.create_superuser("root")
    told: list[str] = []

    def want() -> None:
        try:
            make(owner)
        except PermanentError as error:
            told.append(str(error))

    at_once(*[want] * 8)

    assert Export.objects.count() == 5
    assert len(told) == 3


def test_files_and_rows_go_a_few_at_a_time(agent: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "CHUNK", 2)
    make_ticket()
    made = [run(make(agent)) for _ in range(5)]
    late = datetime.now(UTC) + timedelta(days=8)

    assert forget_old_exports(late) == 5
    assert not ExportPiece.objects.exists()
    assert Export.objects.filter(removed_at=None).count() == 0
    assert forget_old_exports(late + timedelta(days=31)) == len(made)
    assert not Export.objects.exists()


def test_a_file_that_is_not_there_has_expired(agent: User, api: APIClient) -> None:
    make_ticket()
    lost, kept = run(make(agent)), run(make(agent))
    ExportPiece.objects.filter(export=lost).delete()

    assert exporting.expire_lost_files() == 1
    assert (shown(api, lost.pk)["status"], shown(api, kept.pk)["status"]) == ("expired", "done")


def test_no_two_exports_share_a_message_and_its_time_limit(
    agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(agent), make(agent)
    Export.objects.update(nudge_at=Now() - timedelta(seconds=1))
    sent: list[list[int]] = []
    monkeypatch.setattr(work, "enqueue_each", lambda _, ids: sent.append(list(ids)))
    monkeypatch.setattr(work, "enqueue", lambda *_: pytest.fail("together"))

    assert requeue_stale_exports() == 2
    assert sorted(pk for ids in sent for pk in ids) == sorted(
        Export.objects.values_list("pk", flat=True)
    )


def test_one_that_waits_is_cancelled_and_never_made(agent: User, api: APIClient) -> None:
    export = make(agent)

    answer = api.post(f"{EXPORTS}{export.pk}/cancel/")
    export = run(export)

    assert (answer.status_code, answer.data["status"]) == (200, "cancelled")
    assert (export.status, export.attempts, export.error) == ("cancelled", 0, "Cancelled by ana.")
    assert api.post(f"{EXPORTS}{export.pk}/cancel/").status_code == 409


def test_one_that_is_cancelled_just_before_its_end_leaves_no_file(
    agent: User, api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ticket()
    export = make(agent)
    write = files.write_file

    def write_and_cancel(*given: Any) -> None:
        write(*given)
        exporting.cancel_export(export=export, actor="ana")

    monkeypatch.setattr(exporting, "write_file", write_and_cancel)

    assert run(export).status == "cancelled"
    assert not ExportPiece.objects.exists()


def test_a_removed_export_is_gone_with_its_file(agent: User, api: APIClient) -> None:
    export = run(make(agent))

    answer = api.delete(f"{EXPORTS}{export.pk}/")

    assert answer.data == {"message": f"Export {export.pk} deleted successfully"}
    assert not Export.objects.exists()
    assert not ExportPiece.objects.exists()


def test_a_worker_that_comes_back_late_writes_nothing(
    agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ticket()
    export = make(agent)
    write = files.write_file

    def write_and_lose(*given: Any) -> None:
        write(*given)
        Export.objects.filter(pk=export.pk).update(lease_until=Now() - timedelta(seconds=1))
        assert leases.claim(Export, [export.pk], lease=timedelta(minutes=1)).ids

    monkeypatch.setattr(exporting, "write_file", write_and_lose)

    export = run(export)

    assert (export.status, export.attempts) == ("running", 2)
    assert not ExportPiece.objects.exists()


def test_what_fails_three_times_is_a_dead_letter(
    agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(exporting, "write_file", fail)
    export = make(agent)

    states = [run(export).status for _ in range(3)]

    assert states == ["queued", "queued", "failed"]
    letter = DeadLetter.objects.get(kind="analytics.export", object_id=export.pk)
    assert "no space left" in letter.reason


def test_a_lost_message_is_sent_again(agent: User) -> None:
    export = make(agent)
    Export.objects.update(nudge_at=Now() - timedelta(seconds=1))

    assert requeue_stale_exports() == 1
    assert run(export).status == "done"


def soon(look: Callable[[], Any]) -> Any:
    """What `look` finds within ten seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if found := look():
            return found
    raise AssertionError("It did not come within ten seconds.")


@pytest.mark.django_db(transaction=True)
def test_a_running_export_tells_how_far_it_is_and_stops_when_it_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker's own thread notes and notices, once a second; here as often as it can."""
    monkeypatch.setattr(progress, "TICK_SECONDS", 0.01)
    owner = User.objects.create_superuser("root")
    Ticket.objects.bulk_create(
        [Ticket(title=f"Ticket {n}", opened_at=NOON) for n in range(200)], batch_size=1000
    )
    export = make(owner, export_format="ndjson", columns=["id", "title"])
    seen: list[tuple[int, int | None]] = []
    tell = progress.Progress.tell

    def tell_and_wait(self: Any, rows: int) -> None:
        tell(self, rows)
        noted = soon(lambda: Export.objects.filter(pk=export.pk, rows__gt=0).first())
        seen.append((noted.rows, noted.total))
        exporting.cancel_export(export=export, actor="root")
        assert self._lost.wait(10)
        self.may_go_on()

    monkeypatch.setattr(progress.Progress, "tell", tell_and_wait)

    export = run(export)

    assert seen == [(200, 200)]
    assert export.status == "cancelled"
    assert not ExportPiece.objects.exists()
