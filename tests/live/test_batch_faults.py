"""Workers die in the middle of a batch; the batch ends all the same."""

from typing import Any

from tests.live.desk import Desk

BATCHES = "/api/v1/triage-batches/"
COUNT = 2000


def test_a_batch_outlives_its_worker_and_decides_every_ticket_once(desk: Desk) -> None:
    worker = desk.start()
    ids = desk.open(COUNT, "Printer jam")
    desk.wait_until_triaged(120)
    desk.sql("UPDATE tickets_ticket SET title = 'SLOW printer' WHERE id %% 5 = 0")

    status, answer = desk.post(BATCHES, {"filters": {"q": "printer"}})
    assert (status, answer["total_items"]) == (202, COUNT)
    number = answer["batch"]["id"]

    def batch() -> Any:
        return desk.get(f"{BATCHES}{number}/")[1]

    desk.wait_for(lambda: batch()["done"] > 0 and batch()["running"] > 0, 60, "a first chunk")
    desk.kill_tree(worker)
    assert batch()["status"] in ("QUEUED", "RUNNING")
    desk.start_worker()

    desk.wait_for(lambda: batch()["status"] == "DONE", 120, "the end of the batch")
    ended = batch()
    assert (ended["done"], ended["failed"], ended["percent"]) == (COUNT, 0, 100)
    rows = desk.sql(
        """SELECT job.ticket_id, count(decision.id) FROM triage_triagejob job
             JOIN triage_triagedecision decision ON decision.job_id = job.id
            WHERE job.batch_id = %s GROUP BY 1""",
        number,
    )
    assert dict(rows) == dict.fromkeys(ids, 1)
    desk.wait_for(
        lambda: desk.count("SELECT count(*) FROM triage_triagebatch WHERE state = 'done'") == 1,
        20,
        "the note of the end",
    )
