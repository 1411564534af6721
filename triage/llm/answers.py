"""What a model answered, checked: one JSON object of the prompt's schema, with allowed values only."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry

from triage.llm.text import storable

#: Of an answer; more is no answer to what was asked.
MOST_CHARACTERS: Final = 20_000
#: Problems that the repair call quotes.
MOST_PROBLEMS: Final = 8
_MOST_WHY: Final = 500
_THOUGHTS: Final = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_FENCED: Final = re.compile(r"```[\w-]*\s*\n(.*?)```", re.DOTALL)


class Answer(NamedTuple):
    """What the model would set, and how sure it says it is (0 to 1; None: it does not say)."""

    values: Mapping[str, Any]
    why: str
    confidence: float | None


class Unusable(Exception):
    """The answer is not what was asked for. `problems` are sentences that the repair call quotes."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)


def read_answer(text: str, schema: Mapping[str, Any], fields: Sequence[str]) -> Answer:
    """Return the answer in `text`; fences, thoughts and words around the object are dropped.

    `fields`: those that the prompt may set. Others that its schema allows are not looked at.

    :raises Unusable: there is no JSON object, or the schema does not allow it.
    """
    found = object_in(text)
    problems = problems_of(found, schema)
    if problems:
        raise Unusable(problems)
    values = {name: _plain(found[name]) for name in fields if found.get(name) is not None}
    if not values:
        raise Unusable([f"The object sets none of: {', '.join(fields)}."])
    return Answer(
        values,
        storable(" ".join(str(found.get("why") or found.get("reason") or "").split()))[:_MOST_WHY],
        _share(found.get("confidence")),
    )


def _share(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(min(max(value, 0), 1))


def _plain(value: Any) -> Any:
    """2.0 is an integer to JSON Schema, and none to the database."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def object_in(text: str) -> dict[str, Any]:
    """Return the JSON object in `text`.

    :raises Unusable: there is none.
    """
    if len(text) > MOST_CHARACTERS:
        raise Unusable([f"The answer has more than {MOST_CHARACTERS} characters."])
    plain = _THOUGHTS.sub("", text)
    for candidate in (*_FENCED.findall(plain), plain):
        start, end = candidate.find("{"), candidate.rfind("}")
        if start < 0 or end < start:
            continue
        try:
            found = json.loads(candidate[start : end + 1], parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "it is too odd"
            problem = f"The answer is not JSON: {reason}."
            continue
        if isinstance(found, dict):
            return found
    if "{" not in plain:
        problem = "There is no JSON object in the answer."
    elif plain.rfind("}") < plain.find("{"):
        problem = "The JSON object is cut off."
    raise Unusable([problem])


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def problems_of(value: Any, schema: Mapping[str, Any], *, quote: bool = True) -> list[str]:
    """Return what the schema does not allow in `value`, as sentences; without `quote` they hold nothing of it."""
    validator = Draft202012Validator(schema, registry=Registry())  # fetches nothing from anywhere
    found = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.path)))
    return [_sentence(error, quote=quote) for error in found[:MOST_PROBLEMS]]


def _sentence(error: ValidationError | SchemaError, *, quote: bool = True) -> str:
    where = ".".join(map(str, error.absolute_path)) or "the object"
    what = error.message[:300] if quote else f"it does not fit {error.validator}"
    return storable(f"{where}: {what}.")


def with_allowed(
    schema: Mapping[str, Any], categories: Sequence[str], fields: Sequence[str]
) -> dict[str, Any]:
    """Return the schema with the values that exist now: the categories, the levels 1 to 3."""
    properties = dict(schema.get("properties", {}))
    for name in fields:
        values = list(categories) if name == "category" else [1, 2, 3]
        properties[name] = {**properties.get(name, {}), "enum": values}
    return {**schema, "properties": properties}


def check_schema(schema: Any) -> list[str]:
    """Return what is wrong with a prompt's schema for answers."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return ['It must be a JSON Schema of an object: {"type": "object", "properties": {…}}.']
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return [_sentence(error)]
    try:
        text = json.dumps(schema, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return ["NaN and Infinity are no JSON."]
    if "$ref" in text or "$dynamicRef" in text:
        return ["References ($ref) are not followed: write the parts out."]
    if "\\u0000" in text.replace(
        r"\\", ""
    ):  # as it is written; after a backslash it is a pattern's
        return ["Null characters are not allowed."]
    return []


def repair_request(problems: Sequence[str]) -> str:
    """What the model is told after an answer that cannot be used."""
    listed = "\n".join(f"- {problem}" for problem in problems)
    return (
        f"Your answer cannot be used:\n{listed}\n"
        "Answer again with the one JSON object that the schema describes, and nothing else."
    )
