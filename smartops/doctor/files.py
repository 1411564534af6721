"""Files: who may read them, whether they are there, and how much room there is."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings

from smartops.doctor.finding import Finding, error, ok, warning
from smartops.env import BASE_DIR

#: Both must be passed, so that a small volume is not too small for ever: MB, and the share that is free.
LITTLE: Final = (1024, 0.2)
TOO_LITTLE: Final = (100, 0.05)
#: Variables that name a file with a secret.
NAMING: Final = tuple(
    f"{name}_FILE" for name in ("SECRET_KEY", "EMAIL_HOST_PASSWORD", "LLM_API_KEY", "METRICS_TOKEN")
)


def permissions() -> Iterator[Finding]:
    """Secrets in files are their owner's alone."""
    named = [Path(os.environ[name]) for name in NAMING if os.environ.get(name)]
    ours = [path for path in named if not path.is_relative_to("/run")]  # there Docker sees to it
    made = [settings.VAR_DIR / name for name in ("secret_key", "demo_password", "demo_token")]
    secrets = [BASE_DIR / ".env", *made, *ours]
    open_ones = [path for path in secrets if path.is_file() and _others_may(path)]
    for path in open_ones:
        yield warning(
            "files",
            f"{path} holds secrets, and others on this machine may read it.",
            f"chmod 600 {path}",
        )
    if not open_ones:
        yield ok("files", "No file with secrets is readable by others.")


def room() -> Iterator[Finding]:
    """What is written at run time needs a place, and exports one for their files."""
    seen: set[int] = set()
    for name, folder in (("VAR_DIR", settings.VAR_DIR), ("TMPDIR", temporary())):
        while not folder.exists():
            folder = folder.parent
        if not os.access(folder, os.W_OK):
            yield error(
                "files",
                f"{folder} cannot be written to.",
                f"Give the desk's user {folder}, or name another folder in {name}.",
            )
        elif (disk := folder.stat().st_dev) not in seen:
            seen.add(disk)
            yield _free(folder)


def temporary() -> Path:
    """Where exports write their files."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:  # none can be written to
        return Path(os.environ.get("TMPDIR", "/tmp"))


def _free(folder: Path) -> Finding:
    disk = shutil.disk_usage(folder)
    free = disk.free // 2**20
    says = f"{free:,} MB are free in {folder}."

    def below(megabytes: int, share: float) -> bool:
        return free < megabytes and disk.free < share * disk.total

    if below(*TOO_LITTLE):
        return error("files", says, "Make room there.")
    return warning("files", says, "Make room there.") if below(*LITTLE) else ok("files", says)


def sla_file() -> Iterator[Finding]:
    path = Path(settings.SLA_CONFIG_FILE)
    if not path.exists():
        yield warning(
            "files",
            f"{path} is not there: calendars and policies are those of the database.",
            "Mount it, or correct SLA_CONFIG_FILE, or leave it so if you edit them in the admin.",
        )
    elif not os.access(path, os.R_OK):
        yield error(
            "files", f"{path} cannot be read by this user.", f"chmod 644 {path}"
        )  # fmt: skip
    else:
        yield ok("files", f"{path} is there.")


def _others_may(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
