"""A language model that hangs, and comes back: triage does not notice, and every answer counts once."""

import time

from tests.live.desk import Desk
from tests.triage.llm.fake import Plan, fake_model, said


def start_llm_worker(desk: Desk, **environment: str) -> None:
    desk.spawn(
        "celery", "-q", "-A", "smartops", "worker", "-Q", "llm", "-P", "threads", "-c", "4",
        "--without-gossip", "--without-mingle", "-l", "WARNING", "-n", "llm@%h", **environment,
    )  # fmt: skip


def test_a_model_that_hangs_delays_nobody_and_is_asked_once_when_it_is_back(desk: Desk) -> None:
    desk.sql("DELETE FROM triage_llmgate")
    with fake_model(Plan(text="", delay=60)) as model:
        llm = {
            "LLM_PROVIDER": "openai",
            "LLM_MODEL": "tiny",
            "LLM_URL": model.url,
            "LLM_TIMEOUT_SECONDS": "1",
            "LLM_CONCURRENCY": "3",
            "LLM_SWEEP_SECONDS": "1",
            "NO_PROXY": "127.0.0.1",
        }
        desk.start_web()
        desk.start_worker(**llm)
        start_llm_worker(desk, **llm)
        desk.spawn("celery", "-q", "-A", "smartops.beat", "beat", "--pidfile=", **llm)
        desk.open(
            1, "It does not work"
        )  # everything is up when this one is triaged and asked about
        desk.wait_for(lambda: len(model.asked) > 0, 40, "a first question")

        started = time.monotonic()
        ids = desk.open(150, "It does not work")
        desk.wait_until_triaged(20)
        took = time.monotonic() - started

        assert took < 10  # each of these calls would have taken a second
        desk.assert_each_has_exactly_one_result(ids)
        desk.wait_for(
            lambda: desk.count("SELECT count(*) FROM triage_llmgate WHERE failures >= 5") == 1,
            30,
            "the breaker",
        )
        asked = len(model.asked)
        # Time for it to be asked, if it can: that nothing happens has no event to wait for.
        time.sleep(2)
        assert len(model.asked) <= asked + 3  # those that were under way
        assert desk.count("SELECT count(*) FROM triage_llmrequest WHERE state = 'failed'") == 0

        model.plans[:] = [said()]
        desk.sql("UPDATE triage_llmgate SET closed_until = now()")
        desk.wait_for(
            lambda: desk.count("SELECT count(*) FROM triage_llmrequest WHERE state <> 'done'") == 0,
            60,
            "the answers",
        )
        refined = desk.sql(
            """SELECT count(*), count(DISTINCT ticket_id) FROM triage_triagedecision
                WHERE refined AND fallback = '' AND category = 'network'"""
        )
        assert refined == [(151, 151)]
