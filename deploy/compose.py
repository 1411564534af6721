"""docker-compose.yml as Compose understands it, as far as ours needs: anchors, variables, defaults."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

BASE: Final = Path(__file__).resolve().parent.parent
_VARIABLE: Final = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<kind>:-|:\?)(?P<rest>[^}]*))?\})")


class Missing(Exception):
    """A variable that must be set is not. The message is the file's own."""


def read(environment: Mapping[str, str], path: Path = BASE / "docker-compose.yml") -> Any:
    """Return the file with its variables replaced.

    :raises Missing: one that has no default is empty or not set.
    """
    return _filled(yaml.safe_load(path.read_text()), environment)


def variables(path: Path = BASE / "docker-compose.yml") -> dict[str, bool]:
    """Return the names that the file asks for, and whether it stops without them."""
    found = [m for m in _VARIABLE.finditer(path.read_text()) if m["name"]]
    names = sorted({m["name"] for m in found})
    return {name: any(m["kind"] == ":?" for m in found if m["name"] == name) for name in names}


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, environment) for item in value]
    return _VARIABLE.sub(lambda m: _one(m, environment), value) if isinstance(value, str) else value


def _one(match: re.Match[str], environment: Mapping[str, str]) -> str:
    if match["name"] is None:
        return "$"
    found = environment.get(match["name"], "")
    if not found and match["kind"] == ":?":
        raise Missing(f"{match['name']}: {match['rest']}")
    return found or (match["rest"] or "" if match["kind"] == ":-" else "")
