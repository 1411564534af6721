"""The Celery application. Its settings, with their reasons, are in `smartops/settings.py`."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Django's checks load every page and view; `migrate` runs them before any worker starts.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartops.settings")

from celery import Celery

import workers.memory  # noqa: F401 - listens for new processes
from workers.liveness import AliveFile

app = Celery("smartops", task_cls="workers.base:BaseTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(AliveFile)
