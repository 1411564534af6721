"""A request's id tells its trace, the span of its own and, of a caller's trace, what the caller said."""

import pytest

from workers.context import LONGEST
from workers.tracing import first_span_of, id_within, sampled_by_caller, trace_id_of

TRACE = int("ab" * 16, 16)


def test_calls_within_one_trace_share_it_and_have_ids_and_spans_of_their_own() -> None:
    one, other = (id_within(TRACE, span, sampled=True) for span in (1, 2))

    assert trace_id_of(one) == trace_id_of(other) == TRACE
    assert first_span_of(one) != first_span_of(other)
    assert len(one) <= LONGEST


@pytest.mark.parametrize("sampled", [True, False])
def test_every_process_knows_what_the_caller_said_of_sampling(sampled: bool) -> None:
    assert sampled_by_caller(id_within(TRACE, 1, sampled=sampled)) is sampled


def test_of_other_ids_no_caller_said_anything() -> None:
    assert sampled_by_caller("ab" * 16) is None
    assert sampled_by_caller("ours-4711") is None
