"""Names as people write them: in any case, and several of them in one text."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any


def known_by(rows: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Rows by their names, for `find_in`."""
    pairs = list(rows)
    return {**{name.casefold(): row for name, row in reversed(pairs)}, **dict(pairs)}


def find_in(known: Mapping[str, Any], name: str) -> Any | None:
    """The row with this name in any case; where names differ in nothing else, the one that is written so."""
    return known.get(name, known.get(name.casefold()))


def find_row(rows: Any, name: str, column: str = "name") -> Any | None:
    """The same, looked up in the database."""
    if "\0" in name:
        return None  # nothing there can hold it, not even a question
    found = rows.filter(**{f"{column}__iexact": name}).order_by("pk")
    return find_in(known_by((getattr(row, column), row) for row in found), name)


def split_names(text: str) -> list[str]:
    """Names separated by commas. One that holds a comma stands in quotes, as in CSV: `"Sales, EMEA",Finance`.

    :raises ValueError: a name is absurdly long.
    """
    try:
        lines = csv.reader([" ".join(text.splitlines())], skipinitialspace=True)
        return [name.strip() for name in next(lines, []) if name.strip()]
    except csv.Error as error:
        raise ValueError("A name is too long.") from error


def join_names(names: Iterable[str]) -> str:
    """The text that `split_names` reads as `names`."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()
