"""The Celery application as beat needs it: the settings, its own tables, and nothing of the product."""

from celery import Celery
from django.conf import settings

app = Celery("smartops", amqp="workers.amqp:BoundedAMQP")
app.config_from_object("django.conf:settings", namespace="CELERY")
# It asks for tasks by their names: what they do need not be loaded, and is half of what beat would hold.
settings.INSTALLED_APPS = ["django_celery_beat"]
