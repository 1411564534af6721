"""Which addresses may be called: those of the open Internet, and those for which an operator vouches."""

import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final

from django.conf import settings

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], list[str]]

_NAT64: Final = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))


class Refused(Exception):
    """This address is never called. The message says why."""


class Unreachable(Exception):
    """There was no answer this time. The message says what happened."""


def guard(host: str, addresses: Iterable[str], *, setting: str) -> bool:
    """Let all of a host's addresses pass, or none. Returns whether operators vouch for them by `setting`.

    :raises Refused: one of them is neither public nor listed there.
    """
    names, networks = allowed(setting)
    if host.lower() in names:
        return True
    listed = True
    for text in addresses:
        address = ip_address(text.partition("%")[0])
        if any(address in network for network in networks):
            continue
        listed = False
        if not is_public(address):
            raise Refused(
                f"{host} leads to {address}, which is not a public address. "
                f"An operator can allow it with {setting}."
            )
    return listed


def is_public(address: Address) -> bool:
    """Whether an address is one of the open Internet, IPv4 addresses inside IPv6 ones included."""
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False  # fec0::/10, private once and still routed in some networks
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _embedded(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if (
        any(address in network for network in _NAT64)
        or int(address) >> 32 == 0 < int(address) >> 16
    ):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def allowed(setting: str) -> tuple[set[str], Sequence[Any]]:
    """The host names and the networks that a setting lists."""
    names, networks = set(), []
    for entry in filter(None, (text.strip() for text in getattr(settings, setting))):
        try:
            networks.append(ip_network(entry, strict=False))
        except ValueError:
            names.add(entry.lower())
    return names, networks


def resolve_within(seconds: float) -> Resolve:
    """The system's look-up, which knows no time limit of its own, in a thread that may be left behind."""

    def resolve(host: str, port: int) -> list[str]:
        found: list[Any] = []

        def look_up() -> None:
            try:
                found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError):
                return

        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(seconds)
        if not found:
            raise Unreachable(f"The name {host} could not be resolved.")
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    return resolve
