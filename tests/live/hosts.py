"""Hosts with addresses of their own on one machine: namespaces around a switch, whose cables can be pulled.

The switch lies in a namespace too, so that the machine's own network knows nothing of them: no address, no route,
no rule. Names carry the process' number, so that two runs never meet.
"""

import ctypes
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NAMESPACES = Path("/run/netns")
NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_libc = ctypes.CDLL(None, use_errno=True)


def needed() -> None:
    """Skip where namespaces cannot be made; where the whole project is checked they must be."""
    if shutil.which("ip") is None:
        missing = "There is no ip: install iproute2, so that several hosts are tried."
    elif os.geteuid() != 0:
        missing = "Only root may make network namespaces: several hosts are not tried."
    else:
        return
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


class Network:
    def __init__(self) -> None:
        self.name = f"desk-{os.getpid()}-{secrets.token_hex(2)}"
        self.addresses: dict[str, str] = {}
        self._add("switch")
        try:
            _ip("-n", self._full("switch"), "link", "add", "switch", "type", "bridge")
            _ip("-n", self._full("switch"), "link", "set", "switch", "up")
        except BaseException:
            self.close()
            raise

    def _full(self, name: str) -> str:
        return f"{self.name}-{name}"

    def _add(self, name: str) -> None:
        _ip("netns", "add", self._full(name))
        _ip("-n", self._full(name), "link", "set", "lo", "up")

    def join(self, host: str) -> str:
        """Add a host with a cable to the switch. Returns its address."""
        switch, own = self._full("switch"), self._full(host)
        self.addresses[host] = address = f"10.77.0.{len(self.addresses) + 1}"
        self._add(host)
        _ip("-n", switch, "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", own)
        _ip("-n", switch, "link", "set", host, "master", "switch", "up")
        _ip("-n", own, "addr", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", own, "link", "set", "eth0", "up")
        return address

    def pull(self, host: str) -> None:
        """Pull the cable: nobody says goodbye, and what is under way is lost."""
        _ip("-n", self._full("switch"), "link", "set", host, "down")

    def plug(self, host: str) -> None:
        _ip("-n", self._full("switch"), "link", "set", host, "up")

    @contextmanager
    def at(self, host: str) -> Iterator[None]:
        """In this block, what this thread connects and starts is on `host`."""
        with (
            Path("/proc/thread-self/ns/net").open() as home,
            (NAMESPACES / self._full(host)).open() as there,
        ):
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def close(self) -> None:
        """Namespaces take their cables and addresses with them. Processes in them must have ended."""
        for path in NAMESPACES.glob(f"{self.name}-*"):
            _ip("netns", "del", path.name)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "setns")
