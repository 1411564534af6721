"""How many people or things a text counts: "85 people", "three dozen of our users", "20k portal customers"."""

from collections.abc import Sequence
from typing import Final, NamedTuple

# fmt: off
NUMBERS: Final = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "dozen": 12, "fifteen": 15, "twenty": 20, "dozens": 24, "thirty": 30,
    "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100,
    "hundreds": 200, "thousand": 1000, "thousands": 2000,
}
# fmt: on
_MULTIPLES: Final = {"dozen": 12, "hundred": 100, "k": 1000, "thousand": 1000, "million": 1_000_000}

#: Whoever is counted works, or serves many who do.
_PEOPLE: Final = frozenset(
    {"users", "people", "persons", "employees", "customers", "clients", "colleagues", "agents"}
    | {"staff", "seats", "developers", "nurses", "drivers", "students", "patients", "teachers"}
    | {"members", "guests", "workers", "technicians", "doctors", "tenants", "households"}
    | {"callers", "subscribers", "operators", "pickers", "engineers"}
    | {"servers", "hosts", "sites", "stores", "shops", "branches", "offices"}
)
#: Of these one person may have many.
_THINGS: Final = frozenset(
    {"laptops", "desktops", "accounts", "machines", "pcs", "devices", "phones", "workstations"}
    | {"printers", "screens", "tills", "orders", "invoices", "payments", "bookings", "tickets"}
    | {"emails", "mails", "messages", "records", "transactions", "parcels", "shipments"}
    | {"contacts", "vms", "nodes", "pods", "files", "jobs", "alerts", "licences", "licenses"}
)
#: What such a number counts is time or money, whatever comes after: "5 minutes users wait".
_UNITS: Final = frozenset(
    {"seconds", "minutes", "minute", "mins", "hours", "hour", "days", "day", "weeks", "week"}
    | {"months", "month", "years", "year", "times", "am", "pm", "percent", "euro", "euros"}
    | {"gb", "mb", "tb", "more", "other"}
)
#: Words between a number and its noun: "40 of our users".
_GAP: Final = 3
_DIGITS: Final = 7


class Count(NamedTuple):
    number: int
    words: str
    people: bool


def count_at(tokens: Sequence[str], start: int) -> Count | None:
    """Return what the number at `start` counts, None when nothing that matters. `tokens` are in lower case."""
    number, end = _number(tokens, start)
    if not number:
        return None
    for place in range(end, min(end + _GAP, len(tokens))):
        token = tokens[place]
        if token in _PEOPLE or token in _THINGS:
            return Count(number, " ".join(tokens[start : place + 1]), token in _PEOPLE)
        if token in _UNITS or not token[0].isalpha():
            return None
    return None


def _number(tokens: Sequence[str], start: int) -> tuple[int, int]:
    """Return the number at `start`, 0 if there is none, and where it ends."""
    token = tokens[start].replace(",", "").replace(".", "")
    digits = token.removesuffix("k")
    end = start + 1
    if token in NUMBERS:
        number = NUMBERS[token]
    elif digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS and digits[0] != "0":
        number = int(digits) * (1000 if token != digits else 1)
    else:
        return 0, end
    if end < len(tokens) and tokens[end] in _MULTIPLES:
        return number * _MULTIPLES[tokens[end]], end + 1
    return number, end
