import os
import subprocess
import sys

import pytest
from django.conf import LazySettings
from django.test import Client


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_a_probe_may_ask_by_an_address_that_is_nobodys_name(
    client: Client, settings: LazySettings, path: str
) -> None:
    settings.ALLOWED_HOSTS = ["desk.example.com"]

    assert client.get(path, headers={"host": "10.3.4.5:8000"}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/health", "/api/v1/tickets/", "/health/live/more"])
def test_everything_else_is_asked_by_name(
    client: Client, settings: LazySettings, path: str
) -> None:
    settings.ALLOWED_HOSTS = ["desk.example.com"]

    assert client.get(path, headers={"host": "10.3.4.5:8000"}).status_code == 400


@pytest.mark.django_db
def test_prometheus_asks_by_address_and_needs_its_token(
    client: Client, settings: LazySettings
) -> None:
    settings.ALLOWED_HOSTS = ["desk.example.com"]

    assert client.get("/metrics", headers={"host": "10.3.4.5:8000"}).status_code == 401


def test_a_probe_may_ask_by_an_address_while_traces_are_sent() -> None:
    code = """
import smartops.asgi
from django.test import Client
print(Client().get("/health/live", headers={"host": "10.3.4.5:8000"}).status_code)
"""
    environment = {
        **os.environ,
        "ALLOWED_HOSTS": "desk.example.com",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )

    assert done.stdout.splitlines()[-1:] == ["200"], done.stderr
