"""The OpenAPI document: every operation has a summary and may answer with a problem."""

import re
from typing import Any

from servers.schema import add_intake
from workers.problems import MEDIA_TYPE

PROBLEMS = {
    "400": "A field or the body is wrong.",
    "401": "No valid login or token.",
    "403": "Your role may not do this.",
    "404": "There is no such thing, or you may not see it.",
    "405": "This address does not know the method.",
    "406": "Only JSON is spoken here.",
    "409": "The state of things forbids it.",
    "412": "Somebody changed it since you read it.",
    "413": "The body is too large.",
    "415": "Send application/json.",
    "429": "Too many requests; Retry-After says when to come back.",
    "503": "The database is briefly away; try again.",
}
_SCHEMA = {
    "type": "object",
    "description": "Problem details, RFC 9457",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "A word for programs, such as not_found"},
        "message": {"type": "string", "description": "The same as `detail`"},
        "errors": {
            "type": "object",
            "description": "field -> messages",
            "additionalProperties": {},
        },
        "allowed": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Moves that are possible",
        },
        "merged_into": {"type": "integer", "description": "The ticket that goes on"},
        "request_id": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail", "code", "message", "request_id"],
}


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A drf-spectacular hook: add the problem shape, the failures that every operation shares, and as a summary
    the first sentence of the description."""
    add_intake(result)
    result["components"]["schemas"]["Problem"] = _SCHEMA
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in result["paths"].values():
        for operation in operations.values():
            described = " ".join(operation.get("description", "").split())
            first = re.split(r"(?<=[^.]\.) ", described, maxsplit=1)[0].rstrip(".")
            operation.setdefault("summary", first)
            for status, description in PROBLEMS.items():
                operation["responses"].setdefault(
                    status, {"description": description, "content": content}
                )
    return result
