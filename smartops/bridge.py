"""From ASGI to Django's synchronous handler: one hop to a thread and one back for an ordinary request.

a2wsgi alone hops for the body, the headers and each chunk: a quarter of a request. Here a body that has
arrived goes along, and an answer of up to 64 KB comes back as a whole; longer ones are sent as they are made.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from a2wsgi.wsgi import Body, build_environ

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

#: Bytes of an answer that are gathered before they are sent.
GATHERED: Final = 64 * 1024


class Bridge:
    """An ASGI application that runs a WSGI application in a pool of `threads`."""

    def __init__(self, wsgi: Any, *, threads: int) -> None:
        self.wsgi = wsgi
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="web")

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"Only http is served here, not {scope['type']}.")
        loop = asyncio.get_running_loop()
        environ: Any = build_environ(scope, await _body(loop, receive))
        answer = _Answer(loop, send)
        run = contextvars.copy_context().run
        await loop.run_in_executor(self.pool, run, answer.make, self.wsgi, environ)
        await answer.finish()


async def _body(loop: asyncio.AbstractEventLoop, receive: Receive) -> Body:
    """The request's body: what has arrived already, and the rest when the handler asks for it."""
    arrived = await receive()
    body = Body(loop, receive)
    body.buffer.extend(arrived.get("body", b""))
    body._has_more = arrived.get("more_body", False)
    return body


class _Answer:
    """Gathers an answer in the handler's thread; the event loop sends what is left at its end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Send) -> None:
        self.loop = loop
        self.send = send
        self.head: Message | None = None
        self.gathered = bytearray()

    def make(self, wsgi: Any, environ: Any) -> None:
        chunks: Iterable[bytes] = wsgi(environ, self._start)
        try:
            for chunk in chunks:
                self.gathered += chunk
                if len(self.gathered) >= GATHERED:
                    # Waits until it is sent: a slow reader slows the handler instead of filling the memory.
                    asyncio.run_coroutine_threadsafe(self._flush(more=True), self.loop).result()
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    async def finish(self) -> None:
        await self._flush(more=False)

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        self.head = {
            "type": "http.response.start",
            "status": int(status.split(" ", 1)[0]),
            "headers": [(k.lower().encode("latin1"), v.encode("latin1")) for k, v in headers],
        }

    async def _flush(self, *, more: bool) -> None:
        if self.head is not None:
            await self.send(self.head)
            self.head = None
        body, self.gathered = bytes(self.gathered), bytearray()
        await self.send({"type": "http.response.body", "body": body, "more_body": more})
