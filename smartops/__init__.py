"""Composition root: settings, wiring, the Celery app. Nothing else imports this package."""

from smartops.celery import app as celery_app

__all__ = ["celery_app"]
