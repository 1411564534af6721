"""Reads of jobs, decisions and corrections: whom they may be shown to, how far batches are, which is newest."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from tickets.querysets import hidden_department_ids
from triage.progress import WINDOW, Progress

if TYPE_CHECKING:
    from triage.models import Correction, TriageDecision, TriageJob  # noqa: F401


class JobQuerySet(QuerySet["TriageJob"]):
    def visible_to(self, user: Any) -> Self:
        """Jobs of tickets that `user` may see."""
        hidden = hidden_department_ids(user)
        if not hidden:
            return self
        return self.filter(Q(ticket__department__isnull=True) | ~Q(ticket__department__in=hidden))

    def newest_of_their_tickets(self) -> Self:
        """Jobs that no later job of the same ticket has replaced."""
        later = self.model._default_manager.filter(ticket=OuterRef("ticket"), pk__gt=OuterRef("pk"))
        return self.filter(~Exists(later))

    def progress_of(self, batches: Collection[int]) -> dict[int, Progress]:
        """How far each of `batches` is, all in one query that reads one index."""
        ended_lately = Q(finished_at__gt=Now() - WINDOW)
        rows: Any = (
            self.filter(batch__in=batches)
            .order_by()
            .values("batch")
            .annotate(
                **{
                    state: Count("ticket", filter=Q(state=state))
                    for state in ("pending", "running", "done", "failed")
                },
                recent=Count("ticket", filter=ended_lately),
                ended_at=Max("finished_at"),
            )
        )
        found = {row.pop("batch"): Progress(**row) for row in rows}
        return {batch: found.get(batch, Progress()) for batch in batches}


class DecisionQuerySet(QuerySet["TriageDecision"]):
    def visible_to(self, user: Any) -> Self:
        """Decisions on tickets that `user` may see."""
        hidden = hidden_department_ids(user)
        if not hidden:
            return self
        return self.filter(Q(ticket__department__isnull=True) | ~Q(ticket__department__in=hidden))

    def newest_of_jobs(
        self, jobs: Collection[TriageJob]
    ) -> dict[int, tuple[TriageDecision, TriageDecision | None]]:
        """The newest decision of each of `jobs`, and the ticket's newest one of another job before it."""
        earlier = (
            self.model._default_manager.filter(ticket=OuterRef("ticket"), pk__lt=OuterRef("pk"))
            .exclude(job=OuterRef("job"))
            .order_by("-pk")
        )
        light: Any = self.defer("fields", "alternatives", "words")
        found = {
            row.job_id: row
            for row in light.filter(job__in=jobs)
            .annotate(earlier=Subquery(earlier.values("pk")[:1]))
            .order_by("pk")
        }
        before = light.in_bulk([row.earlier for row in found.values() if row.earlier])
        return {job: (row, before.get(row.earlier)) for job, row in found.items()}

    def newest_of_tickets(self, tickets: Collection[int]) -> dict[int, TriageDecision]:
        """The newest decision about each of these tickets."""
        newest = self.filter(ticket__in=tickets).order_by("ticket", "-pk").distinct("ticket")
        return {decision.ticket_id: decision for decision in newest}


class CorrectionQuerySet(QuerySet["Correction"]):
    def visible_to(self, user: Any) -> Self:
        """Corrections on tickets that `user` may see."""
        hidden = hidden_department_ids(user)
        if not hidden:
            return self
        return self.filter(Q(ticket__department__isnull=True) | ~Q(ticket__department__in=hidden))
