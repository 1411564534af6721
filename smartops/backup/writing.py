"""One consistent moment of the database, compressed, beside what it says of itself."""

import os
import subprocess
import tempfile
from pathlib import Path
from shutil import copyfileobj
from typing import Final
from zipfile import ZIP_STORED, ZipFile

from django.db import connection, transaction

from smartops.backup.manifest import DUMP, LEFT_OUT, NAME, Manifest
from smartops.backup.tools import Refused, environment, server_version, tool

PIECE: Final = 1 << 20  # bytes


def write(path: Path) -> Manifest:
    """Write a backup to `path`, which only its owner may read. The desk goes on meanwhile.

    A file appears there only when it is whole.

    :raises Refused: it could not be made.
    """
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    try:
        with transaction.atomic(durable=True):
            with connection.cursor() as cursor:
                # What is counted and what is dumped are the same moment.
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                cursor.execute("SELECT pg_export_snapshot()")
                [snapshot] = cursor.fetchone()
            manifest = Manifest.of_database()
            with part.open("r+b") as file:
                with ZipFile(file, "w", ZIP_STORED) as archive:
                    archive.writestr(NAME, manifest.as_json())
                    _dump(archive, snapshot)
                file.flush()
                os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _dump(archive: ZipFile, snapshot: str) -> None:
    command = [
        str(tool("pg_dump", server=server_version()[0])),
        *("--format=custom", "--compress=6", "--no-owner", "--no-privileges", "--schema=public"),
        *(f"--snapshot={snapshot}", f"--exclude-table-data=public.{LEFT_OUT}"),
    ]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=errors
        ) as process,
        archive.open(DUMP, "w", force_zip64=True) as kept,
    ):
        assert process.stdout
        copyfileobj(process.stdout, kept, PIECE)
        if process.wait():
            errors.seek(0)
            raise Refused(f"pg_dump failed: {errors.read().decode(errors='replace').strip()}")
