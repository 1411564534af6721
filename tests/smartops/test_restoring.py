"""What a restore that was killed leaves behind is put back, and never dropped."""

import pytest
from django.contrib.auth.models import User
from django.db import connection

from smartops import health
from smartops.backup import Refused
from smartops.backup.restoring import ASIDE, undo_broken_off
from smartops.doctor import Level
from smartops.doctor.database import broken_restore

pytestmark = pytest.mark.django_db


def run(*commands: str) -> None:
    with connection.cursor() as cursor:
        for command in commands:
            cursor.execute(command)


def test_what_a_killed_restore_set_aside_is_put_back() -> None:
    User.objects.create_user("ana")
    run(f"ALTER SCHEMA public RENAME TO {ASIDE}", "CREATE SCHEMA public")
    [found] = broken_restore()

    assert found.level == Level.ERROR
    assert "Run it again" in " ".join(health._restore())
    assert undo_broken_off()
    assert User.objects.filter(username="ana").exists()
    assert list(broken_restore()) == []
    assert health._restore() == []
    assert not undo_broken_off()


def test_an_empty_desk_that_was_made_over_it_gives_way() -> None:
    User.objects.create_user("ana")
    run(f"ALTER SCHEMA public RENAME TO {ASIDE}", "CREATE SCHEMA public")
    run("CREATE TABLE public.auth_user (id int)")

    assert undo_broken_off()
    assert User.objects.filter(username="ana").exists()


def test_when_both_hold_something_a_person_decides() -> None:
    User.objects.create_user("ana")
    run(f"CREATE SCHEMA {ASIDE}", f"CREATE TABLE {ASIDE}.auth_user (id int)")

    with pytest.raises(Refused, match="Keep one of them"):
        undo_broken_off()

    assert User.objects.filter(username="ana").exists()
    assert list(broken_restore()) != []
