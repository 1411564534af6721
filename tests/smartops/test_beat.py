"""What runs day and night loads what it needs: beat asks for all that is to be done, and loads nothing of it."""

import json
import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection
from django_celery_beat.schedulers import DatabaseScheduler
from redis import Redis

from workers.beating import BeatingScheduler
from workers.queues import ROUTES

#: As `celery beat` begins; then every task is asked for once.
_ONE_ROUND = """
import json, sys
from smartops.beat import app
app.loader.init_worker()
app.finalize()
from django_celery_beat.schedulers import DatabaseScheduler
scheduler = DatabaseScheduler(app=app)
for entry in list(scheduler.schedule.values()):
    scheduler.apply_async(entry, advance=False)
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.django_db(transaction=True)
def test_beat_asks_for_every_task_on_its_queue_and_loads_none() -> None:
    database = urlsplit(os.environ["DATABASE_URL"])._replace(
        path=f"/{connection.settings_dict['NAME']}"
    )
    environment = {**os.environ, "DATABASE_URL": database.geturl(), "REDIS_PREFIX": "beat-test:"}
    done = subprocess.run(
        [sys.executable, "-c", _ONE_ROUND], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    modules = set(json.loads(done.stdout))

    assert not {"servers.models", "tickets.models", "triage.services", "numpy"} & modules
    wanted = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    with Redis.from_url(settings.REDIS_URL) as redis:
        for name in wanted:
            queue = ROUTES.get(name, {"queue": "default"})["queue"]
            asked = redis.lrange(f"beat-test:{queue}", 0, -1)
            assert name in {json.loads(message)["headers"]["task"] for message in asked}
        redis.delete(*redis.keys("beat-test:*"))


def test_workers_load_no_prompt_and_no_web_server() -> None:
    code = """
import sys
from smartops import lean
sys.argv = ["celery", "worker", "--help"]
try:
    lean.main()
finally:
    print({"prompt_toolkit", "tornado"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "--concurrency" in done.stdout
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_signal_leaves_beat_alone_while_it_writes_down_what_ran(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(DatabaseScheduler, "sync", lambda self: seen.append(self.busy))
    scheduler = BeatingScheduler(app=current_app, lazy=True)

    scheduler._do_sync()

    assert (seen, scheduler.busy) == ([1], 0)
