"""The web application.

Django's views here are synchronous. Its own ASGI handler would hop between the event loop and a thread for each
middleware; running the synchronous handler in a thread pool hops once (docs/adr/0006).
"""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartops.settings")

from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application

wsgi: Any = get_wsgi_application()
application = WSGIMiddleware(wsgi, workers=int(os.environ.get("WEB_THREADS", "8")))
