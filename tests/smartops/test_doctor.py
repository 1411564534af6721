"""The doctor finds what is broken, says how to mend it, and is quiet when nothing is."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from redis import Redis

from analytics.models import ReportSchedule
from smartops import doctor
from smartops.doctor import Finding, Level, broker, database, files, outside, reported
from smartops.doctor import settings as looked_at
from tests.live.up import free_port
from tests.sla.alerts import make_channel
from workers.encryption import decrypt, encrypt
from workers.models import DeadLetter
from workers.names import TaskName
from workers.queues import TRIAGE, WORKERS
from workers.services import beat

needs_rows = pytest.mark.django_db


def bad(found: Iterator[Finding]) -> list[Finding]:
    wrong = [one for one in found if one.level is not Level.OK]
    assert all(one.fix for one in wrong)
    return wrong


@pytest.fixture
def redis(settings: Any) -> Iterator[Redis]:
    with Redis.from_url(settings.REDIS_URL) as client:
        yield client
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "yes")
        client.config_set("maxmemory", 0)


@pytest.fixture
def public(settings: Any) -> Any:
    """A desk that others reach, as it should be."""
    settings.DEMO = False
    settings.ALLOWED_HOSTS = ["desk.example.com"]
    settings.PUBLIC_URL = "https://desk.example.com"
    settings.HTTPS = True
    settings.CSRF_TRUSTED_ORIGINS = ["https://desk.example.com"]
    return settings


def test_a_public_desk_that_is_set_up_well_is_left_alone(public: Any) -> None:
    assert bad(looked_at.mode()) == []
    assert bad(looked_at.names()) == []


@pytest.mark.parametrize(
    ("name", "value", "level", "says"),
    [
        ("DEBUG", True, Level.ERROR, "DEBUG shows"),
        ("DEMO", True, Level.ERROR, "Demo mode"),
        ("ALLOWED_HOSTS", ["*"], Level.ERROR, "allows every name"),
        ("HTTPS", False, Level.WARNING, "Without HTTPS"),
        ("PUBLIC_URL", "http://desk.example.com", Level.WARNING, "begins with http://"),
        ("PUBLIC_URL", "https://other.example", Level.WARNING, "does not allow"),
        ("CSRF_TRUSTED_ORIGINS", [], Level.WARNING, "lacks https://desk.example.com"),
        # Behind a training of an hour another task may wait, which itself takes its time.
        ("CELERY_VISIBILITY_TIMEOUT", 4000, Level.ERROR, "gives them to another worker"),
    ],
)
def test_a_setting_that_starts_and_is_wrong_is_found(
    public: Any, name: str, value: object, level: Level, says: str
) -> None:
    setattr(public, name, value)

    found = [*bad(looked_at.mode()), *bad(looked_at.names())]

    assert any(one.level is level and says in one.says for one in found), found


def test_a_desk_that_nobody_can_watch_is_found(public: Any) -> None:
    public.METRICS_TOKEN = ""

    [finding] = bad(looked_at.metrics_token())

    assert finding.level is Level.WARNING
    assert "make secrets" in finding.fix
    public.ALLOWED_HOSTS = ["localhost"]
    assert bad(looked_at.metrics_token()) == []


@pytest.mark.parametrize(
    ("key", "level"),
    [("a" * 64, Level.ERROR), ("abcdefghijklmnopqrstuvwxyz0123456789", Level.WARNING)],
)
def test_a_weak_key_is_found(public: Any, key: str, level: Level) -> None:
    public.SECRET_KEY = key

    [finding] = bad(looked_at.secret_key())

    assert finding.level is level
    assert key not in finding.says


def test_a_secret_that_others_may_read_is_found(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    path = tmp_path / "secret_key"
    path.write_text("secret")
    path.chmod(0o644)

    [finding] = bad(files.permissions())

    assert finding.fix == f"chmod 600 {path}"
    path.chmod(0o600)
    assert bad(files.permissions()) == []


@pytest.mark.parametrize(
    ("total", "free", "level"),
    [
        (500_000, 400_000, Level.OK),
        (500_000, 900, Level.WARNING),
        (500_000, 90, Level.ERROR),
        (256, 250, Level.OK),  # the compose file's /tmp
        (256, 40, Level.WARNING),
        (256, 10, Level.ERROR),
    ],
)
def test_too_little_room_is_found(
    monkeypatch: pytest.MonkeyPatch, total: int, free: int, level: Level
) -> None:
    disk = SimpleNamespace(total=total * 2**20, free=free * 2**20)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: disk)

    assert {one.level for one in files.room()} == {level}


def test_the_disk_of_temporary_files_is_looked_at_too(
    monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")  # another disk

    assert [one.says.split(" in ")[1] for one in files.room()] == [f"{tmp_path}.", "/dev/shm."]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert len(list(files.room())) == 1


def test_a_file_of_policies_that_is_not_there_is_named(settings: Any, tmp_path: Path) -> None:
    assert bad(files.sla_file()) == []
    settings.SLA_CONFIG_FILE = str(tmp_path / "gone.yaml")

    assert "gone.yaml" in bad(files.sla_file())[0].says


@needs_rows
def test_a_sound_database_is_left_alone() -> None:
    for check in (database.server, database.latency, database.clock, database.migrations):
        assert bad(check()) == [], check


@needs_rows
def test_a_database_that_may_lose_what_it_accepted_is_found() -> None:
    found = bad(database.durability())  # that of the tests, which is quick and may

    assert {one.says.split()[0] for one in found} >= {"fsync", "synchronous_commit"}
    assert all(one.level is Level.ERROR for one in found)


@needs_rows
def test_full_connections_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bad(database.connections()) == []
    monkeypatch.setattr(database, "FULL", 0.0)

    assert "PgBouncer" in bad(database.connections())[0].fix


@needs_rows
def test_a_migration_that_was_not_applied_is_found() -> None:
    MigrationRecorder(connection).record_unapplied("workers", "0001_initial")

    [finding] = bad(database.migrations())

    assert finding.level is Level.ERROR
    assert "workers.0001_initial" in finding.says
    assert "manage.py migrate" in finding.fix


@needs_rows
def test_a_database_of_newer_code_is_found() -> None:
    MigrationRecorder(connection).record_applied("tickets", "9999_of_tomorrow")

    [finding] = bad(database.migrations())

    assert "tickets.9999_of_tomorrow" in finding.says


@needs_rows
def test_secrets_of_another_key_are_found_and_move_to_the_new_one(settings: Any) -> None:
    settings.OUTGOING_ALLOW = ["hooks.example"]
    channel = make_channel()
    old, address = settings.SECRET_KEY, decrypt(channel.encrypted_address)
    assert bad(database.readable_secrets()) == []

    settings.SECRET_KEY = "n" + "ew" * 30
    [lost] = bad(database.readable_secrets())
    assert lost.level is Level.ERROR
    assert "SECRET_KEY_FALLBACKS" in lost.fix
    with pytest.raises(CommandError, match="cannot be read by any key"):
        call_command("reencrypt_secrets", stdout=StringIO())

    settings.SECRET_KEY_FALLBACKS = [old]
    [left] = bad(database.readable_secrets())
    assert "reencrypt_secrets" in left.fix
    call_command("reencrypt_secrets", stdout=StringIO())
    settings.SECRET_KEY_FALLBACKS = []
    assert bad(database.readable_secrets()) == []
    channel.refresh_from_db()
    assert decrypt(channel.encrypted_address) == address


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("maxmemory-policy", "allkeys-lru", "throws messages away (allkeys-lru)"),
        ("appendonly", "no", "keeps nothing on disk"),
        ("maxmemory", "1000000000000000", ""),
    ],
)
def test_a_broker_that_forgets_is_found(redis: Redis, option: str, value: str, says: str) -> None:
    assert bad(broker.redis_server()) == []
    redis.config_set(option, value)

    found = bad(broker.redis_server())

    assert [one.says for one in found if says in one.says] == [one.says for one in found]
    assert bool(found) == bool(says)


def test_a_broker_that_is_nearly_full_is_found(redis: Redis) -> None:
    redis.config_set("maxmemory", int(redis.info()["used_memory"] * 1.1))

    [finding] = bad(broker.redis_server())

    assert "of its memory is in use" in finding.says


def test_a_queue_that_grows_is_found(monkeypatch: pytest.MonkeyPatch, redis: Redis) -> None:
    monkeypatch.setattr(broker, "DEEP", 2)
    redis.flushall()
    assert bad(broker.queues()) == []
    for _ in range(3):
        current_app.send_task("triage.run_jobs", args=[[]], queue=TRIAGE)

    [finding] = bad(broker.queues())
    redis.flushall()

    assert finding.says == "3 messages wait in the queue triage."
    assert "class core" in finding.fix


def test_queues_that_nobody_reads_are_found(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "PATIENCE", 0.2)
    settings.LLM = None

    fixes = {one.fix for one in bad(broker.workers())}

    assert fixes == {f"Start one: python -m smartops.run {n}" for n in WORKERS if n != "llm"}


@needs_rows
def test_a_mail_server_that_is_away_is_found_when_a_channel_needs_it(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    assert bad(outside.mail_server()) == []
    make_channel("mail", "email")

    [finding] = bad(outside.mail_server())

    assert str(settings.EMAIL_PORT) in finding.says


@needs_rows
def test_a_channel_that_may_not_be_called_is_found(settings: Any) -> None:
    settings.OUTGOING_ALLOW = ["127.0.0.0/8"]
    channel = make_channel(address="http://127.0.0.1:9/secretpath")
    assert bad(outside.channels()) == []
    settings.OUTGOING_ALLOW = []

    [finding] = bad(outside.channels())

    assert "not a public address" in finding.says
    assert "secretpath" not in finding.says + finding.fix
    channel.refresh_from_db()
    channel.encrypted_address = encrypt("nonsense")
    channel.save(update_fields=["encrypted_address"])
    assert "must begin with https" in bad(outside.channels())[0].says


@needs_rows
def test_a_tick_that_is_switched_off_is_found() -> None:
    every = IntervalSchedule.objects.create(every=15, period="seconds")
    tick = PeriodicTask.objects.create(name="x", task=TaskName.SLA_CHECK_CLOCKS, interval=every)
    assert bad(reported.schedule()) == []
    PeriodicTask.objects.filter(pk=tick.pk).update(enabled=False)

    [finding] = bad(reported.schedule())

    assert finding.says.startswith("sla.check_clocks is switched off")


@needs_rows
def test_what_health_tells_stands_there_with_what_to_do() -> None:
    [silent] = bad(reported.health())
    assert "No tick from beat" in silent.says
    assert silent.fix == reported.FIXES["_work"]
    beat(name="beat")
    assert bad(reported.health()) == []
    DeadLetter.objects.create(kind="triage.triagejob", object_id=1, subject="x", reason="y")

    [finding] = bad(reported.health())

    assert "1 dead letter waits" in finding.says


def test_every_check_of_health_has_a_fix() -> None:
    from smartops import health

    assert {check.__name__ for check in health.CHECKS} - {"_database"} == set(reported.FIXES)


@needs_rows
def test_a_database_that_is_away_is_one_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"DATABASE_URL": f"postgresql://x:pass@127.0.0.1:{free_port()}/x"}
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json", "--quiet"],
        env={**os.environ, **wrong},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    found = [one for one in json.loads(done.stdout) if one["about"] == "database"]
    assert len(found) == 1
    assert "does not answer" in found[0]["says"]
    assert "DATABASE_URL" in found[0]["fix"]
    assert "pass" not in done.stdout


def test_a_broker_that_is_away_is_said_once_and_workers_are_not_asked() -> None:
    wrong = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json", "--quiet"],
        env={**os.environ, **wrong},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    found = [one["about"] for one in json.loads(done.stdout)]
    assert found.count("redis") == 1
    assert found.count("broker") == 1
    assert "workers" not in found


@needs_rows
def test_it_ends_with_1_only_when_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from smartops.doctor import examination

    monkeypatch.setattr(examination, "CHECKS", (("files", files.room),))
    call_command("doctor")
    assert "0 errors, 0 warnings" in capsys.readouterr().out

    monkeypatch.setattr(examination, "CHECKS", (("database", database.durability),))
    with pytest.raises(SystemExit) as ended:
        call_command("doctor")
    assert ended.value.code == 1
    assert "ALTER SYSTEM RESET fsync" in capsys.readouterr().out


def test_each_thing_is_looked_at_once() -> None:
    checks = [check for _, check in doctor.CHECKS]

    assert len(checks) == len(set(checks))


@needs_rows
def test_the_mail_server_is_looked_at_when_only_reports_use_it(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    [found] = outside.mail_server()
    assert found.level is Level.OK

    ReportSchedule.objects.create(name="Week")

    [found] = bad(outside.mail_server())
    assert "does not let us in" in found.says
