"""What a look at one thing found, and in one sentence what to do about it."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"  # it works, and somebody should look at it
    ERROR = "error"  # a promise is not kept


@dataclass(frozen=True)
class Finding:
    about: str
    level: Level
    says: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        return {**asdict(self), "level": self.level.value}


def ok(about: str, says: str) -> Finding:
    return Finding(about, Level.OK, says)


def warning(about: str, says: str, fix: str) -> Finding:
    return Finding(about, Level.WARNING, says, fix)


def error(about: str, says: str, fix: str) -> Finding:
    return Finding(about, Level.ERROR, says, fix)
