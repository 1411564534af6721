"""An error's class says what to do with it."""


class PermanentError(Exception):
    """The same call will never succeed. Never retried; the API answers 409."""

    #: Machine-readable details that the API adds to its answer.
    details: dict[str, object] = {}


class TransientError(Exception):
    """The same call may succeed later. Tasks retry it; the API answers 503."""
