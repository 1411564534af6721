"""Backup and restore: the database, which is all that must not be lost, in one file."""

from smartops.backup.manifest import Manifest
from smartops.backup.restoring import Unfinished, restore
from smartops.backup.tools import Refused
from smartops.backup.writing import write

__all__ = ["Manifest", "Refused", "Unfinished", "restore", "write"]
