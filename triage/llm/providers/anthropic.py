"""Anthropic's messages, by their SDK."""

import time
from typing import Any

from triage.llm.endpoint import Endpoint
from triage.llm.providers.base import (
    MOST_TOKENS,
    Misconfigured,
    ProviderError,
    Transient,
    clean,
    failure,
)
from triage.llm.providers.http import (
    CONNECT_SECONDS,
    HEADERS,
    bounded,
    retry_after,
    too_slow,
)
from workers import tls


def post(endpoint: Endpoint, system: str, messages: list[dict[str, str]]) -> bytes:
    """Return the body of the answer.

    :raises ProviderError: there was no success.
    """
    # Here, for they take seconds to load, and only some desks ask them.
    import anthropic
    import httpx2

    if not endpoint.api_key:  # the SDK would look for one elsewhere on this machine
        raise Misconfigured("Anthropic needs a key: set LLM_API_KEY.")
    timeout = httpx2.Timeout(endpoint.seconds, connect=min(CONNECT_SECONDS, endpoint.seconds))
    hooks = {"response": [bounded(httpx2.ByteStream, time.monotonic() + endpoint.seconds)]}
    try:
        with anthropic.Anthropic(
            api_key=endpoint.api_key,
            base_url=endpoint.url,
            max_retries=0,  # the row is tried again, not the call
            timeout=timeout,
            http_client=httpx2.Client(
                timeout=timeout, verify=tls.context("http/1.1"), event_hooks=hooks, headers=HEADERS
            ),
        ) as client:
            answer: Any = client.messages.with_raw_response.create(
                model=endpoint.model,
                max_tokens=MOST_TOKENS,
                system=system,
                messages=messages,  # type: ignore[arg-type]
            )
            return bytes(answer.http_response.content)
    except anthropic.APITimeoutError:
        raise Transient(too_slow(endpoint)) from None
    except anthropic.APIConnectionError as error:
        if isinstance(error.__cause__, ProviderError):
            raise error.__cause__ from None
        cause = type(error.__cause__ or error).__name__
        raise Transient(f"The connection to the LLM failed: {cause}.") from None
    except anthropic.APIStatusError as error:
        answer = error.response
        wait = retry_after(answer.headers)
        raise failure(answer.status_code, answer.content, wait, endpoint.api_key) from None
    except anthropic.AnthropicError as error:
        raise Transient(clean(str(error), endpoint.api_key)) from None
