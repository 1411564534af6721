"""`sla/policies/` and `sla/plan/`: what is promised, its versions, and trying a file out."""

import json
from typing import Any

from django.db.models import Prefetch
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from sla.models import SlaPolicy, SlaPolicyVersion
from sla.schema import PlanSerializer, PolicyInSchema, PolicySerializer, VersionSerializer
from sla.services.config import plan_file
from sla.services.policies import disable_policy, publish, read_document
from sla.views.parsers import StrictParser, YamlParser
from sla.yamlfile import WrongFile
from tickets.pagination import NewestCursor
from tickets.schema import DeletedSerializer


class PolicyViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[SlaPolicy]
):
    """Policies in the order in which they are asked, each with its newest version."""

    queryset = SlaPolicy.objects.none()
    serializer_class = PolicySerializer
    pagination_class = None
    lookup_value_regex = r"\d{1,18}"
    permissions = {
        "GET": "sla.view_slapolicy",
        "POST": "sla.add_slapolicy",
        "PUT": "sla.change_slapolicy",
        "PATCH": "sla.change_slapolicy",
        "DELETE": "sla.change_slapolicy",
        "versions": "sla.view_slapolicyversion",
    }

    def get_queryset(self) -> Any:
        newest = SlaPolicyVersion.objects.order_by("policy", "-number").distinct("policy")
        return SlaPolicy.objects.prefetch_related(
            Prefetch("versions", newest, to_attr="newest")
        ).order_by("is_default", "position", "id")

    @extend_schema(request=PolicyInSchema, responses={201: PolicySerializer})
    def create(self, request: Request) -> Response:
        """Publish a new policy."""
        given = _checked(request)
        if SlaPolicy.objects.filter(name=given["name"]).exists():
            raise ValidationError({"name": [f"Another policy is named {given['name']!r}."]})
        return self._publish(request, given, None, 201)

    @extend_schema(request=PolicyInSchema, responses=PolicySerializer)
    def update(self, request: Request, pk: str) -> Response:
        """Publish a new version, unless it says the same as the newest one."""
        return self._publish(request, _checked(request), self.get_object())

    @extend_schema(request=PolicyInSchema, responses=PolicySerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what is given; a `document` is given whole."""
        return self._publish(request, _checked(request, partial=True), self.get_object())

    @extend_schema(responses={200: DeletedSerializer})
    def destroy(self, request: Request, pk: str) -> Response:
        """Disable the policy. Its versions stay, for clocks refer to them."""
        policy = self.get_object()
        disable_policy(policy_id=policy.pk, actor=request.user.get_username(), now=timezone.now())
        return Response({"message": f"Policy {policy.name!r} holds for no more tickets."})

    @extend_schema(responses=VersionSerializer(many=True))
    @action(detail=True, pagination_class=NewestCursor)
    def versions(self, request: Request, pk: str) -> Response:
        """Everything that the policy ever said, newest first."""
        rows = SlaPolicyVersion.objects.filter(policy=self.get_object())
        page: Any = self.paginate_queryset(rows)  # type: ignore[arg-type]
        return self.get_paginated_response(VersionSerializer(page, many=True).data)

    def _publish(
        self, request: Request, given: dict[str, Any], policy: SlaPolicy | None, status: int = 200
    ) -> Response:
        version = publish(
            name=given.get("name") or (policy.name if policy else ""),
            document=read_document(given["document"]) if "document" in given else None,
            policy_id=policy.pk if policy else None,
            position=given.get("position"),
            enabled=given.get("enabled"),
            move_open=given.get("move_open", False),
            actor=request.user.get_username(),
            now=timezone.now(),
        )
        shown = self.get_queryset().get(pk=version.policy_id)
        return Response(PolicySerializer(shown).data, status=status)


def _checked(request: Request, *, partial: bool = False) -> dict[str, Any]:
    form = PolicyInSchema(data=request.data, partial=partial)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


class PlanView(APIView):
    """What a configuration file would change. Writes nothing."""

    parser_classes = [StrictParser, YamlParser]
    permissions = {"POST": "sla.change_slapolicy"}

    @extend_schema(
        request={
            "application/json": OpenApiTypes.OBJECT,
            "application/yaml": OpenApiTypes.STR,
        },
        responses=PlanSerializer,
    )
    def post(self, request: Request) -> Response:
        """Send the file as YAML, or what it says as JSON."""
        text: Any = request.data
        if not isinstance(text, bytes):
            text = json.dumps(text, ensure_ascii=False)
        try:
            plan = plan_file(content=text, now=timezone.now())
        except WrongFile as error:
            errors: dict[str, list[str]] = {}
            for wrong in error.errors:
                line = f"line {wrong.line}, column {wrong.column}: " if wrong.line else ""
                field = wrong.path or "non_field_errors"
                errors.setdefault(field, []).append(f"{line}{wrong.message}")
            raise ValidationError(errors) from None
        return Response(PlanSerializer(plan).data)
