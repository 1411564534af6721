from pathlib import Path

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from sla.services.config import load_config as load
from workers.names import TaskName


@shared_task(name=TaskName.SLA_LOAD_CONFIG)
def load_config() -> bool:
    return load(path=Path(settings.SLA_CONFIG_FILE), now=timezone.now())
