"""A language model's server on this machine that speaks the three wire formats, and misbehaves on demand."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from triage.llm.endpoint import Endpoint

KEY = "sk-test-very-secret-key-0123456789"
#: What a friendly model says.
SENSIBLE = {
    "category": "network",
    "impact": 2,
    "urgency": 2,
    "confidence": 0.9,
    "why": "They cannot reach the VPN.",
}


@dataclass
class Asked:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """Everything that the model was given to read."""
        return json.dumps(self.body, ensure_ascii=False)


@dataclass
class Plan:
    """One answer: text or an object is wrapped in the provider's format; `raw` goes out as it is."""

    text: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    delay: float = 0.0
    drip: float = 0.0  # seconds between the bytes of the body
    cut: int | None = None  # only so many bytes of the body, then the connection breaks


@dataclass
class FakeModel:
    """Plans are used one after another, the last one for ever. A function gets the request and returns a plan."""

    plans: list[Plan | Callable[[Asked], Plan]]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    stopped: threading.Event = field(default_factory=threading.Event)

    def endpoint(self, provider: str, **fields: Any) -> Endpoint:
        given = {"model": "tiny", "api_key": KEY, "seconds": 5.0, **fields}
        return Endpoint(provider=provider, url=self.url, **given)

    def plan_for(self, asked: Asked) -> Plan:
        plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        return plan(asked) if callable(plan) else plan


def said(answer: Any = None, **changes: Any) -> Plan:
    """An answer as a good model gives it."""
    return Plan(text={**SENSIBLE, **changes} if answer is None else answer)


def wire(path: str, text: str) -> dict[str, Any]:
    """`text` in the format of the provider whose path was asked."""
    if path.endswith("/api/chat"):
        return {
            "model": "tiny:1b",
            "created_at": "2026-03-03T12:00:00Z",
            "message": {"role": "assistant", "content": text},
            "done_reason": "stop",
            "done": True,
            "prompt_eval_count": 321,
            "eval_count": 45,
        }
    if path.endswith("/v1/messages"):
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "tiny-2026",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 321, "output_tokens": 45},
        }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny-2026",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 321, "completion_tokens": 45, "total_tokens": 366},
    }


@contextmanager
def fake_model(*plans: Plan | Callable[[Asked], Plan]) -> Iterator[FakeModel]:
    kept = FakeModel(list(plans) or [said()])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.path, headers, json.loads(body))
            kept.asked.append(asked)
            plan = kept.plan_for(asked)
            kept.stopped.wait(plan.delay)
            with suppress(OSError):
                self._answer(plan)

        def _answer(self, plan: Plan) -> None:
            text = plan.text if isinstance(plan.text, str) else json.dumps(plan.text)
            body = plan.raw if plan.raw is not None else json.dumps(wire(self.path, text)).encode()
            self.send_response(plan.status)
            for name, value in {"Content-Type": "application/json", **plan.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if plan.cut is not None:
                self.wfile.write(body[: plan.cut])
                self.wfile.flush()
                # Without the goodbye that a close sends: the line is simply dead.
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                self.close_connection = True
                return
            if plan.drip:
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    if kept.stopped.wait(plan.drip):
                        return
                return
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield kept
    finally:
        kept.stopped.set()
        server.shutdown()
        server.server_close()


def dead_url() -> str:
    """An address at which nobody listens."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{place.getsockname()[1]}"


def wait_until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
