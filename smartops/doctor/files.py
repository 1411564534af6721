"""Files: who may read them, whether they are there, and how much room there is."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings

from smartops.doctor.finding import Finding, error, ok, warning
from smartops.env import BASE_DIR

LITTLE: Final = 1024  # MB
TOO_LITTLE: Final = 100
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
    """What is written at run time needs a place."""
    folder = settings.VAR_DIR
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        yield error(
            "files",
            f"{folder} cannot be written to.",
            f"Give the desk's user {folder}, or name another folder in VAR_DIR.",
        )
        return
    free = shutil.disk_usage(folder).free // 2**20
    if free < TOO_LITTLE:
        yield error("files", f"{free} MB are free in {folder}.", "Make room there.")
    elif free < LITTLE:
        yield warning("files", f"{free} MB are free in {folder}.", "Make room there.")
    else:
        yield ok("files", f"{free:,} MB are free in {folder}.")


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
