"""`saved-views/`: lists of tickets that people come back to."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from tickets import services
from tickets.models import SavedView
from tickets.models.view import SHARE
from tickets.saved import SavedViewSerializer


class SavedViewViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[SavedView]
):
    """Your own views, and those that are shared, in their order."""

    queryset = SavedView.objects.none()
    serializer_class = SavedViewSerializer
    pagination_class = None
    filterset_class: Any = None
    lookup_value_regex = r"\d{1,18}"
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    permissions = {
        "GET": "tickets.view_savedview",
        "POST": "tickets.add_savedview",
        "PATCH": "tickets.change_savedview",
        "DELETE": "tickets.delete_savedview",
    }

    def get_queryset(self) -> Any:
        return SavedView.objects.visible_to(self.request.user).in_order()

    @extend_schema(request=SavedViewSerializer, responses={201: SavedViewSerializer})
    def create(self, request: Request) -> Response:
        """Keep filters of the list under a name, for oneself or, with `shared`, for everybody."""
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        self._check_sharing(form.validated_data)
        view = services.create_view(owner=request.user, values=form.validated_data)
        return Response(self.get_serializer(view).data, status=201)

    @extend_schema(request=SavedViewSerializer, responses=SavedViewSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change one's own view; who manages views changes shared ones, too."""
        view = self._own()
        form = self.get_serializer(view, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        self._check_sharing(form.validated_data, view)
        view = services.change_view(view=view, values=form.validated_data, now=timezone.now())
        return Response(self.get_serializer(view).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a view. The tickets stay."""
        services.delete_view(view=self._own())
        return Response(status=204)

    def _own(self) -> SavedView:
        view: SavedView = self.get_object()
        if not view.may_be_changed_by(self.request.user):
            raise exceptions.PermissionDenied("Only its owner or an administrator may change it.")
        return view

    def _check_sharing(self, values: dict[str, Any], view: SavedView | None = None) -> None:
        shared = values.get("shared", False)
        if shared and not (view and view.shared) and not self.request.user.has_perm(SHARE):
            raise exceptions.PermissionDenied("Your role may not share views.")
        if view is not None and view.owner_id is None and values.get("shared") is False:
            raise exceptions.ValidationError({"shared": ["A view of the desk is always shared."]})
