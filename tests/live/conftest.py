from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.live.desk import Desk

#: Modules whose tests share what takes long to start: a site, a broker, a desk at work.
TOGETHER = ("test_alerts.py", "test_feed.py", "test_hosts.py", "test_rabbitmq.py")
#: What takes longest comes first: at the end no process waits for another's.
FIRST = ("test_rabbitmq_hosts.py", "test_up.py", "test_layout.py", "test_mail_faults.py")


class Scheduling(LoadScopeScheduling):
    """As `--dist loadgroup` would do, whose groups pytest-xdist 3.8 loses with pytest 9.2 (pytest-xdist#1386)."""

    def _split_scope(self, nodeid: str) -> str:
        module, _, _ = nodeid.partition("::")
        return module if module.endswith(TOGETHER) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    return Scheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in FIRST)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    root = tmp_path_factory.mktemp("desk")
    for folder in (root, root.parent, root.parent.parent):
        folder.chmod(0o755)  # the database runs as another user when the tests run as root
    desk = Desk(root)
    yield desk
    desk.stop()


@pytest.fixture
def desk(servers: Desk) -> Iterator[Desk]:
    servers.reset()
    yield servers
    servers.stop_processes()
