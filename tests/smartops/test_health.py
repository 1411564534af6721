"""What /health says of work that waits."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from smartops.health import _work
from tests.factories import make_ticket
from triage.models import TriageJob

pytestmark = pytest.mark.django_db


def test_a_job_that_is_sent_again_and_again_is_the_oldest_one_still() -> None:
    old, fresh = make_ticket(), make_ticket()
    long_ago = timezone.now() - timedelta(hours=1)
    TriageJob.objects.filter(ticket=old).update(
        created_at=long_ago, nudge_at=timezone.now() + timedelta(minutes=30), nudges=6
    )
    assert TriageJob.objects.filter(ticket=fresh).exists()

    findings = _work()

    assert f"A ticket waits for triage since {long_ago:%Y-%m-%d %H:%M:%S} UTC." in findings


def test_the_oldest_job_is_found_by_its_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT min(created_at) FROM triage_triagejob WHERE state IN ('pending', 'running')"
        )
        assert "triage_job_sweep" in str(cursor.fetchall())
