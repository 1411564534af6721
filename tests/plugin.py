"""One real PostgreSQL and one real Valkey for the whole run, started before Django reads its settings."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from smartops import embedded

SERVERS: list[embedded.Server] = []
ROOT = Path(tempfile.mkdtemp(prefix="smartops-test-"))
ROOT.chmod(0o755)

os.environ["VAR_DIR"] = str(ROOT / "var")
os.environ["SMARTOPS_DEMO"] = "1"
for variable, start in (
    ("DATABASE_URL", lambda: embedded.start_postgres(ROOT / "postgres", durable=False)),
    ("REDIS_URL", lambda: embedded.start_valkey(ROOT / "valkey")),
):
    if not os.environ.get(variable):
        SERVERS.append(start())
        os.environ[variable] = SERVERS[-1].url


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-openapi",
        action="store_true",
        help="Write docs/openapi.yaml instead of comparing it",
    )


def pytest_unconfigure() -> None:
    while SERVERS:
        SERVERS.pop().stop()
    shutil.rmtree(ROOT, ignore_errors=True)
