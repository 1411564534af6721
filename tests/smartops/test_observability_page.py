"""docs/observability.md names every metric of ours, with its type and labels, and none that there is not."""

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from analytics.services.refreshing import refresh_figures
from servers import gateway
from sla import feed
from tests.scraping import scraped
from triage.llm.endpoint import Endpoint
from workers import observing

PAGE = Path(__file__).resolve().parent.parent.parent / "docs/observability.md"
ROW = re.compile(r"^\| `(smartops_\w+)` \| (\w+) \| (.*?) \|", re.MULTILINE)


def documented() -> dict[str, tuple[str, frozenset[str]]]:
    """Name -> type and labels, as the page says."""
    return {
        name: (kind, frozenset(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in ROW.findall(PAGE.read_text())
    }


@pytest.mark.django_db
def test_the_page_and_the_metrics_name_the_same(settings: Any, vpn: Any) -> None:
    assert all((gateway, feed, observing))  # whose own metrics come with them
    settings.LLM = Endpoint("ollama", "http://model.example", "tiny", "", 30.0)
    refresh_figures()
    told, labels = {}, {}
    for family in text_string_to_metric_families(scraped()):
        if family.name.startswith("smartops_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            told[name] = family.type
            for sample in family.samples:
                labels[name] = frozenset(sample.labels) - {"le"}

    page = documented()

    assert told == {name: kind for name, (kind, _) in page.items()}
    assert {name: page[name][1] for name in labels} == labels
