"""Whom to ask. Settings read it before anything else is loaded, so it loads nothing."""

from dataclasses import dataclass, field
from typing import Final

#: Where each kind of provider is, unless the operator says otherwise.
DEFAULT_URLS: Final = {
    "ollama": "http://localhost:11434",
    "anthropic": "https://api.anthropic.com",
    "openai": "https://api.openai.com/v1",
}


@dataclass(frozen=True)
class Endpoint:
    """Whom to ask. The operator sets it; nothing in a ticket or a prompt can."""

    provider: str
    url: str
    model: str
    api_key: str = field(default="", repr=False)
    seconds: float = 30.0

    @property
    def name(self) -> str:
        return f"{self.provider} {self.model} at {self.url}"
