"""Lists that people come back to: private ones, shared ones, the desk's."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from tests.conftest import client_for
from tests.factories import make_ticket, make_user
from tickets.models import SavedView
from tickets.services import saving

pytestmark = pytest.mark.django_db
VIEWS = "/api/v1/saved-views/"


def save(client: APIClient, **fields: Any) -> Any:
    given = {"name": "Mine", "query": {"assignee": "me", "status": "open"}, **fields}
    return client.post(VIEWS, given, format="json")


def names(client: APIClient) -> list[str]:
    return [view["name"] for view in client.get(VIEWS).json()]


@pytest.fixture
def bob(db: None) -> APIClient:
    return client_for(make_user("bob", "Agent"))


def test_a_new_desk_has_views_that_show_tickets(api: APIClient) -> None:
    make_ticket()

    for view in api.get(VIEWS).json():
        assert api.get(f"/api/v1/tickets/?{view['address']}").status_code == 200, view
        assert (view["owner"], view["shared"], view["editable"]) == (None, True, False)
    assert names(api)[:2] == ["Open", "My open tickets"]


def test_a_private_view_is_seen_by_its_owner_only(api: APIClient, bob: APIClient) -> None:
    made = save(api, ordering="due_at")

    assert made.status_code == 201
    assert made.json()["address"] == "assignee=me&status=open&ordering=due_at"
    assert "Mine" in names(api)
    assert "Mine" not in names(bob)
    assert bob.get(f"{VIEWS}{made.json()['id']}/").status_code == 404


def test_a_shared_view_is_seen_by_all_and_changed_by_its_owner_or_an_admin(
    api: APIClient, bob: APIClient, admin_person: User
) -> None:
    where = f"{VIEWS}{save(api, shared=True).json()['id']}/"

    assert "Mine" in names(bob)
    assert bob.patch(where, {"name": "Ours"}, format="json").status_code == 403
    assert bob.delete(where).status_code == 403
    changed = api.patch(where, {"name": "Ours", "position": 5}, format="json").json()
    assert (changed["name"], changed["position"], changed["query"]["status"]) == ("Ours", 5, "open")
    assert names(bob)[0] == "Ours"
    assert client_for(admin_person).delete(where).status_code == 204


def test_a_viewer_keeps_views_but_does_not_share_them() -> None:
    viewer = client_for(make_user("vera", "Viewer"))
    mine = save(viewer).json()["id"]

    assert save(viewer, name="All", shared=True).status_code == 403
    assert viewer.patch(f"{VIEWS}{mine}/", {"shared": True}, format="json").status_code == 403
    assert viewer.delete(f"{VIEWS}{mine}/").status_code == 204


def test_a_name_is_taken_once_per_owner(api: APIClient, bob: APIClient) -> None:
    save(api)

    assert save(api).status_code == 409
    assert save(bob).status_code == 201
    other = save(api, name="Other").json()["id"]
    assert api.patch(f"{VIEWS}{other}/", {"name": "Mine"}, format="json").status_code == 409


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"query": {"status": "sleeping"}}, "query"),
        ({"query": {"colour": "red"}}, "query"),
        ({"query": {"status": ""}}, "query"),
        ({"query": ["status"]}, "query"),
        ({"ordering": "colour"}, "ordering"),
        ({"ordering": "rank"}, "ordering"),
        ({"name": ""}, "name"),
    ],
)
def test_what_the_list_would_not_understand_is_not_saved(
    api: APIClient, fields: dict[str, Any], wrong: str
) -> None:
    answer = save(api, **fields)

    assert answer.status_code == 400
    assert wrong in answer.json()["errors"]


def test_an_admin_changes_the_desks_view_but_cannot_hide_it(admin_person: User) -> None:
    client = client_for(admin_person)
    where = f"{VIEWS}{SavedView.objects.get(name='Open').pk}/"

    assert client.patch(where, {"name": "All open"}, format="json").json()["editable"]
    assert client.patch(where, {"shared": False}, format="json").status_code == 400


def test_all_tickets_are_a_view_too(api: APIClient) -> None:
    assert save(api, query={}).json()["address"] == "ordering=-opened_at"


def test_the_word_me_in_a_shared_view_means_whoever_looks(api: APIClient, bob: APIClient) -> None:
    address = save(api, shared=True, query={"assignee": "me"}).json()["address"]
    ticket = make_ticket(assignee="bob")

    assert api.get(f"/api/v1/tickets/?{address}").json()["results"] == []
    [found] = bob.get(f"/api/v1/tickets/?{address}").json()["results"]
    assert found["id"] == ticket.pk


def test_a_person_keeps_so_many_views_and_is_told_when_there_is_no_room(
    api: APIClient, bob: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "MOST_VIEWS", 2)
    mine = [save(api, name=name).json()["id"] for name in ("One", "Two")]

    refused = save(api, name="Three")

    assert refused.status_code == 409
    assert "2 views" in refused.json()["detail"]
    assert api.patch(f"{VIEWS}{mine[0]}/", {"name": "Uno"}, format="json").status_code == 200
    assert save(bob, name="Three").status_code == 201
    api.delete(f"{VIEWS}{mine[0]}/")
    assert save(api, name="Three").status_code == 201


def test_views_that_others_use_outlive_their_owner(api: APIClient, bob: APIClient) -> None:
    for client in (api, bob):
        save(client, name="Ours", shared=True)
        save(client, name="Mine")

    for name in ("ana", "bob"):
        User.objects.get(username=name).delete()

    left = SavedView.objects.filter(name__in=["Ours", "Mine"])
    assert [(view.name, view.owner, view.shared) for view in left] == [("Ours", None, True)] * 2


def test_views_of_one_name_that_were_left_to_the_desk_can_be_changed(admin_person: User) -> None:
    ours, other = (
        SavedView.objects.create(owner=None, shared=True, name=name) for name in ("Ours", "Other")
    )
    SavedView.objects.create(owner=None, shared=True, name="Ours")
    admin = client_for(admin_person)

    moved = admin.patch(f"{VIEWS}{ours.pk}/", {"position": 5}, format="json")
    renamed = admin.patch(f"{VIEWS}{other.pk}/", {"name": "Ours"}, format="json")

    assert (moved.status_code, renamed.status_code) == (200, 409)
