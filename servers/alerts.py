"""What a sender says about a problem, whoever the sender is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Action(StrEnum):
    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


class Severity(StrEnum):
    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Alert:
    """One message about one problem. `origin` and `key` together name the problem."""

    origin: str
    key: str
    action: Action
    title: str
    #: When it was sent, or happened, by the sender's clock; when it came, if the sender does not say.
    at: datetime
    #: When it came to us, if that tells that it is still so: a repetition names the time at which it began.
    received_at: datetime | None = None
    body: str = ""
    impact: int | None = None  # 1 to 3
    urgency: int | None = None  # 1 to 3
    labels: Mapping[str, str] = field(default_factory=dict)
    server: str = ""
    #: When the newest of what it tells began, where that is another time than `at`.
    began: datetime | None = None
    department: int | None = None
    group: int | None = None

    @property
    def all_labels(self) -> dict[str, str]:
        """What maintenance windows and storms look at."""
        return {**self.labels, **({"server": self.server} if self.server else {})}
