"""The web application: Django's synchronous handler in a pool of threads (docs/adr/0006), and the live feed."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartops.settings")

from django.core.wsgi import get_wsgi_application

wsgi: Any = get_wsgi_application()

from sla.feed import Feed  # it needs Django's models
from smartops.bridge import Bridge
from workers.memory import settle

bridge = Bridge(wsgi, threads=int(os.environ.get("WEB_THREADS", "8")))
feed = Feed()


async def application(scope: Any, receive: Any, send: Any) -> None:
    await (feed if scope["type"] == "websocket" else bridge)(scope, receive, send)


settle()
