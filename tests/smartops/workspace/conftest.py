"""Who looks at the pages."""

import pytest
from django.contrib.auth.models import User
from django.test import Client


def as_person(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def ana(agent: User) -> Client:
    return as_person(agent)
