"""`/metrics` as Prometheus would read it now."""

from django.conf import settings
from django.test import Client

from workers import metrics


def scraped() -> str:
    metrics.COLLECTOR.forget()
    answer = Client().get("/metrics", headers={"authorization": f"Bearer {settings.METRICS_TOKEN}"})
    assert answer.status_code == 200
    metrics.COLLECTOR.forget()
    return answer.content.decode()
