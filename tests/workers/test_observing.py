"""Tasks that were lost with their process are counted once each."""

from types import SimpleNamespace
from uuid import uuid4

from billiard.exceptions import TimeLimitExceeded, WorkerLostError

from workers import observing


def counted(name: str) -> float:
    return observing.TASKS.labels(name, "lost")._value.get()


def test_a_task_that_ran_too_long_is_counted_once_though_it_is_told_twice() -> None:
    task, one, other = SimpleNamespace(name=str(uuid4())), str(uuid4()), str(uuid4())

    for task_id in (one, one, other):
        observing.lost(sender=task, task_id=task_id, exception=TimeLimitExceeded(1))

    assert counted(task.name) == 2


def test_a_task_is_lost_with_its_process_but_not_by_an_error_of_its_own() -> None:
    task = SimpleNamespace(name=str(uuid4()))

    observing.lost(sender=task, task_id=str(uuid4()), exception=ValueError("no"))
    observing.lost(sender=task, task_id=str(uuid4()), exception=WorkerLostError("gone"))

    assert counted(task.name) == 1


def test_only_the_latest_lost_tasks_are_remembered() -> None:
    task = SimpleNamespace(name=str(uuid4()))

    for _ in range(observing._MOST_LOST + 10):
        observing.lost(sender=task, task_id=str(uuid4()), exception=WorkerLostError("gone"))

    assert len(observing._LOST) == observing._MOST_LOST
