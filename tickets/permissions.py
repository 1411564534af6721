"""Who may call what: checked for every request before a view sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class RolePermission(BasePermission):
    """Each view names the permission that each HTTP method needs: `permissions = {"GET": "app.view_x", …}`.

    A method that a view does not name is refused: forgetting one closes the door instead of opening it.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not (request.user and request.user.is_authenticated):
            return False
        if not hasattr(view, (request.method or "").lower()):
            return True  # the view will answer 405
        needed = getattr(view, "permissions", {})
        method = "GET" if request.method in ("HEAD", "OPTIONS") else request.method
        action = getattr(view, "action", None)
        permission: Any = needed.get(action) or needed.get(method)
        return bool(permission and request.user.has_perm(permission))
