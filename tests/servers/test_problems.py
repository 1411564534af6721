"""The life of a problem, whatever comes in whatever order."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from servers.alerts import Action
from servers.problems import Problem, Rules, State, Step, heard, settled
from tests.factories import NOON
from tests.servers.alerts import later

TRIGGER, ACKNOWLEDGE, RESOLVE = Action
RULES = Rules(timedelta(minutes=2), timedelta(hours=4), 4, timedelta(minutes=30))
AT_ONCE = Rules(timedelta(0), timedelta(hours=4), 4, timedelta(minutes=30))

actions = st.sampled_from([TRIGGER, RESOLVE])
minutes = st.integers(0, 60)
#: (what, when it was sent)
messages = st.lists(st.tuples(actions, minutes), min_size=1, max_size=12)


def tell(told: list[tuple[Action, int]], rules: Rules) -> Problem:
    """All of them read at one moment, in this order."""
    known: Problem | None = None
    for action, minute in told:
        known, _ = heard(known, action, at=later(minutes=minute), now=later(hours=1), rules=rules)
    assert known is not None
    return known


@given(messages, st.randoms(use_true_random=False))
def test_whether_it_fires_does_not_depend_on_the_order(told, random) -> None:
    shuffled = random.sample(told, len(told))
    one, other = tell(told, AT_ONCE), tell(shuffled, AT_ONCE)
    assert (one.state, one.last_at) == (other.state, other.last_at)


@given(messages)
def test_the_newest_message_decides_and_of_two_at_once_the_resolve(told) -> None:
    action, minute = max(told, key=lambda one: (one[1], one[0] is RESOLVE))
    known = tell(told, AT_ONCE)
    assert (known.state is State.FIRING) == (action is TRIGGER)
    assert known.last_at == later(minutes=minute)


@given(messages)
def test_what_was_said_before_changes_nothing_when_it_comes_again(told) -> None:
    known = tell(told, RULES)
    again, _ = known, None
    for action, minute in told:
        again, _ = heard(again, action, at=later(minutes=minute), now=later(hours=1), rules=RULES)
    assert again == known


#: What happens next: a message now, or some minutes of silence.
lives = st.lists(st.one_of(st.sampled_from(Action), st.integers(1, 300)), max_size=40)


@given(lives)
def test_a_life_agrees_with_a_simple_model(life) -> None:
    """The model keeps every change, and asks of each moment what the rules say of it."""
    now, known = NOON, None
    ill, ended, changes, flapping = False, None, [], False
    for happening in life:
        if isinstance(happening, int):
            for _ in range(happening):
                now += timedelta(minutes=1)
                if known is not None:
                    known = settled(known, now=now, rules=RULES)
                if flapping and now - changes[-1] >= RULES.flapping_within:
                    flapping = False
                    if not ill:
                        ended = ended or now
                if not ill and changes and not flapping and now - changes[-1] >= RULES.grace:
                    ended = ended or now
        else:
            now += timedelta(seconds=1)
            known, step = heard(known, happening, at=now, now=now, rules=RULES)
            if happening is TRIGGER and not ill:
                new = known is not None and not known.changed_at and step is Step.OPEN
                changes = [] if new else [*changes, now]
                flapping = flapping and not new
                ill, ended = True, None
            elif happening is RESOLVE and ill:
                changes, ill = [*changes, now], False
            recent = [at for at in changes if at > now - RULES.flapping_within]
            flapping = flapping or len(recent) > RULES.flapping_changes
        if known is None:
            continue
        assert (known.state is State.FIRING) == ill
        assert (known.state is State.RECOVERING) == (known.resolve_at is not None)
        assert (known.state is State.RESOLVED) == (known.resolved_at is not None)
        assert (known.flapping_since is not None) == flapping
        if changes and not ill:
            assert (known.state is State.RESOLVED) == (ended is not None)


def test_acknowledging_changes_nothing() -> None:
    known = Problem(State.FIRING, NOON)
    assert heard(known, ACKNOWLEDGE, at=NOON, now=NOON, rules=RULES) == (known, Step.ACKNOWLEDGE)
    assert heard(None, ACKNOWLEDGE, at=NOON, now=NOON, rules=RULES) == (None, Step.IGNORE)


def test_a_window_of_no_time_never_reopens() -> None:
    never = Rules(timedelta(0), timedelta(0), 4, timedelta(minutes=30))
    known, _ = heard(None, TRIGGER, at=NOON, now=NOON, rules=never)
    known, _ = heard(known, RESOLVE, at=NOON, now=NOON, rules=never)
    _, step = heard(known, TRIGGER, at=later(seconds=1), now=later(seconds=1), rules=never)
    assert step is Step.OPEN
