"""Views in the admin: the same rules as in the API."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.factories import make_user
from tickets.models import SavedView
from tickets.services import saving

pytestmark = pytest.mark.django_db


def signed_in(role: str, name: str = "ana") -> Client:
    client = Client()
    client.force_login(make_user(name, role))
    return client


FORM = {"name": "Mine", "query": '{"status": "open"}', "ordering": "", "position": 7}


def test_a_view_is_made_and_changed() -> None:
    client = signed_in("Agent")
    client.post(reverse("admin:tickets_savedview_add"), {**FORM, "shared": "on"})
    view = SavedView.objects.get(name="Mine")
    assert "of the desk" not in LogEntry.objects.get().object_repr

    client.post(reverse("admin:tickets_savedview_change", args=[view.pk]), {**FORM, "name": "Ours"})

    view.refresh_from_db()
    assert (view.name, view.shared, view.owner.username) == ("Ours", False, "ana")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"query": '{"colour": "red"}'}, "There is no such filter"),
        ({"query": "[1]"}, "Give an object of filters"),
        ({"ordering": "colour"}, "is unknown"),
        ({"ordering": "rank"}, "puts the best match"),
    ],
)
def test_what_the_list_would_not_understand_is_not_saved(wrong: dict[str, str], why: str) -> None:
    page = signed_in("Agent").post(reverse("admin:tickets_savedview_add"), {**FORM, **wrong})

    assert why in page.content.decode()
    assert not SavedView.objects.filter(name="Mine").exists()


def test_the_desks_views_are_changed_by_admins_only() -> None:
    view = SavedView.objects.get(name="Open")
    where = reverse("admin:tickets_savedview_change", args=[view.pk])

    assert b'name="name"' not in signed_in("Agent").get(where).content
    signed_in("Admin", "ada").post(where, {**FORM, "name": "All open"})
    view.refresh_from_db()
    assert (view.name, view.shared, view.owner) == ("All open", True, None)


def test_a_name_that_is_taken_is_told_in_the_form() -> None:
    client = signed_in("Agent")
    client.post(reverse("admin:tickets_savedview_add"), FORM)

    page = client.post(reverse("admin:tickets_savedview_add"), FORM)

    assert "There is a view of this name already." in page.content.decode()


def test_views_of_one_name_that_were_left_to_the_desk_can_be_changed() -> None:
    views = [SavedView.objects.create(owner=None, shared=True, name="Mine") for _ in range(2)]
    where = reverse("admin:tickets_savedview_change", args=[views[0].pk])

    assert signed_in("Admin", "ada").post(where, {**FORM, "position": 3}).status_code == 302

    views[0].refresh_from_db()
    assert views[0].position == 3


def test_a_person_who_has_as_many_views_as_one_may_have_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(saving, "MOST_VIEWS", 0)

    page = signed_in("Agent").post(reverse("admin:tickets_savedview_add"), FORM)

    assert "You have 0 views" in page.content.decode()


def test_who_deletes_a_person_is_shown_the_private_views_that_go() -> None:
    bob = make_user("bob", "Agent")
    for name, shared in (("Private", False), ("Everybody", True)):
        SavedView.objects.create(owner=bob, name=name, shared=shared)
    client = signed_in("Admin", "ada")
    User.objects.filter(username="ada").update(is_superuser=True)

    asked = client.get(reverse("admin:auth_user_delete", args=[bob.pk])).content.decode()
    client.post(reverse("admin:auth_user_delete", args=[bob.pk]), {"post": "yes"})

    assert "Private of bob" in asked
    assert "Everybody of bob" not in asked
    [view] = SavedView.objects.filter(name__in=["Private", "Everybody"])
    assert (view.name, view.owner) == ("Everybody", None)
