"""The Celery application as the task monitor needs it: the broker's settings, and nothing of the product."""

from celery import Celery

app = Celery("smartops", fixups=[])
app.config_from_object("django.conf:settings", namespace="CELERY")
