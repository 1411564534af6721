"""Roles and API tokens."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Q
from knox.models import AuthToken

from tickets.roles import ROLES, permissions_of


def sync_roles(**_: Any) -> None:
    """Create the three roles, and give each the permissions that `tickets.permissions` names. After each migrate.

    Permissions that an administrator added to a role stay.
    """
    for role in ROLES:
        group, _created = Group.objects.get_or_create(name=role)
        wanted = Q()
        for name in permissions_of(role):
            app, codename = name.split(".")
            wanted |= Q(content_type__app_label=app, codename=codename)
        group.permissions.add(*Permission.objects.filter(wanted))


@transaction.atomic
def create_token(*, user: User, lifetime: timedelta | None = None) -> tuple[AuthToken, str]:
    """Return a new token and its text, which is not stored: only its hash is. Default lifetime: API_TOKEN_DAYS."""
    arguments = {"expiry": lifetime} if lifetime else {}
    token, text = AuthToken.objects.create(user, **arguments)
    return token, text


@transaction.atomic
def give_role(*, user: User, role: str) -> None:
    """Give `user` this role and no other. Agents and admins may open the admin pages; so may viewers, to read."""
    user.groups.remove(*user.groups.filter(name__in=ROLES))
    user.groups.add(Group.objects.get(name=role))
    User.objects.filter(pk=user.pk).update(is_staff=True)
