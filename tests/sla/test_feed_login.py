"""Who gets into the live feed: credentials, origins, and what ends a login."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from knox.models import AuthToken

from sla.feed.login import Credential, NotAllowed, credential_of, hidden_from
from tests.factories import make_user
from tickets.models import Department
from tickets.services.access import create_token

HOST = "desk.example.com:8000"


def scope(*protocols: str, **headers: str) -> dict[str, Any]:
    given = {"host": HOST, **headers}
    return {
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "subprotocols": list(protocols),
    }


@pytest.fixture(autouse=True)
def _hosts(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://intra.example.org", "https://*.example.net"]


@pytest.mark.parametrize(
    "origin",
    [
        "http://desk.example.com:8000",
        "https://DESK.example.com:8000",
        "https://intra.example.org",
        "https://a.b.example.net",
    ],
)
def test_a_cookie_counts_from_the_desks_own_and_trusted_pages(origin: str) -> None:
    found = credential_of(scope(cookie="a=b; sessionid=abc", origin=origin))
    assert found == Credential("session", "abc")


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://desk.example.com",
        "http://desk.example.com:8001",
        "http://desk.example.com:8000@evil.example",
        "http://desk.example.com:8000.evil.example",
        "http://evil.example/desk.example.com:8000",
        "http://intra.example.org",
        "https://intra.example.org:444",
        "https://evilexample.net",
        "file://desk.example.com:8000",
        "http://[",
        "http://desk.example.com:99999",
    ],
)
def test_a_cookie_does_not_count_from_other_pages_even_if_all_hosts_are_allowed(
    origin: str,
) -> None:
    with pytest.raises(NotAllowed, match="origin"):
        credential_of(scope(cookie="sessionid=abc", origin=origin))


def test_behind_https_a_page_without_it_does_not_count(settings: Any) -> None:
    settings.HTTPS = True
    with pytest.raises(NotAllowed, match="origin"):
        credential_of(scope(cookie="sessionid=abc", origin=f"http://{HOST}"))


def test_a_host_that_is_not_the_desks_does_not_count(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]
    with pytest.raises(NotAllowed, match="origin"):
        credential_of(scope(cookie="sessionid=abc", origin=f"http://{HOST}"))


def test_a_token_goes_before_a_cookie_and_needs_no_origin() -> None:
    for given in (
        scope(authorization="Token xyz", cookie="sessionid=abc"),
        scope("smartops.alerts", "smartops.token.xyz", origin="https://elsewhere.example"),
    ):
        assert credential_of(given) == Credential("token", "xyz")


@pytest.mark.django_db
def test_a_logout_a_lock_and_a_deletion_end_a_session() -> None:
    user, browser = make_user("vera", "Viewer"), Client()
    browser.force_login(user)
    credential = Credential("session", browser.cookies["sessionid"].value)
    hidden_from(credential)

    user.is_active = False
    user.save(update_fields=["is_active"])
    refused(credential)
    user.is_active = True
    user.save(update_fields=["is_active"])
    hidden_from(credential)
    user.set_password("another-horse-battery")
    user.save(update_fields=["password"])
    refused(credential)
    browser.force_login(user)
    credential = Credential("session", browser.cookies["sessionid"].value)
    hidden_from(credential)
    browser.logout()
    refused(credential)


@pytest.mark.django_db
def test_a_token_that_is_revoked_expired_or_malformed_is_refused() -> None:
    user = make_user("vera", "Viewer")
    _, text = create_token(user=user)
    hidden_from(Credential("token", text))
    AuthToken.objects.all().delete()
    refused(Credential("token", text))
    _, old = create_token(user=user, lifetime=timedelta(seconds=-5))
    for wrong in (old, "", "x", "ü" * 64, "a\0" + "b" * 62, "a" * 5000, text[:15] + "zz"):
        refused(Credential("token", wrong))


@pytest.mark.django_db
def test_restricted_departments_are_hidden_from_those_who_are_no_members() -> None:
    board = Department.objects.create(name="Board", restricted=True)
    user = make_user("vera", "Viewer")
    _, text = create_token(user=user)
    assert board.pk in hidden_from(Credential("token", text))
    board.members.add(user)
    assert board.pk not in hidden_from(Credential("token", text))


def refused(credential: Credential) -> None:
    with pytest.raises(NotAllowed):
        hidden_from(credential)
