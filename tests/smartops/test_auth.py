import pytest
from knox.models import AuthToken
from rest_framework.test import APIClient

from smartops import auth
from tests.factories import make_user
from tickets.services.access import create_token

pytestmark = pytest.mark.django_db
TICKETS = "/api/v1/tickets/"


def test_a_second_request_asks_the_database_nothing_about_its_token(
    django_assert_num_queries: object,
) -> None:
    _, text = create_token(user=make_user("ana", "Agent"))
    client = APIClient(headers={"Authorization": f"Token {text}"})
    client.get(TICKETS)

    with django_assert_num_queries(1):  # type: ignore[operator]
        assert client.get(TICKETS).status_code == 200


def test_a_revoked_token_is_refused_once_it_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    _, text = create_token(user=make_user("ana", "Agent"))
    client = APIClient(headers={"Authorization": f"Token {text}"})
    assert client.get(TICKETS).status_code == 200
    AuthToken.objects.all().delete()

    monkeypatch.setattr(auth.RememberingTokenAuthentication, "_known", {})
    assert client.get(TICKETS).status_code == 401


def test_an_unknown_token_is_never_remembered() -> None:
    client = APIClient(headers={"Authorization": "Token " + "a" * 64})

    assert client.get(TICKETS).status_code == 401
    assert not any(
        answer is None for _, answer in auth.RememberingTokenAuthentication._known.values()
    )
