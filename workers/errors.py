"""An error's class says what to do with it."""


class PermanentError(Exception):
    """The same call will never succeed. Never retried; the API answers 409."""

    #: Machine-readable details that the API adds to its answer.
    details: dict[str, object] = {}


class Gone(PermanentError):
    """What the call is about was removed meanwhile. The API answers 404."""


class TransientError(Exception):
    """The same call may succeed later. Tasks retry it; the API answers 503."""
