"""The Celery application as the task monitor needs it: the broker's settings, and nothing of the product."""

import os
from typing import Final

from celery import Celery

#: What the settings ask for and it never uses, where nobody gives it: it signs nothing and asks no database.
UNUSED: Final = {
    "SECRET_KEY": "of-the-task-monitor-which-signs-nothing",
    "DATABASE_URL": "postgresql://nobody@localhost/none",
}

for name, value in UNUSED.items():
    os.environ.setdefault(name, value)
os.environ["LLM_PROVIDER"] = "none"  # whose key it has not

app = Celery("smartops", fixups=[])
app.config_from_object("django.conf:settings", namespace="CELERY")
