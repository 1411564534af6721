"""The web application: Django's synchronous handler in a pool of threads (docs/adr/0006), and what is beside it.

The live feed (docs/adr/0012) and the intake of alerts (docs/adr/0021) need no thread for each request.
"""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartops.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from workers import tracing

if tracing.ON:
    from smartops.tracing import of_requests, start_web

    start_web()
wsgi: Any = get_wsgi_application()
if tracing.ON:
    wsgi = of_requests(wsgi)

from servers.gateway import Intake  # they need Django's models
from sla.feed import Feed
from smartops.bridge import Bridge
from workers.memory import settle

bridge = Bridge(wsgi, threads=settings.WEB_THREADS)
feed = Feed()
intake = Intake()


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await feed(scope, receive, send)
    elif scope["type"] == "http" and intake.takes(scope):
        await intake(scope, receive, send)
    else:
        await bridge(scope, receive, send)


settle()
