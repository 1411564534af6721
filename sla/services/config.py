"""The configuration file: planned, applied, and loaded when it changes."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from pydantic import ValidationError

from sla.catalog import Catalog, Change, differences
from sla.configfile import FileConfig, read_config
from sla.document import PolicyDocument
from sla.filewatch import FileWatch, Look, look_at
from sla.models import ConfigFile
from sla.problems import Problem, problems_of, under
from sla.promises import unreachable
from sla.services.planning import Plan, moves_calendar, plan, sentences
from sla.services.retargeting import move_open_clocks
from sla.services.storing import KnownNames, in_force, lock_catalog, read_catalog, store
from sla.yamlfile import MOST_BYTES, FileError, WrongFile

log = structlog.get_logger("sla.config")

#: Refused content is tried again so often: what it lacked, such as a department, may be there by now.
RETRY: Final = timedelta(minutes=1)
CHECKED: Final = timedelta(seconds=20)

_watch: Final = FileWatch(MOST_BYTES)


def plan_file(*, content: bytes | str, now: datetime) -> Plan:
    """What applying the file (YAML, or JSON) would do. Writes nothing.

    :raises WrongFile: with every problem and its line.
    """
    config = read_config(content)
    before = read_catalog()
    return plan(before, _after(before, config), now=now)


@transaction.atomic
def apply_file(
    *, content: bytes, path: Path, actor: str, now: datetime, move_open: bool = False
) -> tuple[list[Change], int]:
    """Make the calendars and policies what the file says; return the changes and how many open tickets moved.

    Open tickets move when asked, and when a calendar that was there changed.

    :raises WrongFile: nothing is changed then.
    """
    configured = Path(settings.SLA_CONFIG_FILE)
    row = _locked_row() if path.resolve() == configured.resolve() else None
    changes, moved = _apply(content, actor, now, move_open)
    if row is not None:
        row.path = str(configured)
        _record(row, look_at(content), now, changes=changes)
    return changes, moved


def load_config(*, path: Path, now: datetime, watch: FileWatch | None = None) -> bool:
    """Apply the file if its content is new to everybody; True if it was applied.

    A file that cannot be used changes nothing: it is logged once, and shown until it can.
    """
    watch = watch or _watch
    look = watch.look(path)
    if look is None:
        return False
    applied = False
    if not _dealt_with(ConfigFile.objects.filter(pk=1).first(), look, path, now, watch):
        applied = _load(look, path, now, watch)
    watch.noticed = look.digest
    return applied


@transaction.atomic
def _load(look: Look, path: Path, now: datetime, watch: FileWatch) -> bool:
    row = _locked_row()
    if _dealt_with(row, look, path, now, watch):
        return False
    row.path = str(path)
    if not look.digest:
        _record(row, look, now)
        return False
    try:
        _refuse_unreadable(look)
        changes, _ = _apply(look.content, path.name, now, move_open=False)
    except WrongFile as refused:
        known = (row.digest, row.error) == (look.digest, str(refused))
        _record(row, look, now, refused=refused)
        if not known:
            line = refused.errors[0].line
            log.error("config file refused", path=str(path), line=line, error=str(refused))
        return False
    _record(row, look, now, changes=changes)
    log.info("config file applied", path=str(path), changes=sentences(changes))
    return True


def _dealt_with(
    row: ConfigFile | None, look: Look, path: Path, now: datetime, watch: FileWatch
) -> bool:
    if row is None:
        return False
    if row.path == str(path) and row.digest == look.digest:
        due = RETRY if row.error else CHECKED
        if row.checked_at is not None and now - row.checked_at < due:
            return True
        if row.error:
            return False
        ConfigFile.objects.filter(pk=1).update(checked_at=now)
        return True
    # Somebody applied another content after we saw this one: where a new file reaches the machines one by one,
    # those that still have the old one must not bring it back.
    return row.path == str(path) and look.digest == watch.noticed


def _refuse_unreadable(look: Look) -> None:
    problem = look.problem
    if not problem and not look.content.strip():
        # More likely a write that went wrong than a wish to switch everything off.
        problem = "It is empty. To take everything out of the file, leave a comment in it."
    if problem:
        raise WrongFile([FileError(0, 0, "", problem)])


def _apply(content: bytes, actor: str, now: datetime, move_open: bool) -> tuple[list[Change], int]:
    config = read_config(content)
    before = lock_catalog()
    after = _after(before, config)
    changes = differences(before, after)
    if changes:
        store(before, after, actor=actor)
    moved = 0
    if move_open or moves_calendar(changes):
        moved = move_open_clocks(policies=in_force(read_catalog()), actor=actor, now=now)
    return changes, moved


def _after(before: Catalog, config: FileConfig) -> Catalog:
    known, problems = KnownNames(), list[Problem]()
    for policy in config.policies:
        problems += under(config.places[policy.name], known.problems(policy))
    config.refuse(problems)
    return before.with_file(config)


def _locked_row() -> ConfigFile:
    row, _ = ConfigFile.objects.select_for_update().get_or_create(pk=1)
    return row


def _record(
    row: ConfigFile,
    look: Look,
    now: datetime,
    *,
    changes: Iterable[Change] | None = None,
    refused: WrongFile | None = None,
) -> None:
    row.digest, row.checked_at = look.digest, now
    row.error = str(refused) if refused else ""
    row.line = refused.errors[0].line or None if refused else None
    if changes is not None:
        row.applied_at, row.changes = now, sentences(list(changes))
    row.save()


def config_findings() -> list[str]:
    """What a person should look at, as sentences: a refused file, policies that name what is no more."""
    findings: list[str] = []
    row = ConfigFile.objects.filter(pk=1).exclude(error="").first()
    if row is not None:
        first, *more = row.error.splitlines()
        others = f" And {len(more)} more." if more else ""
        findings.append(f"{row.path} is not applied: {first}{others} What was before holds.")
    known = KnownNames()
    try:
        entries = read_catalog().in_order()
    except ValidationError as error:
        return [*findings, f"A stored policy cannot be read: {error.errors()[0]['msg']}."]
    for entry in entries:
        for _, message in (*known.problems(entry.document), *_dropped(entry.document)):
            findings.append(f"Policy {entry.name!r}: {message}")
    return findings


def _dropped(document: PolicyDocument) -> list[Problem]:
    """What was right when it was saved and is no more, or never was."""
    try:
        PolicyDocument.model_validate(document.canonical())
    except ValidationError as error:
        return problems_of(error, {})
    problem = unreachable(document)
    return [(("tiers",), problem)] if problem else []
