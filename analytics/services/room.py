"""How much of the database's disk the files of exports may take: tickets are accepted on the same one."""

from typing import Final

from django.conf import settings
from django.db.models import Q, Sum

from analytics.models import Export
from workers.errors import PermanentError

MB: Final = 2**20


def check_room(owner: int, *, size: int = 0) -> None:
    """Check that files may grow by `size` bytes of somebody's.

    :raises PermanentError: they would be more than one person, or all together, may have. It says what to do.
    """
    kept = Export.objects.filter(expires_at__isnull=False, removed_at__isnull=True)
    found = kept.aggregate(all=Sum("size"), own=Sum("size", filter=Q(owner=owner)))
    own, everybody = found["own"] or 0, found["all"] or 0
    if _is_full(own, size, settings.EXPORT_OWNER_MB):
        raise PermanentError(
            f"Your exports keep {_mb(own)} of the {settings.EXPORT_OWNER_MB:,} MB that one person may keep"
            f"{_more(size)}: remove some of them, or wait until they expire."
        )
    if _is_full(everybody, size, settings.EXPORT_ALL_MB):
        raise PermanentError(
            f"The exports of all keep {_mb(everybody)} of {settings.EXPORT_ALL_MB:,} MB{_more(size)}: wait until "
            "some of them expire, or ask whoever runs the desk to remove some (EXPORT_ALL_MB)."
        )


def _is_full(kept: int, size: int, most: int) -> bool:
    return kept + size > most * MB or kept >= most * MB


def _more(size: int) -> str:
    return f", and this one has {_mb(size)}" if size else ""


def _mb(size: int) -> str:
    return f"{-(-size // MB):,} MB"
