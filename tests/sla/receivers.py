"""Other systems, as they are and as they misbehave: real servers on this machine."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A web server. `answers` are given one after another, the last one for ever."""

    answers: list[tuple[int, dict[str, str], bytes]]
    delay: float = 0.0
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    def next_answer(self) -> tuple[int, dict[str, str], bytes]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def receiver(*answers: tuple[int, dict[str, str], bytes], delay: float = 0.0) -> Iterator[Receiver]:
    kept = Receiver(list(answers) or [(200, {}, b"ok")], delay)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            kept.requests.append(Request(self.path, headers, body))
            time.sleep(kept.delay)
            status, extra, text = kept.next_answer()
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/hook/T0001/secretpath"
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that says what `talk` says, HTTP or not."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                link, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(link,), daemon=True).start()

    def one(link: socket.socket) -> None:
        with link:
            try:
                talk(link)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        stop.set()
        listener.close()


def hang(link: socket.socket) -> None:
    """Takes everything and never answers."""
    link.settimeout(30)
    while link.recv(65536):
        pass


def drip(link: socket.socket) -> None:
    """One byte of the headers every 50 ms."""
    link.recv(65536)
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 10_000:
        link.sendall(bytes([byte]))
        time.sleep(0.05)


def drip_body(link: socket.socket) -> None:
    link.recv(65536)
    link.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(10_000):
        link.sendall(b"x")
        time.sleep(0.05)


def garbage(link: socket.socket) -> None:
    link.recv(65536)
    link.sendall(b"\x00\xffSSH-2.0-nonsense\r\n\r\n")


def huge(link: socket.socket) -> None:
    link.recv(65536)
    link.sendall(b"HTTP/1.1 500 Oh\r\nConnection: close\r\n\r\n")
    for _ in range(2000):
        link.sendall(b"x" * 65536)
