"""`/review/`: the page on which a person works through the queue. The data comes from the API."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from tickets.models import Category, Department
from triage.services.reviewing import UNDO_WITHIN

NEEDED = ("triage.view_triagedecision", "tickets.change_ticket")


def review_page(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perms(NEEDED):
        raise PermissionDenied
    departments = Department.objects.order_by("name")
    seen = departments.visible_to(request.user)
    context = {
        "title": "Review",
        "departments": seen,
        "chosen": request.GET.get("department", ""),
        "lists": {
            "categories": list(Category.objects.order_by("slug").values("slug", "name")),
            "departments": [department.name for department in departments],
        },
        "undo_minutes": int(UNDO_WITHIN.total_seconds() // 60),
    }
    return TemplateResponse(request, "triage/review.html", context)


#: Who is not signed in is sent to the admin's login and comes back.
review = admin.site.admin_view(review_page)
