"""A PostgreSQL that has its tables from the start: a copy of one that was migrated once, as that takes seconds.

Whoever needs tables still migrates, and finds it done.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import psycopg

from smartops import embedded

BASE: Final = Path(__file__).resolve().parent.parent
KEPT: Final = BASE / ".pytest_cache" / "databases"
TEMPLATE: Final = "migrated"


def start_with_template(root: Path, *, durable: bool = True) -> embedded.Server:
    """Its database `smartops` is empty; `TEMPLATE` has all tables."""
    root.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:  # where the user that it runs as can reach its data
        *_, root = embedded.unprivileged(BASE, root)
    shutil.rmtree(root)  # an earlier run's, under the same name
    root.mkdir()
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = KEPT / _fingerprint()
        if not kept.exists():
            _make(kept)
        subprocess.run(["cp", "-a", f"{kept}/.", root], check=True)
    return embedded.start_postgres(root, durable=durable)


def start_migrated(root: Path, *, durable: bool = True) -> embedded.Server:
    server = start_with_template(root, durable=durable)
    with psycopg.connect(server.url, dbname="postgres", autocommit=True) as link:
        link.execute(f"DROP DATABASE {embedded.DATABASE}")
        link.execute(f"ALTER DATABASE {TEMPLATE} RENAME TO {embedded.DATABASE}")
    return server


def _fingerprint() -> str:
    """What the tables depend on, and whose they are."""
    found = hashlib.sha256(str(os.getuid()).encode())
    for path in [*sorted(BASE.glob("*/migrations/*.py")), BASE / "requirements-dev.txt"]:
        found.update(f"{path.name}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def _make(kept: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="smartops-tables-") as folder:
        root = Path(folder)
        root.chmod(0o755)  # the database runs as another user when the tests run as root
        server = embedded.start_postgres(root / "postgres", durable=False)
        try:
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--verbosity=0"],
                cwd=BASE,
                env=os.environ
                | {
                    "DATABASE_URL": server.url,
                    "REDIS_URL": "redis://none",
                    "SMARTOPS_DEMO": "1",
                    "VAR_DIR": str(root / "var"),
                },
                check=True,
            )
            with psycopg.connect(server.url, dbname="postgres", autocommit=True) as link:
                link.execute(f"ALTER DATABASE {embedded.DATABASE} RENAME TO {TEMPLATE}")
        finally:
            server.stop()
        for name in ("port", "postgres.log"):  # each copy has its own
            (root / "postgres" / name).unlink()
        for old in KEPT.glob("*/"):
            shutil.rmtree(old)
        subprocess.run(["cp", "-a", root / "postgres", kept.with_suffix(".part")], check=True)
        kept.with_suffix(".part").rename(kept)
