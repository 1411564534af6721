"""Requests to addresses that people typed in: never to our own network, never longer than ten seconds.

The name is resolved here, every address that it has is checked, and the connection goes to one of those that were
checked: a name that answers differently the second time gains nothing. TLS still checks the name. No redirects,
no proxies, no connection used twice. httpcore rather than httpx: there the network backend is a public parameter.
"""

import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpcore

from workers import tls, tracing
from workers.addresses import Refused, Resolve, Unreachable, allowed, guard, resolve_within

#: For one request, from the look-up of the name to the end of the answer.
SECONDS: Final = 10.0
#: Of an answer's body; the rest is not read.
MOST_BYTES: Final = 64 * 1024
MOST_URL: Final = 2000


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    #: The beginning of the body of an answer that is no success.
    body: bytes


@dataclass(frozen=True)
class Target:
    """A URL taken apart. `host` is ASCII."""

    scheme: str
    host: str
    port: int
    path: str


def check_address(url: str, *, resolve: Resolve | None = None) -> str:
    """Return the host of `url`, which may be shown, if it may be called.

    :raises Refused: it is no web address, or leads into a private network, or its name is unknown.
    """
    target = parse(url)
    if target.host.lower() in allowed("OUTGOING_ALLOW")[0]:
        return target.host  # an operator vouches for the name, whatever it leads to
    try:
        addresses_of(target, resolve or resolve_within(SECONDS))
    except Unreachable as error:
        raise Refused(str(error)) from None
    return target.host


def parse(url: str) -> Target:
    """:raises Refused: it is no web address of the kind that we call."""
    if len(url) > MOST_URL or not url.isprintable() or " " in url:
        raise Refused(f"This is not a web address of at most {MOST_URL} characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").rstrip(".").encode("idna").decode()
    except ValueError:
        raise Refused("This is not a web address.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise Refused("The address must begin with https:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise Refused("The address must not hold a user name or a password.")
    if port == 0:
        raise Refused("There is no port 0.")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)


def addresses_of(target: Target, resolve: Resolve) -> list[str]:
    """Return the target's addresses, all of which may be called.

    :raises Refused: one of them may not.
    :raises Unreachable: the name has none.
    """
    found = resolve(target.host, target.port)
    if not found:
        raise Unreachable(f"The name {target.host} has no address.")
    if not guard(target.host, found, setting="OUTGOING_ALLOW") and target.scheme != "https":
        raise Refused("The address must begin with https://, so that nobody can read along.")
    return found


def post(
    url: str,
    *,
    body: bytes,
    headers: dict[str, str],
    seconds: float = SECONDS,
    resolve: Resolve | None = None,
) -> Answer:
    """Send `body` and return the answer, whatever its status.

    :raises Refused: the address may not be called.
    :raises Unreachable: there was no answer within `seconds`.
    """
    deadline = time.monotonic() + seconds
    target = parse(url)
    given: dict[bytes | str, bytes | str] = {"User-Agent": "SmartOps", "Connection": "close"}
    given.update(headers.items())
    backend = _Pinned(target, resolve or resolve_within(seconds), deadline)
    port = f":{target.port}"
    host = f"[{target.host}]" if ":" in target.host else target.host
    try:
        with (
            tracing.outgoing(target.host),
            httpcore.ConnectionPool(
                ssl_context=tls.context("http/1.1"), max_connections=1, network_backend=backend
            ) as pool,
            pool.stream(
                "POST",
                f"{target.scheme}://{host}{port}{target.path}",
                headers=given | dict(tracing.headers().items()),
                content=body,
                extensions={"timeout": dict.fromkeys(("connect", "read", "write"), seconds)},
            ) as answer,
        ):
            return Answer(
                answer.status,
                {name.decode().lower(): value.decode("latin1") for name, value in answer.headers},
                b"" if answer.status // 100 == 2 else _beginning(answer.iter_stream()),
            )
    except httpcore.TimeoutException:
        raise Unreachable(f"There was no answer within {seconds:g} seconds.") from None
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol):
        raise Unreachable("The answer was not HTTP.") from None
    except (httpcore.NetworkError, OSError) as error:
        raise Unreachable(
            f"The connection failed: {str(error)[:200] or 'it was closed'}."
        ) from None


def connect(
    host: str, port: int, *, seconds: float = SECONDS, resolve: Resolve | None = None
) -> socket.socket:
    """Open a connection, which the caller encrypts, to an address of `host` that was just checked.

    :raises Refused: the address may not be called.
    :raises Unreachable: nobody answers there.
    """
    problem: OSError | None = None
    for address in addresses_of(
        Target("https", host, port, "/"), resolve or resolve_within(seconds)
    ):
        try:
            return socket.create_connection((address, port), timeout=seconds)
        except OSError as error:
            problem = error
    raise Unreachable(f"The connection failed: {problem}.")


def _beginning(chunks: Iterable[bytes]) -> bytes:
    """What of the body comes in time. The status is known by now: a body that never ends changes nothing."""
    body = bytearray()
    try:
        for chunk in chunks:
            body += chunk
            if len(body) >= MOST_BYTES:
                break
    except (httpcore.TimeoutException, httpcore.ProtocolError, httpcore.NetworkError):
        pass
    return bytes(body[:MOST_BYTES])


class _Pinned(httpcore.SyncBackend):
    """Connects to an address of the target that was just checked; all its streams end at the deadline."""

    def __init__(self, target: Target, resolve: Resolve, deadline: float) -> None:
        self.target, self.resolve, self.deadline = target, resolve, deadline

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        problem: Exception | None = None
        for address in addresses_of(self.target, self.resolve):
            try:
                stream = super().connect_tcp(address, port, timeout=_left(self.deadline))
            except httpcore.ConnectError as error:
                problem = error
            else:
                return _Bounded(stream, self.deadline)
        raise problem or httpcore.ConnectError("no address")


class _Bounded(httpcore.NetworkStream):
    """A stream of which the sum of all waits is bounded: timeouts alone let one byte a second drip for ever."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self.stream, self.deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.stream.read(max_bytes, timeout=_left(self.deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.stream.write(buffer, timeout=_left(self.deadline))

    def close(self) -> None:
        self.stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self.deadline)
        return _Bounded(self.stream.start_tls(ssl_context, server_hostname, left), self.deadline)

    def get_extra_info(self, info: str) -> Any:
        return self.stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("The time is over.")
    return left
