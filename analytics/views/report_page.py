"""`/report/`: how well the desk works, for a period, beside the period before."""

from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from analytics import report as reading
from analytics.bounds import TooMuch
from analytics.performance import performance
from analytics.scopes import NONE, By
from analytics.serializers.asking import PARTS, asked_of
from tickets.models import Department
from tickets.naming import join_names
from tickets.services import UnknownNames
from workers.replica import read

#: Days of a period -> what people call it.
PERIODS: Final = {7: "7 days", 30: "30 days", 90: "90 days", 365: "a year"}

#: The list's filters for the parts of the table.
_FILTERS: Final = {
    By.DEPARTMENT: "department",
    By.GROUP: "group",
    By.AGENT: "assignee",
    By.PRIORITY: "priority",
}


def report_page(request: HttpRequest) -> HttpResponse:
    """`days`, `department`, `by` and `tz` as in the API; without `tz` the one in the cookie that the page sets."""
    if not request.user.has_perm("tickets.view_ticket"):
        raise PermissionDenied
    given, now, problem = _given(request), timezone.now(), ""
    for attempt in range(3):
        try:
            asked = asked_of(request.user, given, now)
            found = read(partial(performance, asked.scope, asked.period, asked.by))
            break
        except (ValidationError, UnknownNames) as error:
            if attempt == 2:
                raise
            problem = problem or " ".join(_said(error))
            less = isinstance(error, TooMuch)
            given = {**given, "days": "1"} if less else {"by": By.DEPARTMENT.value}
    chosen = {
        "opened_after": asked.period.now.start.isoformat(timespec="seconds"),
        "opened_before": asked.period.now.end.isoformat(),
    }
    if given.get("department"):
        chosen["department"] = join_names([given["department"]])
    context: dict[str, Any] = {
        "title": "Report",
        "problem": problem,
        "figures": reading.figures(found["current"], found["previous"]),
        "columns": reading.COLUMNS,
        "tickets": _listed(chosen),
        "export": f"{reverse('report-export')}?{urlencode({**chosen, 'format': 'csv'})}",
        "rows": [
            {**row, "tickets": _listed(chosen, given["by"], row["name"])}
            for row in reading.table(found["breakdown"])
        ],
        "period": found["period"],
        "as_of": found["as_of"],
        "periods": {
            **PERIODS,
            asked.period.days: PERIODS.get(asked.period.days, f"{asked.period.days} days"),
        },
        "parts": PARTS,
        "chosen": {
            "days": asked.period.days,
            "by": given["by"],
            "department": given.get("department", ""),
            "tz": request.GET.get("tz", "") if not problem else "",
        },
        "departments": Department.objects.visible_to(request.user).order_by("name"),
    }
    return TemplateResponse(request, "analytics/report.html", context)


def _listed(chosen: dict[str, str], by: str = "", name: str = "") -> str:
    """The list of the tickets that were opened; no list is of those without a department or the like."""
    part = {_FILTERS[By(by)]: join_names([name])} if by else {}
    return "" if by and name == NONE else f"/tickets/?{urlencode({**chosen, **part})}"


def _given(request: HttpRequest) -> dict[str, str]:
    known = {name: request.GET.get(name, "") for name in ("days", "department", "by", "tz")}
    known["by"] = known["by"] or By.DEPARTMENT.value
    known["tz"] = known["tz"] or request.COOKIES.get("tz", "")
    return known


def _said(error: ValidationError | UnknownNames) -> list[str]:
    errors: Any = error.detail if isinstance(error, ValidationError) else error.errors
    return [f"{name}: {text}" for name, texts in errors.items() for text in texts]


#: Who is not signed in is sent to the admin's login and comes back.
report = admin.site.admin_view(report_page)
