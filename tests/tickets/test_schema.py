"""The OpenAPI description of intake names exactly the fields that intake accepts."""

from typing import Any

import pytest
from rest_framework import serializers

from tickets.intake import TicketIn, TicketPatch
from tickets.schema import TicketInSchema, TicketPatchSchema


@pytest.mark.parametrize(
    ("model", "described"), [(TicketIn, TicketInSchema), (TicketPatch, TicketPatchSchema)]
)
def test_what_is_described_is_what_is_accepted(
    model: Any, described: type[serializers.Serializer[Any]]
) -> None:
    assert set(described().fields) == set(model.model_fields)
