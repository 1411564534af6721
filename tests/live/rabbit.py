"""A real RabbitMQ of the test's own, from the system's package: its node, its ports, its folder."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from kombu import Connection

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
START_SECONDS = 60


def needed() -> None:
    """Skip where there is no RabbitMQ; where the whole project is checked there must be one."""
    if SERVER.exists() and shutil.which("epmd"):
        return
    if os.environ.get("CI"):
        pytest.fail(
            f"There is no {SERVER}: install rabbitmq-server, so that it is tried as broker."
        )
    pytest.skip(f"There is no {SERVER} (package rabbitmq-server)")


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


class Rabbit:
    def __init__(self, root: Path, address: str = "127.0.0.1") -> None:
        self.root = root
        self.port, self.distribution, self.names = free_ports(3)
        self.url = f"amqp://smartops:secret@{address}:{self.port}//"
        (root / "home").mkdir(parents=True)
        (root / "plugins").write_text("[].")
        (root / "rabbitmq.conf").write_text("default_user = smartops\ndefault_pass = secret\n")
        self.environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(root / "home"),  # of the cookie
            "ERL_EPMD_PORT": str(self.names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_ALLOW_INPUT": "1",  # no shell around it that would outlive or hide it
            "RABBITMQ_NODENAME": f"smartops-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": address,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_MNESIA_BASE": str(root / "data"),
            "RABBITMQ_LOG_BASE": str(root),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(root / "pid"),
            "RABBITMQ_CONFIG_FILE": str(root / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(root / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(root / "plugins"),
        }
        self.log = root / "rabbitmq.log"
        self.epmd = self._spawn("epmd", "-address", "127.0.0.1", "-port", str(self.names))
        self.start()

    def start(self, *arguments: str) -> None:
        """Start it, with further arguments such as `-rabbit consumer_timeout 2000`, and wait until it answers."""
        self.process = self._spawn(str(SERVER), "-noinput", *arguments)
        end = time.monotonic() + START_SECONDS
        while not self.answers():
            if time.monotonic() > end or self.process.poll() is not None:
                self.stop()
                raise AssertionError(f"RabbitMQ did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def answers(self) -> bool:
        try:
            with Connection(self.url, connect_timeout=2) as link:
                link.connect()
        except (OSError, *Connection(self.url).connection_errors):
            return False
        return True

    def halt(self, number: signal.Signals = signal.SIGTERM) -> None:
        """An orderly stop, or a power cut (SIGKILL)."""
        if self.process.poll() is None:
            send = self.process.send_signal if number == signal.SIGTERM else self._kill
            send(number)
            self.process.wait(30)

    def _kill(self, number: int) -> None:
        os.killpg(self.process.pid, number)

    def stop(self) -> None:
        for process in (self.process, self.epmd):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
