"""From ASGI to Django's synchronous handler: one hop to a thread and one back for an ordinary request.

a2wsgi alone hops for the body, the headers and each chunk: a quarter of a request. Here a body that has
arrived goes along, and an answer of up to 64 KB comes back as a whole; longer ones are sent as they are made, for
as long as somebody reads them.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from a2wsgi.wsgi import Body, build_environ

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

#: Bytes of an answer that are gathered before they are sent.
GATHERED: Final = 64 * 1024
#: Seconds in which a reader must take that much: an answer that nobody takes would hold a thread for ever.
PATIENCE: Final = 60.0


class ReaderGone(Exception):
    """Nobody reads the answer any more: what makes it is closed."""


class Bridge:
    """An ASGI application that runs a WSGI application in a pool of `threads`."""

    def __init__(self, wsgi: Any, *, threads: int, patience: float = PATIENCE) -> None:
        self.wsgi = wsgi
        self.patience = patience
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="web")

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"Only http is served here, not {scope['type']}.")
        loop = asyncio.get_running_loop()
        body = await _body(loop, receive)
        environ: Any = build_environ(scope, body)
        answer = _Answer(loop, send, receive, body, self.patience)
        run = contextvars.copy_context().run
        try:
            await loop.run_in_executor(self.pool, run, answer.make, self.wsgi, environ)
        except ReaderGone:
            return  # the server closes what is left of the connection
        finally:
            answer.stop_watching()
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

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        send: Send,
        receive: Receive,
        body: Body,
        patience: float,
    ) -> None:
        self.loop = loop
        self.send = send
        self.receive = receive
        self.body = body
        self.patience = patience
        self.head: Message | None = None
        self.gathered = bytearray()
        self.watch: asyncio.Task[None] | None = None

    def make(self, wsgi: Any, environ: Any) -> None:
        chunks: Iterable[bytes] = wsgi(environ, self._start)
        try:
            for chunk in chunks:
                self.gathered += chunk
                if len(self.gathered) >= GATHERED:
                    self._send_now()
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def _send_now(self) -> None:
        """Wait until it is sent: a slow reader slows the handler instead of filling the memory.

        :raises ReaderGone: it went away, or takes nothing.
        """
        sent: Future[None] = asyncio.run_coroutine_threadsafe(self._flush(more=True), self.loop)
        try:
            sent.result(self.patience)
        except TimeoutError:
            sent.cancel()
            raise ReaderGone from None
        if self.watch is not None and self.watch.done():
            raise ReaderGone

    async def _notice_its_end(self) -> None:
        """Ends when the reader goes away: the server does not say so when something is sent."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    def stop_watching(self) -> None:
        if self.watch is not None:
            self.watch.cancel()

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
        # What is left of the request's body is the handler's to receive.
        if more and self.watch is None and not self.body._has_more:
            self.watch = self.loop.create_task(self._notice_its_end())
        await self.send({"type": "http.response.body", "body": body, "more_body": more})
