"""Saved views: made, changed and removed. What a view asks for is checked as the list itself would."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from tickets.models import SavedView
from workers.errors import PermanentError

#: What one person may keep: every list and every page of a ticket offers them all.
MOST_VIEWS: Final = 50


class TooManyViews(PermanentError):
    """Whoever owns the view has as many as one may have."""


class NameTaken(PermanentError):
    """Whoever owns the view has another one of this name."""


@transaction.atomic
def create_view(*, owner: Any, values: Mapping[str, Any]) -> SavedView:
    """Make a view of `owner`, or with None one of the desk.

    :raises NameTaken: there is one of this name.
    :raises TooManyViews: a person has MOST_VIEWS already.
    """
    _check_name(owner.pk if owner else None, values["name"])
    if owner is not None:
        check_room(owner.pk)
    return SavedView.objects.create(owner=owner, **values)


@transaction.atomic
def change_view(*, view: SavedView, values: Mapping[str, Any], now: datetime) -> SavedView:
    """Change what is given.

    :raises NameTaken: there is another one of this name.
    """
    _check_name(view.owner_id, values.get("name", view.name), besides=view.pk)
    for name, value in values.items():
        setattr(view, name, value)
    view.updated_at = now
    view.save(update_fields=[*values, "updated_at"])
    return view


@transaction.atomic
def delete_view(*, view: SavedView) -> None:
    view.delete()


def check_room(owner: int) -> None:
    """:raises TooManyViews: the person has MOST_VIEWS already."""
    if SavedView.objects.filter(owner=owner).count() >= MOST_VIEWS:
        raise TooManyViews(
            f"You have {MOST_VIEWS} views, as many as one may have: remove one first."
        )


def _check_name(owner: int | None, name: str, besides: int | None = None) -> None:
    same = SavedView.objects.filter(owner=owner, name=name).values_list("pk", flat=True)
    # One that has the name already keeps it: people who left may have left the desk two of it.
    if same and besides not in same:
        raise NameTaken(f"There is a view {name!r} already.")
