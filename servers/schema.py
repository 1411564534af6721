"""The OpenAPI document of the intake, which is no view of Django's (`servers.gateway`)."""

from typing import Any, Final

from servers.services.integrations import INTAKE
from servers.sources.reading import PRODUCTS

_KEY: Final = {
    "in": "path",
    "name": "key",
    "required": True,
    "schema": {"type": "string", "pattern": "^int_[A-Za-z0-9_-]+$"},
    "description": "The integration's key.",
}
_PRODUCT: Final = {
    "in": "path",
    "name": "product",
    "required": True,
    "schema": {"type": "string", "enum": list(PRODUCTS)},
    "description": "What the integration's source is called in addresses.",
}
_PREFER: Final = {
    "in": "header",
    "name": "Prefer",
    "schema": {"type": "string", "enum": ["respond-async"]},
    "description": "Answer as soon as it is kept, without waiting for what becomes of it.",
}
_RECEIPT: Final = {
    "type": "object",
    "properties": {
        "status": {
            "type": "string",
            "description": "processed: `results` say what became of it. accepted: not yet, ask `url`."
            " PagerDuty events are told success for both.",
            "enum": ["processed", "accepted", "success"],
        },
        "delivery": {"type": "integer"},
        "url": {"type": "string", "format": "uri"},
        "results": {"type": "array", "items": {"$ref": "#/components/schemas/AlertResult"}},
        "message": {"type": "string", "description": "PagerDuty events only"},
        "dedup_key": {"type": "string", "description": "PagerDuty events only"},
    },
    "required": ["status"],
}


def _operation(name: str, description: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    receipt = {"application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}}
    return {
        "post": {
            "operationId": name,
            "description": description,
            "parameters": [*parameters, _PREFER],
            "tags": ["intake"],
            "requestBody": {
                "content": {"application/json": {"schema": {}}},
                "description": "As the product sends it, at most 1 MB.",
                "required": True,
            },
            "security": [{"integrationKey": []}, {}],
            "responses": {"202": {"content": receipt, "description": "It is kept."}},
        }
    }


def add_intake(result: dict[str, Any]) -> None:
    """Add its addresses, the shape of its answers, and how it is authenticated."""
    result["components"]["schemas"]["Receipt"] = _RECEIPT
    result["components"]["securitySchemes"]["integrationKey"] = {
        "type": "apiKey",
        "in": "header",
        "name": "X-Integration-Key",
        "description": "Or in the address, or as Authorization: Bearer.",
    }
    result["paths"] |= {
        f"{INTAKE}{{key}}/{{product}}/": _operation(
            "intake_with_key",
            "Take in a body of alerts, with the key in the address.",
            _KEY,
            _PRODUCT,
        ),
        f"{INTAKE}{{product}}/": _operation(
            "intake", "Take in a body of alerts, with the key in a header.", _PRODUCT
        ),
        "/v2/enqueue": _operation(
            "enqueue", "Take in a PagerDuty event, with the key as its routing_key."
        ),
    }
