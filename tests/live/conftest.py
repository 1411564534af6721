from collections.abc import Iterator

import pytest

from tests.live.desk import Desk


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
