"""While a new version starts, processes of the old one work on the migrated tables (docs/operations.md)."""

from collections.abc import Iterator

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import (
    AddField,
    CreateModel,
    DeleteModel,
    RemoveField,
    RenameField,
    RenameModel,
)
from django.db.migrations.operations.base import Operation
from django.db.models import NOT_PROVIDED

OURS = ("analytics", "servers", "sla", "tickets", "triage", "workers")
#: What goes away: named here one release after the code that used it is gone.
GONE: set[tuple[str, str]] = set()
#: Released before there was an old version anywhere.
BEFORE = {("triage", "0008_batches")}


def operations() -> Iterator[tuple[tuple[str, str], Operation]]:
    for key, migration in MigrationLoader(None).disk_migrations.items():
        if key[0] in OURS:
            for operation in migration.operations:
                yield key, operation
                for inner in getattr(operation, "database_operations", []):
                    yield key, inner


def test_no_migration_takes_away_what_old_processes_use() -> None:
    for key, operation in operations():
        if isinstance(operation, RemoveField | RenameField | RenameModel | DeleteModel):
            assert key in GONE, f"{key}: {operation.describe()}"


def test_old_processes_can_insert_rows_that_have_new_columns() -> None:
    made = {
        (key, operation.name_lower) for key, operation in operations()
        if isinstance(operation, CreateModel)
    }  # fmt: skip
    for key, operation in operations():
        if not isinstance(operation, AddField) or (key, operation.model_name_lower) in made:
            continue
        field = operation.field
        if field.null or field.many_to_many or field.db_default is not NOT_PROVIDED:
            continue
        assert key in BEFORE, f"{key}: {operation.describe()} needs null=True or db_default"


def test_an_index_that_is_built_beside_the_work_can_be_begun_anew() -> None:
    before: Operation | None = None
    for key, operation in operations():
        if isinstance(operation, AddIndexConcurrently):
            drop = f"DROP INDEX CONCURRENTLY IF EXISTS {operation.index.name}"
            assert getattr(before, "sql", "") == drop, f"{key}: {drop} comes first"
        before = operation
