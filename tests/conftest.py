"""What most tests need: people in each role, clients that speak for them, and the moment that is now."""

import os
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from hypothesis import HealthCheck, settings
from rest_framework.test import APIClient

from sla import promises
from tests import databases
from tests.factories import make_ticket, make_user
from tickets.models import Ticket
from triage.models import TriageJob
from triage.services import run_jobs

# The machine that runs this may be slow; what is checked is not how fast examples are made.
settings.register_profile("smartops", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("smartops")

# A password is slow to check on purpose; a user is made by nearly every test.
django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Each client of a test would look for all static files anew (25 ms); real web processes serve them in tests/live.
django_settings.WHITENOISE_USE_FINDERS = False

# What the plugin started has all tables in a template: migrating a copy of it is done at once.
if "DATABASE_URL" in os.environ["TESTS_START"]:
    django_settings.DATABASES["default"]["TEST"]["TEMPLATE"] = databases.TEMPLATE

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _policies_of_this_test() -> None:
    """What a process remembers of policies ends with the test that wrote them."""
    promises.forget()


@pytest.fixture
def now() -> datetime:
    return NOON


@pytest.fixture
def agent(db: None) -> User:
    return make_user("ana", "Agent")


@pytest.fixture
def admin_person(db: None) -> User:
    return make_user("ada", "Admin")


@pytest.fixture
def api(agent: User) -> APIClient:
    """The API as an agent sees it."""
    return client_for(agent)


def client_for(user: User | None) -> APIClient:
    client = APIClient()
    if user is not None:
        client.force_authenticate(user)
    return client


@pytest.fixture
def triage_all(db: None) -> Any:
    """Do what the workers would do with every waiting job, in this process."""

    def run() -> int:
        ids = list(TriageJob.objects.filter(state="pending").values_list("pk", flat=True))
        return sum(
            run_jobs(ids=ids[i : i + 100], now=datetime.now(UTC)) for i in range(0, len(ids), 100)
        )

    return run


@pytest.fixture
def vpn(triage_all: Any) -> Ticket:
    """A ticket that triage sorted as network, P1."""
    ticket = make_ticket(title="VPN down for the whole office", description="Nobody can connect.")
    triage_all()
    ticket.refresh_from_db()
    return ticket
