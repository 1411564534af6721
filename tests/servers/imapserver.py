"""A real IMAP server in this process, with TLS by a certificate of its own, and mails put into it."""

import asyncio
import socket
import ssl
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imapclient import IMAPClient
from proxyprotocol.noop import ProxyProtocolNoop
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer
from pysasl.hashing import BuiltinHash

USER, PASSWORD = "support", "correct-horse"


@dataclass
class Server:
    """`port` speaks TLS from the start, `plain_port` STARTTLS."""

    port: int
    plain_port: int
    trusted: ssl.SSLContext

    @contextmanager
    def client(self) -> Iterator[Any]:
        with IMAPClient("localhost", self.port, ssl_context=self.trusted, timeout=5) as client:
            client.login(USER, PASSWORD)
            yield client

    def put(self, *mails: bytes, folder: str = "INBOX") -> None:
        with self.client() as client:
            for mail in mails:
                client.append(folder, mail)

    def seen(self, folder: str = "INBOX") -> list[bool]:
        """For each mail of a folder, whether it is marked as seen."""
        with self.client() as client:
            client.select_folder(folder, readonly=True)
            uids = client.search("ALL")
            flags = client.get_flags(uids)
            return [b"\\Seen" in flags[uid] for uid in sorted(uids)]


@contextmanager
def imap_server(certificate: Path) -> Iterator[Server]:
    """`certificate` holds a key and a certificate for "localhost"."""
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    secure.load_cert_chain(certificate)
    arguments = Namespace(
        **dict.fromkeys(("host", "port", "inherited_sockets", "proxy_protocol", "passlib_cfg")),
        cert=str(certificate),
        key=str(certificate),
        tls=True,
        debug=False,
        demo_data=False,
        demo_user=USER,
        demo_password=PASSWORD,
    )
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [link.getsockname()[1] for link in sockets]
    started, over = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        backend, config = await DictBackend.init(arguments, hash_context=BuiltinHash(rounds=1))
        config.apply_context()
        talk = ProxyProtocolReader(ProxyProtocolNoop()).get_callback(
            IMAPServer(backend.login, config)
        )
        async with (
            await asyncio.start_server(talk, sock=sockets[0], ssl=secure),
            await asyncio.start_server(talk, sock=sockets[1]),
        ):
            loops.append(asyncio.get_running_loop())
            started.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield Server(*ports, ssl.create_default_context(cafile=str(certificate)))
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join(10)
