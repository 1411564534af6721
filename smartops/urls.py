"""Every address of the product."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from analytics.views.dashboard_page import dashboard, dashboard_parts
from analytics.views.report_page import report
from servers.views.fleet_page import fleet
from smartops import health
from smartops.scraping import MetricsView
from smartops.workspace.listing import listing, listing_rows
from smartops.workspace.ticket import page
from triage.views.review_page import review

admin.autodiscover()

urlpatterns = [
    path("", dashboard, name="desk-dashboard"),
    path("dashboard/panels/", dashboard_parts, name="desk-panels"),
    path("tickets/", listing, name="workspace"),
    path("tickets/rows/", listing_rows, name="workspace-rows"),
    path("tickets/<int:pk>/", page, name="workspace-ticket"),
    path("report/", report, name="desk-report"),
    path("favicon.ico", RedirectView.as_view(url="/static/smartops/favicon.svg")),
    path("review/", review, name="review-page"),
    path("fleet/", fleet, name="fleet-page"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("smartops.routes")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(), name="docs"),
    path("health", health.health, name="health"),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", MetricsView.as_view(), name="metrics"),
]
handler400 = "smartops.api.bad_request"
handler403 = "smartops.api.forbidden"
handler404 = "smartops.api.not_found"
handler500 = "smartops.api.server_error"
