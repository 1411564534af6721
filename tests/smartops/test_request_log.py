"""The line that each request leaves in the log."""

import logging

import pytest
from django.test import Client


@pytest.mark.django_db
def test_it_tells_whose_request_it_was_and_how_it_ended(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "smartops.request"):
        Client().get("/api/v1/tickets/", REMOTE_ADDR="192.0.2.7")

    [told] = [record.msg for record in caplog.records if record.name == "smartops.request"]
    assert {name: told[name] for name in ("method", "path", "status", "client")} == {
        "method": "GET",
        "path": "/api/v1/tickets/",
        "status": 401,
        "client": "192.0.2.7",
    }
