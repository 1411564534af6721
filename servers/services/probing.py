"""Looking at many targets at once. Under the same guard as outgoing messages: the name is resolved once, all its
addresses are checked, and the connection goes to one of those; no redirects, no bodies, never beyond the timeout.
"""

import asyncio
import re
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

import httpcore
import structlog

from servers.checks.assessing import Seen
from servers.models import CheckKind
from workers import outgoing, tls
from workers.addresses import Refused, Resolve, Unreachable, guard, resolve_within
from workers.outgoing import Target

log = structlog.get_logger("servers.checks")

#: Seconds from the start of one look to the next. All at once they would make each other's answers seem slow.
PACE: Final = 0.004
#: Names looked up at the same time: each in a thread, for the system's look-up waits.
LOOKUPS: Final = 32
ALLOWED_BY: Final = "CHECKS_ALLOW"


@dataclass(frozen=True)
class Probe:
    kind: CheckKind
    target: str
    timeout_seconds: float


def parse_target(kind: CheckKind, text: str) -> Target:
    """:raises Refused: it is not what this kind of check looks at."""
    if kind is CheckKind.HTTP:
        return outgoing.parse(text)
    if re.search(r"[/?#\\]", text) or (kind is CheckKind.TCP and not re.search(r":\d+$", text)):
        raise Refused("Give a host and a port: db1.example:5432")
    return outgoing.parse(f"https://{text}")


def check_target(target: Target, *, resolve: Resolve | None = None) -> None:
    """Say early what every look would be refused. A name that does not exist yet may come to.

    :raises Refused: the target is in a private network that CHECKS_ALLOW does not list.
    """
    try:
        found = (resolve or resolve_within(3.0))(target.host, target.port)
    except Unreachable:
        return
    guard(target.host, found, setting=ALLOWED_BY)


def probe_all(probes: Sequence[Probe], *, resolve: Resolve | None = None) -> list[Seen]:
    """Look at all targets, in their order. Takes little longer than the longest timeout."""
    return asyncio.run(_probe_all(probes, resolve))


async def _probe_all(probes: Sequence[Probe], resolve: Resolve | None) -> list[Seen]:
    threads = ThreadPoolExecutor(LOOKUPS, "look-up")

    async def one(number: int, probe: Probe) -> Seen:
        await asyncio.sleep(number * PACE)
        return await _Look(probe, resolve, threads).take()

    try:
        return await asyncio.gather(*(one(*numbered) for numbered in enumerate(probes)))
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


class _Look(httpcore.AnyIOBackend):
    """One look. As a network backend it connects to addresses of its target that were checked, and only there."""

    def __init__(self, probe: Probe, resolve: Resolve | None, threads: ThreadPoolExecutor) -> None:
        self.probe, self.threads = probe, threads
        self.resolve = resolve or resolve_within(probe.timeout_seconds)
        self.started = 0.0

    async def take(self) -> Seen:
        try:
            target = parse_target(self.probe.kind, self.probe.target)
            async with asyncio.timeout(self.probe.timeout_seconds):
                if self.probe.kind is CheckKind.HTTP:
                    return await self._ask(target)
                return await self._connect(target)
        except (TimeoutError, httpcore.TimeoutException):
            return Seen(error=f"no answer within {self.probe.timeout_seconds:g} s")
        except (Refused, Unreachable) as error:
            return Seen(error=str(error))
        except httpcore.ProtocolError:
            return Seen(error="the answer was not HTTP")
        except (httpcore.NetworkError, OSError) as error:
            return Seen(error=_words(error))
        except Exception as error:  # one look that we cannot take must not end the others
            log.exception("a look failed", kind=self.probe.kind.value)
            return Seen(error=f"could not be checked: {type(error).__name__}")

    async def _ask(self, target: Target) -> Seen:
        host = f"[{target.host}]" if ":" in target.host else target.host
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=tls.context("http/1.1"), max_connections=1, network_backend=self
            ) as pool,
            pool.stream(
                "GET",
                f"{target.scheme}://{host}:{target.port}{target.path}",
                headers={"User-Agent": "SmartOps", "Connection": "close"},
            ) as answer,
        ):
            took = self._milliseconds()
            stream = answer.extensions["network_stream"]
            return Seen(took, answer.status, _days_left(stream.get_extra_info("ssl_object")))

    async def _connect(self, target: Target) -> Seen:
        stream = await self.connect_tcp(target.host, target.port)
        try:
            if self.probe.kind is CheckKind.TCP:
                return Seen(self._milliseconds())
            stream = await stream.start_tls(tls.context(), target.host)
            return Seen(
                self._milliseconds(), tls_days=_days_left(stream.get_extra_info("ssl_object"))
            )
        finally:
            await stream.aclose()

    async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        addresses = await self._addresses(host, port)
        self.started = time.perf_counter()
        problem: Exception | None = None
        for address in addresses:
            try:
                share = self.probe.timeout_seconds / len(addresses)  # one may lead nowhere
                return await super().connect_tcp(address, port, timeout=share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem or Unreachable(f"The name {host} has no address.")

    async def _addresses(self, host: str, port: int) -> list[str]:
        """The target's addresses, all of which may be looked at."""
        try:
            found = [str(ip_address(host))]
        except ValueError:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self.threads, self.resolve, host, port)
        guard(host, found, setting=ALLOWED_BY)
        return found

    def _milliseconds(self) -> int:
        return round((time.perf_counter() - self.started) * 1000)


def _days_left(link: ssl.SSLObject | None) -> int | None:
    certificate = link.getpeercert() if link else None
    if not certificate:
        return None
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return int((ends - time.time()) // 86_400)


def _words(error: BaseException | None) -> str:
    """What went wrong, from the innermost error that says it best."""
    cause = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused"
        cause = cause.__cause__ or cause.__context__
    return f"the connection failed: {str(error)[:200] or 'it was closed'}"
