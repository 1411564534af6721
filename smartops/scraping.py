"""`/metrics`: what this process counted and what the database tells, for Prometheus and for people who may."""

from typing import Any, Final

from django.http import HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from analytics import metrics as analytics_metrics
from servers import metrics as server_metrics
from sla import metrics as sla_metrics
from smartops.auth import RememberingTokenAuthentication
from tickets import metrics as ticket_metrics
from triage import metrics as triage_metrics
from workers import measuring
from workers.exporter import is_token

PERMISSION: Final = "workers.view_tally"

for part in (
    *(ticket_metrics, triage_metrics, sla_metrics),
    *(server_metrics, analytics_metrics, measuring),
):
    part.register()


class ScraperAuthentication(BaseAuthentication):
    """`Authorization: Bearer` and METRICS_TOKEN. There is no user behind it."""

    def authenticate(self, request: Request) -> tuple[None, str] | None:
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        if not is_token(given.strip()):
            raise AuthenticationFailed("This is not the token of METRICS_TOKEN.")
        return None, "metrics"

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="metrics"'


class MayReadMetrics(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return request.auth == "metrics" or (
            request.user is not None and bool(request.user.has_perm(PERMISSION))
        )


class MetricsView(APIView):
    authentication_classes = [
        ScraperAuthentication,
        RememberingTokenAuthentication,
        SessionAuthentication,
    ]
    permission_classes = [MayReadMetrics]
    throttle_classes = []
    schema = None
    http_method_names = ["get", "head", "options"]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return self.get_renderers()[0], "application/json"  # of errors; metrics have one format

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
