import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from smartops.bridge import GATHERED, Bridge


def ask(
    wsgi: Callable[..., Iterable[bytes]],
    *received: dict[str, Any],
    kind: str = "http",
    reads: int = 1000,
    leaves: bool = False,
) -> list[dict[str, Any]]:
    """Send one request through the bridge and return the messages of its answer.

    After `reads` of them nothing more is taken, or the asker `leaves`.
    """
    scope = {
        "type": kind,
        "method": "POST",
        "path": "/möbel",
        "query_string": b"a=1",
        "http_version": "1.1",
        "headers": [(b"content-type", b"text/plain"), (b"x-a", b"1"), (b"x-a", b"2")],
    }
    waiting = list(received) or [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def serve() -> None:
        gone = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if waiting:
                return waiting.pop(0)
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            if len(sent) >= reads:
                if leaves:
                    gone.set()
                    await asyncio.sleep(0)
                else:
                    await asyncio.sleep(60)

        await Bridge(wsgi, threads=1, patience=0.2)(scope, receive, send)

    with ThreadPoolExecutor(1) as apart:  # a browser test may have left its loop in this thread
        apart.submit(asyncio.run, serve()).result()
    return sent


def app(*chunks: bytes) -> Callable[..., Iterable[bytes]]:
    def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("201 Created", [("X-Made", "1")])
        return chunks

    return wsgi


def test_an_ordinary_answer_comes_as_one_head_and_one_body() -> None:
    head, body = ask(app(b"a", b"b"))

    assert (head["status"], head["headers"]) == (201, [(b"x-made", b"1")])
    assert body == {"type": "http.response.body", "body": b"ab", "more_body": False}


def test_a_long_answer_is_sent_as_it_is_made() -> None:
    _, *bodies = ask(app(*[b"x" * GATHERED] * 3, b"end"))

    assert [len(body["body"]) for body in bodies] == [GATHERED, GATHERED, GATHERED, 3]
    assert [body["more_body"] for body in bodies] == [True, True, True, False]


def test_a_body_that_comes_in_pieces_reaches_the_handler_whole() -> None:
    def echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read(), environ["HTTP_X_A"].encode()]

    _, body = ask(
        echo,
        {"type": "http.request", "body": b"one ", "more_body": True},
        {"type": "http.request", "body": b"two ", "more_body": False},
    )

    assert body["body"] == b"one two 1,2"


@pytest.mark.parametrize("breaks", [False, True])
def test_the_answer_is_closed_whatever_happens(breaks: bool) -> None:
    closed = []

    class Chunks:
        def __iter__(self) -> Any:
            yield b"a"
            if breaks:
                raise OSError("the reader went away")

        def close(self) -> None:
            closed.append(True)

    def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Chunks()

    if breaks:
        with pytest.raises(OSError, match="reader"):
            ask(wsgi)
    else:
        ask(wsgi)

    assert closed == [True]


class Endless:
    """An answer without an end."""

    def __init__(self) -> None:
        self.closed = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return self

    def __iter__(self) -> Any:
        while True:
            yield b"x" * GATHERED

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("leaves", [True, False])
def test_an_answer_is_made_only_while_somebody_takes_it(leaves: bool) -> None:
    answer = Endless()

    sent = ask(answer, reads=4, leaves=leaves)

    assert answer.closed
    assert len(sent) <= 8


def test_what_is_not_http_is_refused() -> None:
    with pytest.raises(ValueError, match="websocket"):
        ask(app(), kind="websocket")
