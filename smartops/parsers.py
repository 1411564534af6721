"""Reading request bodies strictly: what we cannot read exactly, we refuse with the reason."""

import json
import re
from collections.abc import Mapping
from typing import IO, Any, Final

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

MAX_DEPTH: Final = 20  # of nested lists and objects
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class BodyTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"


class StrictJSONParser(JSONParser):
    """JSON as RFC 8259 means it: UTF-8, no NaN, no key twice, bounded in size and depth."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(f"The body is larger than {limit // 2**20} MB.")
        try:
            data = json.loads(
                body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant
            )
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        except RecursionError:
            raise ParseError(f"The JSON is nested more than {MAX_DEPTH} deep.") from None
        except ValueError as error:
            raise ParseError(f"Malformed JSON: {error}") from None
        if _SURROGATE.search(body) and _has_half_a_pair(data):
            raise ParseError("The JSON holds half of a surrogate pair, which is no text.")
        if _deeper_than(data, MAX_DEPTH):
            raise ParseError(f"The JSON is nested more than {MAX_DEPTH} deep.")
        return data


def _has_half_a_pair(data: Any) -> bool:
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} appears twice in one object")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _deeper_than(data: Any, levels: int) -> bool:
    layer = [data]
    for _ in range(levels):
        layer = [
            child
            for parent in layer
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not layer:
            return False
    return True
