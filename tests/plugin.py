"""One real PostgreSQL and one real Valkey for each process of a run, started before Django reads its settings."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from smartops import embedded
from tests import databases

SERVERS: list[embedded.Server] = []
ROOT = Path(tempfile.mkdtemp(prefix="smartops-test-"))
ROOT.chmod(0o755)

os.environ["VAR_DIR"] = str(ROOT / "var")
os.environ["SMARTOPS_DEMO"] = "1"
# Hundreds of processes load the same code; each would compile it anew where this is set, as in containers.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
START = {
    "DATABASE_URL": lambda: databases.start_with_template(ROOT / "postgres", durable=False),
    "REDIS_URL": lambda: embedded.start_valkey(ROOT / "valkey"),
}
# What was not given is started. pytest-xdist's processes inherit the addresses of the first one's servers, so they
# are told by name which of them are not theirs.
missing = ",".join(variable for variable in START if not os.environ.get(variable))
for variable in filter(None, os.environ.setdefault("TESTS_START", missing).split(",")):
    SERVERS.append(START[variable]())
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
