"""What all providers share: the question's and the answer's shape, and the kinds of failure."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from triage.llm.masking import Masker
from triage.llm.text import storable

#: Of an answer's body.
MOST_BYTES: Final = 1024 * 1024
#: Tokens that a model may answer with: a JSON object of three fields and two sentences.
MOST_TOKENS: Final = 800
#: Low, so that the same ticket gets the same answer; not zero, at which small models loop.
TEMPERATURE: Final = 0.2
_MOST_COUNTED: Final = 10**9
#: Of what a provider says when it fails, so much is kept.
_KEPT: Final = 300


class Turn(NamedTuple):
    role: str  # user or assistant
    text: str


class Reply(NamedTuple):
    text: str
    tokens_in: int  # 0: it does not say
    tokens_out: int
    milliseconds: float
    model: str


class ProviderError(Exception):
    """A call that brought no answer."""


class Transient(ProviderError):
    """The same call may work later."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Misconfigured(ProviderError):
    """No call will work until an operator changes something."""


class Rejected(ProviderError):
    """This call will never work."""


def failure(status: int, body: bytes, retry_after: float | None, key: str) -> ProviderError:
    """Return what an HTTP status that is no success means."""
    try:
        words = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        words = str(status)
    said = clean(_said(body), key)
    message = f"The LLM answered {words}" + (f": {said}" if said else ".")
    if status in (408, 409, 425, 429) or status >= 500 or status < 200:
        return Transient(message, retry_after)
    if status in (401, 402, 403, 404, 405, 410) or status < 400:
        return Misconfigured(message)
    return Rejected(message)


def _said(body: bytes) -> str:
    """The message inside an error's body, as the three kinds of provider write it, or the body itself."""
    try:
        found: Any = json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
    if isinstance(found, dict):
        found = found.get("error", found)
    if isinstance(found, dict):
        found = found.get("message", found)
    return found if isinstance(found, str) else json.dumps(found)


def clean(text: str, key: str) -> str:
    """Return the beginning of `text` without the key, which some providers repeat, and without other secrets."""
    if key:
        text = text.replace(key, "[key]")
    text = storable(text)
    return Masker().mask(" ".join(text[: 4 * _KEPT].split()))[:_KEPT]


def read_json(body: bytes) -> Mapping[str, Any]:
    """:raises Transient: the body is no JSON object: half an answer, or a proxy's page."""
    try:
        found = json.loads(body)
    except ValueError:
        raise Transient("The LLM's answer was not JSON: cut off, or not from the LLM.") from None
    if not isinstance(found, dict):
        raise Transient("The LLM's answer was no JSON object.")
    return found


def whole(value: Any) -> int:
    """A count of tokens as it came, within reason, or 0."""
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return min(max(value, 0), _MOST_COUNTED)
