"""The scratch desk: beside the desk, with its configuration, without its secrets, and gone at the end."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from django.apps import apps
from psycopg import sql
from redis import Redis

from smartops.gameday.scratch import COPIED, Refused, copy_configuration, scratch_desk

DESK, REDIS = os.environ["DATABASE_URL"], os.environ["REDIS_URL"]


@pytest.fixture
def link() -> Iterator[psycopg.Connection]:
    with psycopg.connect(DESK, autocommit=True) as connection:
        yield connection


def databases(link: psycopg.Connection) -> set[str]:
    rows = link.execute("SELECT datname FROM pg_database WHERE datname LIKE '%\\_gameday\\_%'")
    return {name for (name,) in rows}


def test_it_is_made_beside_the_desk_and_removed_with_all_its_keys(link: psycopg.Connection) -> None:
    with Redis.from_url(REDIS) as redis:
        with scratch_desk(DESK, REDIS) as scratch:
            assert databases(link) == {scratch.name}
            with psycopg.connect(scratch.database_url) as there:
                assert there.execute("SELECT current_database()").fetchone() == (scratch.name,)
            redis.set(f"{scratch.prefix}triage", "x")
            redis.set("smartops:triage-of-the-desk", "x")

        assert databases(link) == set()
        assert not redis.keys(f"{scratch.prefix}*")
        assert redis.delete("smartops:triage-of-the-desk") == 1


def test_it_is_removed_when_the_game_day_breaks_off(link: psycopg.Connection) -> None:
    def break_off() -> None:
        with (
            scratch_desk(DESK, REDIS) as scratch,
            psycopg.connect(scratch.database_url),  # a worker that still has it open
        ):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()

    assert databases(link) == set()


def test_what_a_killed_game_day_left_is_removed_by_the_next_one_but_not_one_that_plays(
    link: psycopg.Connection,
) -> None:
    desk = urlsplit(DESK).path.lstrip("/")
    link.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"{desk}_gameday_0000abcd")))

    with scratch_desk(DESK, REDIS) as first, scratch_desk(DESK, REDIS) as second:
        assert databases(link) == {first.name, second.name}


def test_a_kept_one_stays_until_somebody_removes_it(link: psycopg.Connection) -> None:
    opened = []
    with scratch_desk(DESK, REDIS, keep=True) as scratch:
        opened.append(psycopg.connect(scratch.database_url))
    opened.pop().close()
    with scratch_desk(DESK, REDIS):
        pass

    assert databases(link) == {f"{scratch.name}_kept"}
    link.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(f"{scratch.name}_kept")))


def test_a_role_that_may_not_make_databases_is_told_what_would_let_it(
    link: psycopg.Connection,
) -> None:
    link.execute("CREATE ROLE \"bare desk\" LOGIN PASSWORD 'bare'")
    parts = urlsplit(DESK)
    bare = parts._replace(netloc=f"bare%20desk:bare@{parts.hostname}:{parts.port}").geturl()
    try:
        with (
            pytest.raises(Refused, match='ALTER ROLE "bare desk" CREATEDB'),
            scratch_desk(bare, REDIS),
        ):
            pass
    finally:
        link.execute('DROP ROLE "bare desk"')


def test_whatever_a_copied_row_refers_to_is_copied_too_or_left_out() -> None:
    models = {apps.get_model(label): instead for label, instead in COPIED.items()}
    missing = [
        f"{model._meta.label}.{field.column}"
        for model, instead in models.items()
        for field in model._meta.local_concrete_fields
        if field.is_relation and field.related_model not in models and field.column not in instead
    ]

    assert missing == []


def test_no_secret_is_copied() -> None:
    models = {apps.get_model(label): instead for label, instead in COPIED.items()}
    copied = {
        field.column
        for model, instead in models.items()
        for field in model._meta.local_concrete_fields
        if field.column not in instead
    }

    words = ("secret", "password", "encrypted", "key_hash")
    assert not [name for name in copied if any(word in name for word in words)]


def test_a_desk_of_another_version_is_refused() -> None:
    with psycopg.connect(DESK, autocommit=True) as link:
        link.execute("CREATE TABLE IF NOT EXISTS django_migrations (app text, name text)")
        try:
            with scratch_desk(DESK, REDIS) as scratch:
                with psycopg.connect(scratch.database_url, autocommit=True) as there:
                    there.execute(
                        "CREATE TABLE django_migrations AS SELECT 'sla' AS app, '0099' AS name"
                    )
                with pytest.raises(Refused, match="manage.py migrate"):
                    copy_configuration(DESK, scratch.database_url)
        finally:
            link.execute("DROP TABLE django_migrations")
