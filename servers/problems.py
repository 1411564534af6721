"""The life of a problem: what each message and the passing of time make of it.

A problem fires, is well again, and is over when it stays well. Messages come twice, late and out of order. What
they leave behind does not depend on that: the newest by its sender's clock decides; of two at the same instant, it
is the one that says it is over. Senders that name no time must keep the order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from servers.alerts import Action

#: Who said it is over may be believed for so long: what was under way already still comes, and a cure takes time.
PATIENCE: Final = timedelta(minutes=15)


class State(StrEnum):
    FIRING = "firing"
    RECOVERING = "recovering"
    RESOLVED = "resolved"


class Step(StrEnum):
    """What one message was to the problem."""

    OPEN = "open"  # a new one
    APPEND = "append"  # it fires already
    REFIRE = "refire"  # it fires again before it was over
    REOPEN = "reopen"  # it fires again soon after it was over, or still, though a person ended it
    ACKNOWLEDGE = "acknowledge"
    RECOVER = "recover"  # well again, for now
    RESOLVE = "resolve"  # well again, and over
    MARK = "mark"  # over before it was known
    IGNORE = "ignore"  # older than what is known, or said before


@dataclass(frozen=True)
class Rules:
    grace: timedelta  # so long a recovery must last
    window: timedelta  # so long after the end the same problem is the same one
    flapping_changes: int  # more than so many …
    flapping_within: timedelta  # … within this time


@dataclass(frozen=True)
class Problem:
    state: State
    #: When the newest message was sent.
    last_at: datetime
    resolve_at: datetime | None = None
    resolved_at: datetime | None = None
    #: When a person ended it while it fired; its sender has not said since that it is over.
    dismissed_at: datetime | None = None
    flapping_since: datetime | None = None
    #: When it was well or ill again, oldest first; no more than the rule counts.
    changed_at: Sequence[datetime] = ()


def heard(
    known: Problem | None,
    action: Action,
    *,
    at: datetime,
    now: datetime,
    rules: Rules,
    began: datetime | None = None,
    received_at: datetime | None = None,
) -> tuple[Problem | None, Step]:
    """What is known after a message that was sent `at` and read `now`, and what the message was to it.

    `began`: when the newest of what it tells began, if that is another time than `at`.
    `received_at`: when it came, if a message that only repeats shall tell that it still fires.
    """
    if action is Action.TRIGGER:
        return _triggered(known, at, now, rules, began or at, received_at)
    if action is Action.RESOLVE:
        return _recovered(known, at, now, rules)
    alive = known is not None and known.state is not State.RESOLVED
    return known, Step.ACKNOWLEDGE if alive else Step.IGNORE


def _triggered(
    known: Problem | None,
    at: datetime,
    now: datetime,
    rules: Rules,
    began: datetime,
    received_at: datetime | None,
) -> tuple[Problem, Step]:
    if known is None:
        return Problem(State.FIRING, at), Step.OPEN
    if known.state is State.FIRING:
        return replace(known, last_at=max(known.last_at, at)), Step.APPEND
    if not _is_news(known, at, began) and not _still_fires(known, at, received_at):
        return known, Step.IGNORE
    if known.resolved_at is not None and now >= known.resolved_at + rules.window:
        return Problem(State.FIRING, at), Step.OPEN
    again = replace(
        known, state=State.FIRING, last_at=at, resolve_at=None, resolved_at=None, dismissed_at=None
    )
    step = Step.REFIRE if known.state is State.RECOVERING else Step.REOPEN
    return _changed(again, now, rules), step


def _is_news(known: Problem, at: datetime, began: datetime) -> bool:
    """Whether it was sent after what is known, and not of what a person has already called over."""
    ended = known.dismissed_at
    return at > known.last_at and (ended is None or (at > ended and began > ended))


def _still_fires(known: Problem, at: datetime, received_at: datetime | None) -> bool:
    """Whether a message of what began before a person's word came too long after it to be a straggler."""
    ended = known.dismissed_at
    if ended is None or received_at is None:
        return False
    return at >= known.last_at and received_at >= ended + PATIENCE


def _recovered(
    known: Problem | None, at: datetime, now: datetime, rules: Rules
) -> tuple[Problem, Step]:
    if known is None:
        return Problem(State.RESOLVED, at, resolved_at=now), Step.MARK
    if at < known.last_at:
        return known, Step.IGNORE
    well = replace(known, last_at=at, dismissed_at=None)
    if known.state is not State.FIRING:
        return well, Step.IGNORE
    well = _changed(well, now, rules)
    grace = rules.flapping_within if well.flapping_since else rules.grace
    if grace:
        return replace(well, state=State.RECOVERING, resolve_at=now + grace), Step.RECOVER
    return replace(well, state=State.RESOLVED, resolved_at=now), Step.RESOLVE


def _changed(problem: Problem, now: datetime, rules: Rules) -> Problem:
    """Count a change, and notice when there were too many."""
    changes = (*problem.changed_at, now)[-rules.flapping_changes - 1 :]
    often = len(changes) > rules.flapping_changes and changes[0] > now - rules.flapping_within
    since = problem.flapping_since or (now if often else None)
    return replace(problem, changed_at=changes, flapping_since=since)


def goes_on(problem: Problem) -> Problem:
    """The problem that a person ended, and that fires all the same."""
    return replace(problem, state=State.FIRING, resolved_at=None, dismissed_at=None)


def settled(problem: Problem, *, now: datetime, rules: Rules) -> Problem:
    """The problem after the time up to `now` has passed in silence."""
    if problem.flapping_since and problem.changed_at[-1] + rules.flapping_within <= now:
        problem = replace(problem, flapping_since=None)
    if problem.resolve_at is not None and problem.resolve_at <= now:
        problem = replace(problem, state=State.RESOLVED, resolve_at=None, resolved_at=now)
    return problem
