"""What an answer means for a message and its channel, and when to try again. Pure."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Final

#: A message that could not be sent for so long is given up.
GIVE_UP_HOURS: Final = 24
#: Pauses of one message: 10, 20, 40 … seconds, at most two hours.
FIRST_PAUSE: Final = 10.0
LONGEST_PAUSE: Final = 7200.0
#: Pauses of a whole channel: 5, 10, 20 … seconds, at most ten minutes, so that it is soon seen to be back.
CHANNEL_FIRST_PAUSE: Final = 5.0
CHANNEL_LONGEST_PAUSE: Final = 600.0
#: Nobody may keep us waiting longer than this by Retry-After.
LONGEST_RETRY_AFTER: Final = 6 * 3600.0
#: Server errors in a row after which not the message but the receiver is taken for broken.
BROKEN_AFTER: Final = 3


class Verdict(StrEnum):
    SENT = "sent"
    #: Try this message again later.
    RETRY = "retry"
    #: The receiver is away or asks for a pause: the whole channel waits.
    PAUSE = "pause"
    #: This message will never be taken.
    REJECTED = "rejected"
    #: No message will ever be taken: the channel is switched off.
    GONE = "gone"


@dataclass(frozen=True)
class Result:
    """How one attempt ended. `error` is for people and holds no secret."""

    verdict: Verdict
    status: int | None = None
    error: str = ""
    #: Seconds that the receiver asked for.
    retry_after: float | None = None


def judge(status: int, *, retry_after: float | None, said: str) -> Result:
    """Say what an HTTP status means. `said` is the beginning of the answer's body."""
    if 200 <= status < 300:
        return Result(Verdict.SENT, status)
    error = f"It answered {_words(status)}."
    if said:
        error = f"{error[:-1]}: {said}"
    if status in (404, 410):
        return Result(Verdict.GONE, status, error)
    if status in (429, 503):
        return Result(Verdict.PAUSE, status, error, retry_after)
    if 300 <= status < 400:
        error = f"It answered {_words(status)}. Redirects are not followed: give the final address."
        return Result(Verdict.RETRY, status, error)
    if status in (408, 425) or status >= 500 or status < 200:
        return Result(Verdict.RETRY, status, error, retry_after)
    return Result(Verdict.REJECTED, status, error)


def read_retry_after(text: str, *, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header, given as a number or as a date; None for nonsense."""
    text = text.strip()
    if text.isdecimal() and text.isascii():
        return min(float(text[:9]), LONGEST_RETRY_AFTER)
    try:
        when = parsedate_to_datetime(text)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = (when - now).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def pause(attempts: int, *, chance: random.Random) -> float:
    """Seconds until a message that failed `attempts` times (1 or more) is tried again."""
    return _growing(attempts, FIRST_PAUSE, LONGEST_PAUSE, chance)


def channel_pause(failures: int, *, chance: random.Random) -> float:
    """Seconds for which a channel rests that failed `failures` times (1 or more) in a row."""
    return _growing(failures, CHANNEL_FIRST_PAUSE, CHANNEL_LONGEST_PAUSE, chance)


def _growing(count: int, first: float, longest: float, chance: random.Random) -> float:
    """Doubled each time; the last fifth is chance, so that those who failed together do not come back together."""
    return min(first * 2.0 ** min(max(count, 1) - 1, 32), longest) * chance.uniform(0.8, 1.0)


def _words(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
