"""The models that can be asked: Ollama, Anthropic, and whatever speaks OpenAI's chat completions.

One call is one HTTP request, without streaming. What goes wrong is one of three errors, none of which names a key:

Transient      the same call may work later: no connection, a timeout, 429, 5xx, half an answer
Misconfigured  no call will work until an operator changes something: 401, 403, 404, a redirect
Rejected       this call will never work: 400, too long, refused by the model
"""

from triage.llm.providers.base import (
    Misconfigured,
    ProviderError,
    Rejected,
    Reply,
    Transient,
    Turn,
)
from triage.llm.providers.calling import PROVIDERS, ask

__all__ = [
    "PROVIDERS",
    "Misconfigured",
    "ProviderError",
    "Rejected",
    "Reply",
    "Transient",
    "Turn",
    "ask",
]
