"""Pain 15, and its dark side: whoever may type in an address must not reach our own network."""

import socket
import ssl
import threading
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.certificates import self_signed
from tests.sla.receivers import drip, drip_body, garbage, hang, huge, raw_server, receiver
from workers import outgoing
from workers.addresses import Refused, Unreachable, is_public, resolve_within
from workers.outgoing import check_address, parse, post


@pytest.fixture(autouse=True)
def local_allowed(settings: Any) -> None:
    settings.OUTGOING_ALLOW = ["127.0.0.0/8"]


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "255.255.255.255", "224.0.0.1", "192.0.2.1", "198.18.0.1", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::"),
        *("2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "fec0::1"),
    ],
)
def test_addresses_of_private_networks_in_whatever_dress_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        *("", "ftp://example.com/", "example.com", "https://", "https:///path", "javascript:1"),
        *("https://user:pw@example.com/", "https://exa mple.com/", "https://example.com:0/"),
        *("https://example.com:99999/", "https://example.com/\r\nHost: x", "https://[::1/"),
        "https://example.com/" + "a" * 2000,
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        parse(url)


@given(st.text(max_size=60))
def test_any_text_is_either_an_address_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.com/{text}"):
        try:
            target = parse(url)
        except Refused:
            continue
        httpcore.URL(f"{target.scheme}://{target.host}:{target.port}{target.path}")


@pytest.mark.parametrize(
    "url",
    ["https://127.1.1.1/", "https://2130706433/", "https://0x7f000001/", "https://[::1]/"],
)
def test_our_own_machine_is_refused_however_it_is_written(url: str, settings: Any) -> None:
    settings.OUTGOING_ALLOW = []

    with pytest.raises(Refused, match="not a public address"):
        check_address(url)


def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    with pytest.raises(Refused, match=r"10\.0\.0\.1"):
        check_address("https://two.example/", resolve=lambda *_: ["8.8.8.8", "10.0.0.1"])


def test_plain_http_is_for_listed_hosts_only(settings: Any) -> None:
    with pytest.raises(Refused, match="https"):
        check_address("http://open.example/", resolve=lambda *_: ["8.8.8.8"])

    settings.OUTGOING_ALLOW = ["open.example"]
    assert check_address("http://open.example/x", resolve=lambda *_: ["10.0.0.8"]) == "open.example"


def test_an_unknown_name_is_told_when_it_is_saved() -> None:
    with pytest.raises(Refused, match="could not be resolved"):
        check_address("https://nowhere.invalid/")


def test_a_name_that_turns_to_our_network_after_it_was_saved_is_refused_when_sending(
    settings: Any,
) -> None:
    settings.OUTGOING_ALLOW = []
    answers = iter([["8.8.8.8"], ["169.254.169.254"]])

    def rebinding(*_: Any) -> list[str]:
        return next(answers)

    assert check_address("https://rebind.example/", resolve=rebinding) == "rebind.example"
    with pytest.raises(Refused, match=r"169\.254\.169\.254"):
        post("https://rebind.example/", body=b"{}", headers={}, resolve=rebinding)


def test_the_connection_goes_to_the_address_that_was_checked_and_names_the_host() -> None:
    looked_up = []

    def resolve(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["127.0.0.99"]

    with receiver() as there:
        port = parse(there.url).port
        answer = post(f"http://hooks.example:{port}/x?y=1", body=b"{}", headers={}, resolve=resolve)

    assert answer.status == 200
    assert looked_up == ["hooks.example"]
    assert there.requests[0].headers["host"] == f"hooks.example:{port}"
    assert there.requests[0].path == "/x?y=1"


def test_a_second_address_is_tried_when_the_first_does_not_answer() -> None:
    with receiver() as there:
        answer = post(
            there.url, body=b"{}", headers={}, resolve=lambda *_: ["127.0.0.77", "127.0.0.1"]
        )

    assert answer.status == 200


def test_a_redirect_to_the_metadata_service_is_not_followed() -> None:
    to = {"Location": "http://169.254.169.254/latest/meta-data/"}
    with receiver((302, to, b"")) as there:
        assert post(there.url, body=b"{}", headers={}).status == 302
    assert len(there.requests) == 1


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    with receiver() as there:
        assert post(there.url, body=b"{}", headers={}).status == 200


@pytest.mark.parametrize("talk", [hang, drip])
def test_who_hangs_or_drips_is_left_after_the_time(talk: Any) -> None:
    with raw_server(talk) as url:
        started = time.monotonic()
        with pytest.raises(Unreachable, match="no answer within"):
            post(url, body=b"{}", headers={}, seconds=0.6)

    assert time.monotonic() - started < 2


def test_a_body_that_never_ends_does_not_hide_the_status() -> None:
    with raw_server(drip_body) as url:
        started = time.monotonic()
        assert post(url, body=b"{}", headers={}, seconds=0.6).status == 500

    assert time.monotonic() - started < 2


def test_a_huge_body_is_read_no_further_than_64_kilobytes() -> None:
    with raw_server(huge) as url:
        assert len(post(url, body=b"{}", headers={}).body) == outgoing.MOST_BYTES


def test_garbage_is_no_answer() -> None:
    with raw_server(garbage) as url, pytest.raises(Unreachable, match="not HTTP"):
        post(url, body=b"{}", headers={})


def test_nobody_there_is_unreachable() -> None:
    with receiver() as there:
        pass
    with pytest.raises(Unreachable, match="connection failed"):
        post(there.url, body=b"{}", headers={})


def test_tls_checks_the_name_and_not_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path, "hooks.example")
    asked: list[str | None] = []

    def talk(link: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda _, name, __: asked.append(name)
        with context.wrap_socket(link, server_side=True) as secure:
            got = b""
            while not got.endswith(b"\r\n\r\n{}"):  # closing with unread bytes would reset the link
                got += secure.recv(65536)
            secure.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    def call(host: str) -> int:
        address = f"https://{host}:{port}/"
        return post(address, body=b"{}", headers={}, resolve=lambda *_: ["127.0.0.1"]).status

    with raw_server(talk) as url:
        port = parse(url).port
        with pytest.raises(Unreachable, match="certificate verify failed"):
            call("hooks.example")
        trusting = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr(outgoing.tls, "context", lambda *_: trusting)
        assert call("hooks.example") == 204
        with pytest.raises(Unreachable, match="certificate verify failed"):
            call("other.example")

    assert asked == ["hooks.example", "hooks.example", "other.example"]


def test_a_look_up_that_hangs_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        over.wait(30)
        return []

    monkeypatch.setattr("socket.getaddrinfo", hang)

    started = time.monotonic()
    with pytest.raises(Unreachable):
        resolve_within(0.2)("slow.example", 443)
    assert time.monotonic() - started < 2
    over.set()  # the thread that was left behind ends with its test
