"""One bounded HTTP request: so many seconds, so many bytes, no redirects."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from sla.retrying import read_retry_after
from triage.llm.endpoint import Endpoint
from triage.llm.providers.base import MOST_BYTES, Misconfigured, Transient, failure
from workers import tls

CONNECT_SECONDS: Final = 5.0
HEADERS: Final = {"User-Agent": "SmartOps", "Accept-Encoding": "identity"}


def post(endpoint: Endpoint, path: str, body: Mapping[str, Any], headers: dict[str, str]) -> bytes:
    """Send `body` as JSON and return the answer's body.

    :raises ProviderError: there was no success.
    """
    timeout = httpx.Timeout(endpoint.seconds, connect=min(CONNECT_SECONDS, endpoint.seconds))
    hooks = {"response": [bounded(httpx.ByteStream, time.monotonic() + endpoint.seconds)]}
    try:
        with httpx.Client(
            timeout=timeout, verify=tls.context("http/1.1"), event_hooks=hooks, headers=HEADERS
        ) as client:
            answer = client.post(endpoint.url + path, json=body, headers=headers)
    except httpx.TimeoutException:
        raise Transient(too_slow(endpoint)) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise Misconfigured(f"LLM_URL is no web address: {error}.") from None
    except httpx.HTTPError as error:
        raise Transient(f"The connection to the LLM failed: {type(error).__name__}.") from None
    if answer.is_success:
        return answer.content
    raise failure(answer.status_code, answer.content, retry_after(answer.headers), endpoint.api_key)


def bounded(stream: Callable[[bytes], Any], deadline: float) -> Callable[[Any], None]:
    """A hook that reads an answer's body before anybody else does: not too long, not too much.

    Timeouts alone bound each wait, so that one byte a second would drip for ever.
    """

    def read(response: Any) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise Transient("The LLM's answer was compressed, which we did not ask for.")
        body = bytearray()
        for chunk in response.stream:
            body += chunk
            if len(body) > MOST_BYTES:
                raise Transient(f"The LLM's answer has more than {MOST_BYTES} bytes.")
            if time.monotonic() > deadline:
                raise Transient("The LLM's answer did not end in time.")
        response.stream.close()
        response.stream = stream(bytes(body))

    return read


def too_slow(endpoint: Endpoint) -> str:
    return f"The LLM did not answer within {endpoint.seconds:g} seconds."


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header."""
    return read_retry_after(headers.get("retry-after", ""), now=datetime.now(UTC))
