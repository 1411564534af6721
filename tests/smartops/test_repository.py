"""The repository keeps to its own rules."""

import importlib
import re
from pathlib import Path

import pytest
import unfold
from django.conf import settings
from django.core.management import call_command

from smartops.celery import app
from workers.names import TaskName
from workers.queues import QUEUES, ROUTES, WORKERS

BASE = Path(__file__).resolve().parent.parent.parent


def names() -> set[str]:
    return {value for key, value in vars(TaskName).items() if key.isupper()}


def test_every_task_has_its_name_in_the_list_and_every_name_its_task() -> None:
    app.loader.import_default_modules()

    ours = {name for name in app.tasks if not name.startswith(("celery.", "django_"))}
    assert ours == names()


def test_every_queue_is_read_by_a_worker() -> None:
    read = {queue for spec in WORKERS.values() for queue in spec.queues}

    assert {queue.name for queue in QUEUES} == read
    assert {route["queue"] for route in ROUTES.values()} <= read


def test_no_task_holds_its_message_for_longer_than_rabbitmq_waits() -> None:
    app.loader.import_default_modules()

    patience = 30 * 60  # seconds; then the message goes to another worker
    limits = {name: task.time_limit or app.conf.task_time_limit for name, task in app.tasks.items()}
    assert {
        name for name, task in app.tasks.items() if task.acks_late and limits[name] > patience
    } == set()


def test_every_tick_expires_and_names_a_task() -> None:
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"] in names()
        assert entry["options"]["expire_seconds"] >= entry["schedule"]


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_lock_files_name_no_registry() -> None:
    for path in BASE.glob("requirements*.txt"):
        text = path.read_text()
        assert "index-url" not in text
        assert "://" not in text
        assert "--hash=sha256:" in text


def test_no_module_grows_beyond_what_one_reads_at_once() -> None:
    for package in ("smartops", "analytics", "servers", "sla", "tickets", "triage", "workers"):
        for path in (BASE / package).rglob("*.py"):
            if "migrations" not in path.parts:
                assert len(path.read_text().splitlines()) <= 330, path


def test_what_workers_run_asks_the_clock_that_a_game_day_moves() -> None:
    real = {BASE / "sla/services/delivery.py"}  # receivers check when a message was signed
    for path in {*BASE.glob("*/tasks.py"), *BASE.glob("*/services/*.py")} - real:
        assert "timezone.now()" not in path.read_text(), f"{path}: use workers.clock.present()"


def test_the_example_environment_names_every_setting() -> None:
    example = (BASE / ".env.example").read_text()
    for source in ("settings.py", "env.py"):
        text = (BASE / "smartops" / source).read_text()
        for name in re.findall(r'env\.\w+\("([A-Z_]+)"', text):
            if name != "DEBUG":
                assert name in example, name


def test_every_pure_module_can_be_imported() -> None:
    for name in ("terms", "rules", "signals", "matrix", "routing", "decide"):
        importlib.import_module(f"triage.{name}")


def test_every_style_that_our_pages_name_is_in_a_stylesheet() -> None:
    # The theme's stylesheet holds only what the theme uses: another class is silently without effect.
    theme = Path(unfold.__file__).parent / "static/unfold/css/styles.css"
    sheets = "".join(sheet.read_text() for sheet in [theme, *BASE.glob("*/static/**/*.css")])
    found = re.findall(r"\.((?:[\w-]|\\.)+)", sheets)
    known = {re.sub(r"\\(.)", r"\1", name) for name in found}
    for page in [*BASE.glob("*/templates/**/*.html"), *BASE.glob("*/admin/*.py")]:
        named = " ".join(re.findall(r'class="([^"]*)"', page.read_text()))
        assert set(re.sub(r"{[{%].*?[%}]}", " ", named).split()) <= known, page
