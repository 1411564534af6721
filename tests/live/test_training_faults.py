"""The worker that trains dies; the training does not."""

import signal
import subprocess

from tests.live.desk import LEASE_SECONDS, Desk

LABELLED = """
from tests.triage.learning import in_turn, label_many
from triage.services import request_training
label_many(in_turn("1", "3", times=150), field="urgency")
request_training(field="urgency", requested_by="ada")
"""


def start_reports(desk: Desk) -> subprocess.Popen[bytes]:
    return desk.spawn(
        *("celery", "-q", "-A", "smartops", "worker", "-Q", "reports", "-c", "1"),
        *("--without-gossip", "--without-mingle", "-l", "WARNING"),
        *("-n", f"reports{len(desk.processes)}@%h"),
        TRAINING_LEASE_SECONDS=str(LEASE_SECONDS),
    )


def begin_training(desk: Desk, *, times: int) -> None:
    made = desk.run_python(LABELLED.replace("150", str(times)))
    assert made.returncode == 0, made.stderr
    desk.wait_for(
        lambda: desk.count("SELECT count(*) FROM triage_trainingrun WHERE progress > 0") == 1,
        40,
        "a training",
        step=0.02,
    )


def test_a_worker_that_is_stopped_while_it_trains_gives_the_run_back_with_its_attempt(
    desk: Desk,
) -> None:
    desk.sql("DELETE FROM triage_trainingrun")
    try:
        trainer = start_reports(desk)
        begin_training(desk, times=4000)

        trainer.send_signal(signal.SIGTERM)  # as a deploy does: to its main process alone

        desk.wait_for(
            lambda: (
                desk.sql("SELECT state::text, attempts FROM triage_trainingrun") == [("pending", 0)]
            ),
            15,
            "the run's return",
        )
    finally:
        desk.stop_processes()
        clean(desk)


def test_a_worker_killed_while_it_trains_leaves_one_model_and_a_run_that_is_done(
    desk: Desk,
) -> None:
    desk.sql("DELETE FROM triage_trainingrun")
    try:
        desk.start_beat()
        desk.start_worker()
        trainer = start_reports(desk)
        begin_training(desk, times=600)

        desk.kill_tree(trainer)
        assert desk.sql("SELECT state::text FROM triage_trainingrun") == [("running",)]
        start_reports(desk)

        desk.wait_for(
            lambda: desk.count("SELECT count(*) FROM triage_trainingrun WHERE state = 'done'") == 1,
            60,
            "the end of the training",
        )
        [(attempts, progress, model)] = desk.sql(
            "SELECT attempts, progress, model_id FROM triage_trainingrun"
        )
        assert (attempts, progress) == (2, 100)
        kept = desk.sql("SELECT id FROM triage_classifiermodel WHERE field = 'urgency'")
        assert kept == [(model,)]
    finally:
        desk.stop_processes()
        clean(desk)


def clean(desk: Desk) -> None:
    desk.sql("DELETE FROM triage_trainingrun")
    desk.sql("DELETE FROM triage_shadowprediction")
    desk.sql(
        "DELETE FROM triage_promotion USING triage_classifiermodel model"
        " WHERE model.id = model_id AND model.field = 'urgency'"
    )
    desk.sql("DELETE FROM triage_classifiermodel WHERE field = 'urgency'")
