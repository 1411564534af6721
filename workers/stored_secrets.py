"""Everything that the database holds encrypted, and its move to a new SECRET_KEY."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models, transaction

from workers.encryption import Unreadable, decrypt, encrypt, is_current


@dataclass(frozen=True)
class StoredSecret:
    """A column of a row that holds something encrypted. Such columns begin with `encrypted_`."""

    model: type[models.Model]
    pk: Any
    column: str
    kept: str

    def __str__(self) -> str:
        return f"{self.model._meta.verbose_name} {self.pk}"


def stored_secrets() -> Iterator[StoredSecret]:
    """Return everything that the database holds encrypted."""
    for model in apps.get_models():
        columns = [f.name for f in model._meta.fields if f.name.startswith("encrypted_")]
        for row in model._base_manager.values("pk", *columns).order_by("pk") if columns else ():
            for column in columns:
                if row[column]:
                    yield StoredSecret(model, row["pk"], column, row[column])


@transaction.atomic
def reencrypt() -> tuple[int, int]:
    """Encrypt with SECRET_KEY what an old key still reads. Returns how many were, and how many nobody can read.

    Someone who changes a secret meanwhile wins.
    """
    done = lost = 0
    for secret in stored_secrets():
        if is_current(secret.kept):
            continue
        try:
            anew = encrypt(decrypt(secret.kept))
        except Unreadable:
            lost += 1
            continue
        row = secret.model._base_manager.filter(pk=secret.pk, **{secret.column: secret.kept})
        done += row.update(**{secret.column: anew})
    return done, lost
