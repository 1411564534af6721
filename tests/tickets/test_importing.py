import gzip
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tickets.models import Ticket
from triage.models import TriageJob

pytestmark = pytest.mark.django_db


def run(path: Path, **options: Any) -> str:
    out = StringIO()
    call_command("import_tickets", str(path), stdout=out, **options)
    return out.getvalue()


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


CSV = "Number,Subject,Body,Priority,State\nA1,Printer,It is on fire,high,open\nA2,VPN,down,low,closed\n"


def test_a_csv_file_is_imported_with_guessed_columns(tmp_path: Path) -> None:
    said = run(write(tmp_path / "zammad.csv", CSV))

    assert "title ← Subject" in said
    assert "2 created" in said
    ticket = Ticket.objects.get(external_id="A1")
    assert (ticket.source, ticket.title, ticket.priority) == ("zammad", "Printer", 2)
    assert Ticket.objects.get(external_id="A2").status == "closed"
    assert TriageJob.objects.count() == 2


def test_importing_again_updates_instead_of_doubling(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", CSV)
    run(path)

    assert "0 created, 0 updated, 2 unchanged" in run(path)
    write(path, CSV.replace("Printer", "Copier"))
    assert "0 created, 1 updated, 1 unchanged" in run(path)
    assert Ticket.objects.count() == 2


def test_packed_ndjson_is_imported(tmp_path: Path) -> None:
    lines = "\n".join(
        json.dumps({"id": n, "title": f"Ticket {n}", "tags": ["x"]}) for n in range(3)
    )

    run(write(tmp_path / "a.ndjson.gz", gzip.compress(lines.encode())))

    assert Ticket.objects.filter(tags=["x"]).count() == 3


def test_bad_rows_go_to_the_side_file_with_the_reason_and_the_rest_goes_in(tmp_path: Path) -> None:
    good = "1,Good,high\n" * 1
    text = (
        b"id,title,priority\n"
        + good.encode()
        + b"2,Caf\xe9,low\n3,too,many,columns\n4,,\n5,Late,low\n"
    )
    path = write(tmp_path / "a.csv", text)

    said = run(path)

    assert Ticket.objects.count() == 3
    rejected = [
        json.loads(line) for line in (tmp_path / "a.csv.rejected.ndjson").read_text().splitlines()
    ]
    assert [(row["row"], list(row["errors"])) for row in rejected] == [(3, ["row"]), (4, ["row"])]
    assert "2 rejected" in said


def test_broken_lines_of_ndjson_are_rejected_alone(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.ndjson",
        '{"id": 1, "title": "Good"}\n{"id": 2, "ti\n[1]\n\n{"id": 3, "title": "Good"}\n',
    )

    assert "2 created" in run(path)
    assert len((tmp_path / "a.ndjson.rejected.ndjson").read_text().splitlines()) == 2


def test_a_column_whose_values_mean_nothing_to_us_is_left_out_and_told(tmp_path: Path) -> None:
    rows = "".join(f"{n},Ticket {n},u{n}i4,Zorbs\n" for n in range(10))

    said = run(write(tmp_path / "a.csv", "id,title,priority,category\n" + rows))

    assert "'priority' is left out" in said
    assert "'category' is left out" in said
    assert Ticket.objects.filter(priority__isnull=True, category__isnull=True).count() == 10


def test_a_mapping_by_hand_wins_over_the_guess(tmp_path: Path) -> None:
    run(write(tmp_path / "a.csv", CSV), map=["title=Body", "priority="])

    ticket = Ticket.objects.get(external_id="A1")
    assert (ticket.title, ticket.priority) == ("It is on fire", None)


def test_rows_without_an_id_are_known_again_by_their_content(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "title,body\nOne,x\nTwo,y\n")
    run(path)

    assert "2 unchanged" in run(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"map": ["title"]}, "write FIELD=COLUMN"),
        ({"map": ["colour=Body"]}, "FIELD one of"),
        ({"map": ["title=Nope"]}, "columns are Body, Number"),
        ({"encoding": "klingon"}, "Unknown encoding"),
    ],
)
def test_wrong_options_say_what_would_be_right(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        run(write(tmp_path / "a.csv", CSV), **options)


def test_a_missing_and_an_empty_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no file"):
        run(tmp_path / "nope.csv")
    with pytest.raises(CommandError, match="holds no rows"):
        run(write(tmp_path / "empty.csv", "id,title\n"))


def test_a_title_that_is_too_long_is_kept_whole_in_the_description(tmp_path: Path) -> None:
    run(write(tmp_path / "a.csv", f"id,title,body\n1,{'x' * 400},end\n"))

    ticket = Ticket.objects.get()
    assert len(ticket.title) == 255
    assert ticket.description == "x" * 400 + "\n\nend"
