"""One call to a model, by provider."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from triage.llm.endpoint import Endpoint
from triage.llm.providers import anthropic
from triage.llm.providers.base import (
    MOST_TOKENS,
    TEMPERATURE,
    Rejected,
    Reply,
    Transient,
    Turn,
    read_json,
    whole,
)
from triage.llm.providers.http import post
from triage.llm.text import storable

#: What a model may read at once. Ollama's own default is less than a prompt, and it cuts silently.
CONTEXT_TOKENS: Final = 12_288


class Found(NamedTuple):
    """What a provider's answer says."""

    text: str
    tokens_in: int
    tokens_out: int
    model: str


def ask(endpoint: Endpoint, system: str, turns: Sequence[Turn], schema: Mapping[str, Any]) -> Reply:
    """Ask once and return the answer.

    :raises ProviderError: there is none; its kind says what to do.
    """
    started = time.perf_counter()
    found = PROVIDERS[endpoint.provider](endpoint, system, turns, schema)
    milliseconds = (time.perf_counter() - started) * 1000
    return Reply(
        storable(found.text),
        found.tokens_in,
        found.tokens_out,
        milliseconds,
        storable(found.model) or endpoint.model,
    )


def _ollama(
    endpoint: Endpoint, system: str, turns: Sequence[Turn], schema: Mapping[str, Any]
) -> Found:
    body = {
        "model": endpoint.model,
        "messages": _messages(system, turns),
        "stream": False,
        "think": False,
        "format": schema,
        "options": {
            "temperature": TEMPERATURE,
            "num_predict": MOST_TOKENS,
            "num_ctx": CONTEXT_TOKENS,
        },
    }
    answer = read_json(post(endpoint, "/api/chat", body, _bearer(endpoint)))
    message = answer.get("message")
    if not isinstance(message, dict) or answer.get("done") is not True:
        raise Transient("Ollama's answer is not whole.")
    return Found(
        _text(message.get("content")),
        whole(answer.get("prompt_eval_count")),
        whole(answer.get("eval_count")),
        str(answer.get("model") or ""),
    )


def _openai(
    endpoint: Endpoint, system: str, turns: Sequence[Turn], schema: Mapping[str, Any]
) -> Found:
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": _messages(system, turns),
        "stream": False,
    }
    if urlsplit(endpoint.url).hostname == "api.openai.com":
        body["max_completion_tokens"] = 4 * MOST_TOKENS  # thoughts count; no temperature there
    else:
        body |= {"max_tokens": MOST_TOKENS, "temperature": TEMPERATURE}
    answer = read_json(post(endpoint, "/chat/completions", body, _bearer(endpoint)))
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise Transient("The LLM's answer holds no message.")
    if message.get("refusal") or choice.get("finish_reason") == "content_filter":
        raise Rejected("The LLM refused to answer about this ticket.")
    usage = _usage(answer)
    return Found(
        _text(message.get("content")),
        whole(usage.get("prompt_tokens")),
        whole(usage.get("completion_tokens")),
        str(answer.get("model") or ""),
    )


def _anthropic(
    endpoint: Endpoint, system: str, turns: Sequence[Turn], schema: Mapping[str, Any]
) -> Found:
    answer = read_json(anthropic.post(endpoint, system, _messages("", turns)))
    if answer.get("stop_reason") == "refusal":
        raise Rejected("The LLM refused to answer about this ticket.")
    usage = _usage(answer)
    read = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    if not isinstance(answer.get("content"), list):
        raise Transient("The LLM's answer holds no message.")
    return Found(
        _text(answer["content"]),
        sum(whole(usage.get(name)) for name in read),
        whole(usage.get("output_tokens")),
        str(answer.get("model") or ""),
    )


def _messages(system: str, turns: Sequence[Turn]) -> list[dict[str, str]]:
    first = [{"role": "system", "content": system}] if system else []
    return first + [{"role": turn.role, "content": turn.text} for turn in turns]


def _usage(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    found = answer.get("usage")
    return found if isinstance(found, dict) else {}


def _bearer(endpoint: Endpoint) -> dict[str, str]:
    return {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}


def _text(content: Any) -> str:
    """The text of a message: a string, or a list of parts of which some are text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(
        part["text"]
        for part in parts
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    )


Call = Callable[[Endpoint, str, Sequence[Turn], Mapping[str, Any]], Found]
PROVIDERS: Final[Mapping[str, Call]] = {
    "ollama": _ollama,
    "anthropic": _anthropic,
    "openai": _openai,
}
