"""How much one answer may cost: what is not in the counts is read row by row, and a long list is long to write."""

from typing import Final

from tickets.services import UnknownNames

#: Tickets whose times are sorted for the medians of both periods: one to two seconds.
MOST_SORTED: Final = 1_000_000
#: Things that happened, which are looked at one by one where nobody counts them: half a second.
MOST_READ: Final = 2_000_000
#: Days in an answer, those of each part together.
MOST_DAYS_OF_PARTS: Final = 25_000


class TooMuch(UnknownNames):
    """What was asked for would hold a web process and the database for too long."""

    def __init__(self, why: str) -> None:
        super().__init__({"days": [f"{why} Ask for fewer days."]})


def check_sorted(tickets: int) -> None:
    """:raises TooMuch: the times of so many tickets are not sorted in one answer."""
    if tickets > MOST_SORTED:
        raise TooMuch(
            f"The medians of {tickets:,} tickets are not worked out at once; {MOST_SORTED:,} are, of both periods"
            " together."
        )


def check_read(happened: int) -> None:
    """:raises TooMuch: so many things are not looked at one by one."""
    if happened > MOST_READ:
        raise TooMuch(
            "A group's or an agent's tickets are not counted by priority: what happened on the whole desk would be"
            f" looked at one by one, and at most {MOST_READ:,} things are."
        )


def check_parts(parts: int, days: int) -> None:
    """:raises TooMuch: so many days of so many parts would make the answer too long."""
    if parts * days > MOST_DAYS_OF_PARTS:
        raise TooMuch(
            f"{days} days of {parts:,} parts are too long a list; at most {MOST_DAYS_OF_PARTS:,} days are told"
            " altogether."
        )
