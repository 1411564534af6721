"""A worker's own `/metrics`: what all its processes counted together, at WORKER_METRICS_PORT.

The processes of a pool count in files of their own, which they map into memory: what a process counted stays when
it is killed. A file belongs to a place in the pool and not to a process id, so the process that takes a dead one's
place counts on where that ended, and there are never more files than places. The main process adds them up.
"""

import hmac
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from billiard.process import current_process
from celery.signals import worker_ready
from django.conf import settings

from workers.queues import METRICS_HOST as HOST
from workers.queues import METRICS_PORT as PORT

_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"


def prepare(var: Path) -> None:
    """Before the first metric is made: let a worker count in files, and take its port.

    Does nothing in a process that is no worker with a port.
    """
    port = os.environ.get(PORT, "")
    if not port or "worker" not in sys.argv:
        return
    if not port.isdecimal():
        sys.exit(f"{PORT} must be a port, such as 9100.")
    from wsgiref.simple_server import make_server

    from prometheus_client import exposition, values

    try:
        server = make_server(
            os.environ.get(HOST) or "0.0.0.0",
            int(port),
            answer,
            exposition.ThreadingWSGIServer,
            handler_class=exposition._SilentHandler,
        )
    except OSError as error:
        sys.exit(f"The worker cannot have {PORT}={port}: {error.strerror}.")
    # The port is ours, so the folder is: what a worker before us counted is no more.
    folder = var / "run" / f"worker-metrics-{port}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[_FOLDER] = str(folder)
    values.ValueClass = values.MultiProcessValue(process_identifier=_place)
    os.register_at_fork(after_in_child=server.socket.close)
    # Not before the pool is there: a process that is forked while a thread imports something would wait for ever.
    worker_ready.connect(lambda **_: _serve(server), weak=False)


def _serve(server: Any) -> None:
    answer({"HTTP_AUTHORIZATION": f"Bearer {settings.METRICS_TOKEN}"}, lambda *_: None)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


def _place() -> str:
    """This process' place in the pool, which nobody else has while it lives."""
    index = getattr(current_process(), "index", None)
    return "main" if index is None else str(index)


def is_token(given: str) -> bool:
    """Whether it is METRICS_TOKEN, found in the same time however much of it is right. Without one nothing is."""
    wanted: str = settings.METRICS_TOKEN
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())


def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """A WSGI application: the sum of all processes, for whoever has the token."""
    kind, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if kind.lower() != "bearer" or not is_token(given.strip()):
        start("401 Unauthorized", [("WWW-Authenticate", 'Bearer realm="metrics"')])
        return [b"Send METRICS_TOKEN as a bearer token.\n"]
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector
    from prometheus_client.process_collector import ProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    ProcessCollector(registry=registry)
    body = generate_latest(registry)
    start("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
    return [body]
