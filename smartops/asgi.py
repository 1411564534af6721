"""The web application: Django's synchronous handler in a pool of threads (docs/adr/0006)."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartops.settings")

from django.core.wsgi import get_wsgi_application

from smartops.bridge import Bridge
from workers.memory import settle

wsgi: Any = get_wsgi_application()
application = Bridge(wsgi, threads=int(os.environ.get("WEB_THREADS", "8")))
settle()
