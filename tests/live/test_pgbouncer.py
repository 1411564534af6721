"""Behind PgBouncer in transaction mode, where each transaction may get another connection."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.live.desk import Desk
from tests.live.up import free_port

pytestmark = pytest.mark.skipif(not shutil.which("pgbouncer"), reason="no pgbouncer here")
POOL = 4  # connections to the database, for web, workers and beat together


@pytest.fixture
def pooled(desk: Desk, tmp_path: Path) -> Iterator[int]:
    """The desk's processes reach the database through a pooler only. Returns its port."""
    port, address = free_port(), urlsplit(desk.postgres.url)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    config = tmp_path / "pgbouncer.ini"
    config.write_text(
        f"""[databases]
{address.path[1:]} = host=127.0.0.1 port={address.port} user={address.username} password={address.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {POOL}
max_client_conn = 200
"""
    )
    command = [shutil.which("pgbouncer") or "", str(config), "-u", "nobody"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    old = desk.environment["DATABASE_URL"]
    if desk.web is not None:
        desk.kill_tree(desk.web)
        desk.web = None
    desk.environment |= {
        "DATABASE_URL": address._replace(netloc=f"pooled:x@127.0.0.1:{port}").geturl(),
        "DATABASE_POOLER": "1",
    }
    try:
        yield port
    finally:
        desk.stop_processes()
        if desk.web is not None:
            desk.kill_tree(desk.web)
            desk.web = None
        desk.environment["DATABASE_URL"] = old
        del desk.environment["DATABASE_POOLER"]
        process.terminate()
        process.wait(10)


def test_the_desk_works_through_a_few_connections(desk: Desk, pooled: int) -> None:
    desk.start()
    ids = [pk for _ in range(4) for pk in desk.open(150)]
    for _ in range(20):
        assert desk.get("/api/v1/tickets/?page_size=100")[0] == 200
    desk.wait_until_triaged()

    desk.assert_each_has_exactly_one_result(ids)
    users = desk.sql(
        """SELECT count(*) FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"""
    )
    assert users[0][0] <= POOL
    with psycopg.connect(desk.environment["DATABASE_URL"], prepare_threshold=None) as link:
        assert link.execute("SELECT 1").fetchone() == (1,)
    desk.wait_for(lambda: desk.get("/health")[1]["findings"] == [], 30, "a sound desk")
