"""The summary report: how many tickets by priority and by group."""

import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import Count

from analytics.columns import defused

NONE: Final = "none"


@dataclass
class TicketSummary:
    generated_at: datetime
    total_tickets: int = 0
    by_priority: Counter[str] = field(default_factory=Counter)
    by_group: Counter[str] = field(default_factory=Counter)


def summarize(tickets: Any, *, now: datetime) -> TicketSummary:
    """Count `tickets` in one statement, so that the sums agree. Every priority is named, groups that have any."""
    summary = TicketSummary(now, by_priority=Counter({f"P{rank}": 0 for rank in range(1, 5)}))
    counted = tickets.order_by().values_list("priority", "group__name").annotate(count=Count("pk"))
    for priority, group, count in counted:
        summary.total_tickets += count
        summary.by_priority[f"P{priority}" if priority else NONE] += count
        summary.by_group[group or NONE] += count
    return summary


def as_csv(summary: TicketSummary) -> str:
    """Names and numbers, a blank line, priorities, a blank line, groups."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["generated_at", summary.generated_at.isoformat()])
    writer.writerow(["total_tickets", summary.total_tickets])
    for title, counts in (("priority", summary.by_priority), ("group", summary.by_group)):
        writer.writerow([])
        writer.writerow([title, "count"])
        writer.writerows([defused(name), count] for name, count in sorted(counts.items()))
    return text.getvalue()
