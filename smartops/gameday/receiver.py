"""Where the messages of a game day go: a web server of its driver that counts, and checks every signature."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


class Receiver:
    """What came, by channel. The secret of a channel is the last step of its address's path: `/<channel>`."""

    def __init__(self) -> None:
        self.url = ""
        self.secrets: dict[str, str] = {}  # channel -> secret
        self.received: Counter[str] = Counter()  # message id -> how often
        self.by_channel: Counter[str] = Counter()
        self.forged = 0
        self._lock = threading.Lock()

    def address_of(self, channel: str, secret: str) -> str:
        """An address for messages of `channel`, which are signed with `secret`."""
        self.secrets[channel] = secret
        return f"{self.url}/{channel}"

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Count a message. False: its signature is wrong."""
        channel = path.strip("/")
        try:
            Webhook(self.secrets[channel]).verify(body, dict(headers))
        except (KeyError, ValueError, WebhookVerificationError):
            with self._lock:
                self.forged += 1
            return False
        with self._lock:
            self.received[headers["webhook-id"]] += 1
            self.by_channel[channel] += 1
        return True


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen on this machine only, on a port that is free."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(204 if receiver.take(self.path, headers, body) else 401)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
