"""The configuration file comes into force when it changes, once, and never halfway."""

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client

from sla import filewatch, promises
from sla.document import Calendar, PolicyDocument
from sla.filewatch import FileWatch
from sla.models import BusinessCalendar, ConfigFile, SlaPolicy, SlaPolicyVersion
from sla.services import config as service
from sla.services import planning
from sla.services.calendars import save_calendar
from sla.services.config import RETRY, apply_file, config_findings, load_config, plan_file
from sla.services.policies import publish
from sla.services.retargeting import Move
from sla.tasks import load_config as task
from sla.yamlfile import MOST_BYTES, WrongFile
from tests.factories import NOON
from tickets.models import Department

pytestmark = pytest.mark.django_db


def policies(*names: str, resolution: str = "4h", **more: str) -> str:
    extra = "".join(f"  {key}: {value}\n" for key, value in more.items())
    return "policies:\n" + "".join(
        f"- name: {name}\n  tiers: {{gold: {{P1: {{resolution: {resolution}}}}}}}\n{extra}"
        for name in names
    )


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filewatch, "SETTLE_SECONDS", 0.0)


@pytest.fixture
def file(tmp_path: Path, settings: Any) -> Path:
    path = tmp_path / "sla.yaml"
    settings.SLA_CONFIG_FILE = str(path)
    return path


@pytest.fixture
def worker(file: Path) -> Any:
    """One process that loads the file."""
    watch = FileWatch(MOST_BYTES)

    def load(now: datetime = NOON) -> bool:
        return load_config(path=file, now=now, watch=watch)

    return load


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def held() -> list[str]:
    promises.forget()
    return [promise.policy for promise in promises.current().promises]


def replaced(path: Path, text: str) -> None:
    """As editors and `git checkout` save: a new file is renamed over the old one."""
    other = path.with_suffix(".new")
    other.write_text(text)
    os.replace(other, path)


def test_a_new_file_comes_into_force_before_the_policies_of_people(file: Path, worker: Any) -> None:
    file.write_text(policies("A", "B"))

    assert worker()
    assert held() == ["A", "B", "Default"]
    assert set(SlaPolicy.objects.filter(name__in="AB").values_list("source", flat=True)) == {"file"}
    row = ConfigFile.objects.get()
    assert (row.path, row.error, row.changes) == (str(file), "", ["policy A new", "policy B new"])


def test_the_tick_reads_the_configured_file(file: Path) -> None:
    file.write_text(policies("A"))

    assert task.run()
    assert held() == ["A", "Default"]


@pytest.mark.parametrize(
    "how", ["written", "renamed over", "behind a swapped link", "touched alike"]
)
def test_a_changed_file_is_noticed_however_it_is_changed(
    how: str, file: Path, worker: Any, tmp_path: Path
) -> None:
    first, second = policies("A"), policies("B")
    if how == "behind a swapped link":  # as Kubernetes mounts a ConfigMap
        for name, text in (("1", first), ("2", second)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "sla.yaml").write_text(text)
        (tmp_path / "..data").symlink_to("1")
        file.symlink_to("..data/sla.yaml")
    else:
        file.write_text(first)
    assert worker()

    if how == "written":
        file.write_text(second)
    elif how == "renamed over":
        replaced(file, second)
    elif how == "behind a swapped link":
        (tmp_path / "new").symlink_to("2")
        os.replace(tmp_path / "new", tmp_path / "..data")
    else:  # the same size, the same time of change
        seen = file.stat()
        replaced(file, second)
        os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))

    assert worker()
    assert held() == ["B", "Default"]


def test_the_same_content_is_applied_once_whoever_sees_it(file: Path, worker: Any) -> None:
    file.write_text(policies("A"))
    other = FileWatch(MOST_BYTES)

    assert [worker(), worker(), load_config(path=file, now=NOON, watch=other)] == [
        True,
        False,
        False,
    ]
    replaced(file, policies("A"))
    assert not worker()
    assert SlaPolicyVersion.objects.filter(policy__name="A").count() == 1


def test_a_machine_that_still_has_the_old_file_does_not_bring_it_back(
    file: Path, worker: Any
) -> None:
    file.write_text(policies("Old"))
    elsewhere = FileWatch(MOST_BYTES)
    load_config(path=file, now=NOON, watch=elsewhere)
    old = elsewhere.look(file)
    replaced(file, policies("New"))
    worker()

    elsewhere.look = lambda path: old  # type: ignore[method-assign]
    assert not load_config(path=file, now=NOON, watch=elsewhere)
    assert held() == ["New", "Default"]


def test_a_file_that_is_being_written_waits_for_the_next_look(
    file: Path, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("policies:\n")

    def goes_on(_: float) -> None:
        file.write_text(policies("A"))
        monkeypatch.undo()

    monkeypatch.setattr(filewatch.time, "sleep", goes_on)
    assert not worker()
    assert not ConfigFile.objects.exists()


def test_what_leaves_the_file_is_disabled_and_comes_back_with_it(file: Path, worker: Any) -> None:
    file.write_text(policies("A", "B"))
    worker()
    replaced(file, policies("B"))
    worker()
    assert held() == ["B", "Default"]
    assert SlaPolicy.objects.filter(name="A", enabled=False).exists()

    replaced(file, "# nothing\n")
    worker()
    assert held() == ["Default"]

    replaced(file, policies("A"))
    worker()
    assert held() == ["A", "Default"]
    assert SlaPolicyVersion.objects.filter(policy__name="A").count() == 1


def test_a_desk_without_a_file_is_fine(worker: Any) -> None:
    assert not worker()
    assert config_findings() == []
    assert ConfigFile.objects.get().digest == ""


@pytest.mark.parametrize("gone", ["deleted", "emptied", "a folder"])
def test_a_file_that_goes_missing_changes_nothing(gone: str, file: Path, worker: Any) -> None:
    file.write_text(policies("A"))
    worker()

    file.unlink()
    if gone == "emptied":
        file.touch()
    elif gone == "a folder":
        file.mkdir()

    assert not worker()
    assert held() == ["A", "Default"]
    assert bool(config_findings()) is (gone != "deleted")


def test_an_invalid_file_changes_nothing_and_says_line_and_reason_once(
    file: Path, worker: Any, logged: list[Any]
) -> None:
    file.write_text(policies("A"))
    worker()
    replaced(file, policies("B", resolution="soon"))

    for minutes in range(3):
        assert not worker(NOON + minutes * 2 * RETRY)
    assert not load_config(path=file, now=NOON, watch=FileWatch(MOST_BYTES))

    assert held() == ["A", "Default"]
    [entry] = [entry for entry in logged if entry["log_level"] == "error"]
    assert (entry["line"], entry["path"]) == (3, str(file))
    assert "'soon' is not a length of time" in entry["error"]
    [finding] = config_findings()
    assert finding.startswith(f"{file} is not applied: line 3, column ")
    assert finding in Client().get("/health").json()["findings"]


def test_a_mended_file_comes_into_force_and_the_finding_goes(file: Path, worker: Any) -> None:
    file.write_text("policies: 3")
    worker()
    assert config_findings()

    replaced(file, policies("A"))
    assert worker()
    assert config_findings() == []


def test_a_refused_file_is_tried_again_when_what_it_lacked_may_be_there(
    file: Path, worker: Any, logged: list[Any]
) -> None:
    file.write_text(policies("A", departments="[Moon base]"))
    worker()
    [finding] = config_findings()
    assert "line 4, column " in finding
    assert "There is no department 'Moon base'" in finding

    Department.objects.create(name="Moon base")
    assert not worker(NOON + RETRY / 2)
    assert worker(NOON + RETRY + timedelta(seconds=1))
    assert held() == ["A", "Default"]


def test_an_error_in_the_last_policy_leaves_nothing(file: Path) -> None:
    content = "calendars:\n  C: {}\n" + policies("A", "B", "Default")

    with pytest.raises(WrongFile, match=r"line 8, column .*'Default' is kept in the admin"):
        apply_file(content=content.encode(), path=file, actor="x", now=NOON)
    assert not SlaPolicy.objects.filter(name__in="AB").exists()
    assert not BusinessCalendar.objects.filter(name="C").exists()


def test_a_failure_while_writing_leaves_nothing(
    file: Path, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("calendars:\n  C: {}\n" + policies("A", "B"))

    def fails(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(SlaPolicyVersion.objects, "bulk_create", fails)
        with pytest.raises(RuntimeError):
            worker()
    assert not SlaPolicy.objects.filter(name="A").exists()
    assert not BusinessCalendar.objects.filter(name="C").exists()

    assert worker()  # it is not taken as dealt with
    assert held() == ["A", "B", "Default"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("calendars:\n  24x7: {}\n", "line 2, column .*'24x7' is kept in the admin"),
        (
            policies("A", calendar="Mars"),
            "line 4, column .*There is no calendar 'Mars'. Known: 24x7",
        ),
        (policies("A", levels="[{at: 5, assign_group: Nobody}]"), "There is no group 'Nobody'"),
    ],
)
def test_names_that_do_not_fit_are_refused_with_their_lines(
    text: str, words: str, file: Path
) -> None:
    with pytest.raises(WrongFile, match=words):
        plan_file(content=text.encode(), now=NOON)


def test_policies_of_the_file_may_use_its_calendars_and_those_of_the_admin(
    file: Path, worker: Any
) -> None:
    file.write_text(
        "calendars:\n  Oslo: {time_zone: Europe/Oslo}\n"
        + policies("A", calendar="Oslo")
        + policies("B", calendar="Business hours").removeprefix("policies:\n")
    )
    worker()

    documents = {
        v.policy.name: v.read() for v in SlaPolicyVersion.objects.exclude(policy__name="Default")
    }
    assert documents["A"].calendar.time_zone == "Europe/Oslo"
    assert documents["B"].calendar.hours["mon"] == [(540, 1020)]


def test_a_calendar_that_left_the_file_is_kept_while_it_is_used(file: Path, worker: Any) -> None:
    file.write_text("calendars:\n  Used: {}\n  Unused: {}\n")
    worker()
    used = Calendar(name="Used")
    document = PolicyDocument.model_validate({"tiers": {"gold": {"P1": {"resolution": 5}}}})
    with_used = document.model_copy(update={"calendar": used})
    publish(name="Mine", document=with_used, actor="ada", now=NOON)

    replaced(file, "# nothing\n")
    worker()

    names = set(BusinessCalendar.objects.values_list("name", flat=True))
    assert names == {"24x7", "Business hours", "Used"}


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Three deadlines of two tickets that any change would move; and the calls that moved them."""
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    found = [
        Move(1, "resolution", now + 4 * hour, now + 2 * hour),
        Move(1, "first_response", now + hour, now - hour),
        Move(2, "resolution", now, now + 2 * hour),
        Move(3, "resolution", now, now),
    ]
    calls: list[Any] = []

    def move(**given: Any) -> int:
        calls.append(given)
        return 2

    monkeypatch.setattr(planning, "preview_moves", lambda *, policies: iter(found))
    monkeypatch.setattr(service, "move_open_clocks", move)
    return calls


def run(*args: Any) -> str:
    out = StringIO()
    call_command("sla", *args, stdout=out, stderr=out)
    return out.getvalue()


def test_plan_prints_what_would_change_and_writes_nothing(
    file: Path, worker: Any, moves: list[Any]
) -> None:
    file.write_text(policies("A", "B"))
    worker()
    file.write_text(policies("A", resolution="2h") + policies("C").removeprefix("policies:\n"))
    before = [list(model.objects.values()) for model in (SlaPolicy, SlaPolicyVersion, ConfigFile)]

    with connection.execute_wrapper(_only_reads):
        text = run("plan", file)

    assert "policy A: changed\n    tiers.gold.P1.resolution: 4h → 2h\n" in text
    assert "policy B: disabled\n" in text
    assert "policy C: new\n" in text
    assert (
        "2 open tickets' deadlines would move: 2 earlier, 1 later; 1 would be breached at once.\n"
        in text
    )
    assert "unless it is applied with --move-open" in text
    after = [list(model.objects.values()) for model in (SlaPolicy, SlaPolicyVersion, ConfigFile)]
    assert before == after
    assert moves == []


def _only_reads(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    assert sql.lstrip().upper().startswith("SELECT"), sql
    return execute(sql, params, many, context)


def test_plan_of_what_holds_already_says_so(file: Path, worker: Any) -> None:
    file.write_text(policies("A"))
    worker()

    assert run("plan", file) == "Nothing would change.\n"


def test_plan_shows_the_policies_that_a_changed_calendar_reaches(
    file: Path, moves: list[Any]
) -> None:
    file.write_text("calendars:\n  C: {}\n" + policies("A", calendar="C"))
    apply_file(content=file.read_bytes(), path=file, actor="x", now=NOON)
    replaced(file, "calendars:\n  C: {hours: {mon: 09:00-17:00}}\n" + policies("A", calendar="C"))

    text = run("plan", file)
    assert "calendar C: changed\n    hours.mon: – → 09:00-17:00\n" in text
    assert "policy A: changed\n    calendar: C → C, as changed\n" in text
    assert "because a calendar changes" in text


@pytest.mark.parametrize(("flag", "calls"), [([], 0), (["--move-open"], 1)])
def test_apply_puts_the_file_in_force_and_moves_open_tickets_when_asked(
    flag: list[str], calls: int, file: Path, worker: Any, moves: list[Any]
) -> None:
    file.write_text(policies("A"))

    text = run("apply", file, *flag)

    assert "policy A: new\n" in text
    assert f"The deadlines of {2 * calls} open tickets moved." in text
    assert held() == ["A", "Default"]
    assert len(moves) == calls
    assert not worker()  # the workers know


def test_a_changed_calendar_moves_open_tickets_along(
    file: Path, worker: Any, moves: list[Any]
) -> None:
    file.write_text("calendars:\n  C: {}\n" + policies("A", calendar="C"))
    worker()
    assert moves == []

    replaced(file, "calendars:\n  C: {country: NO}\n" + policies("A", calendar="C"))
    worker()
    assert [call["actor"] for call in moves] == ["sla.yaml"]


def test_an_invalid_file_ends_the_command_with_1_and_its_lines(file: Path, capsys: Any) -> None:
    file.write_text("tiers:\n  gold:\n    P1: {resolution: -3}\n")

    for what in ("plan", "apply"):
        with pytest.raises(SystemExit) as ended:
            run(what, file)
        assert ended.value.code == 1
    assert not SlaPolicy.objects.filter(name="File").exists()


def test_a_missing_file_and_a_missing_word_are_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        run("plan", tmp_path / "none.yaml")
    assert caught.value.returncode == 2
    with pytest.raises(CommandError):
        run("what")


def test_the_shipped_file_changes_nothing() -> None:
    shipped = Path(__file__).parents[2] / "config" / "sla.yaml"

    assert plan_file(content=shipped.read_bytes(), now=NOON).changes == ()


def test_an_edit_in_the_admin_of_a_calendar_reaches_the_policies_of_the_file(
    file: Path, worker: Any
) -> None:
    file.write_text(policies("A", calendar="Business hours"))
    worker()
    hours = BusinessCalendar.objects.get(name="Business hours")
    changed = hours.document().model_copy(update={"time_zone": "Europe/Berlin"})

    save_calendar(calendar=changed, calendar_id=hours.pk, actor="ada", now=NOON)

    newest = SlaPolicyVersion.objects.filter(policy__name="A").latest("number")
    assert newest.read().calendar.time_zone == "Europe/Berlin"
    assert run("plan", file) == "Nothing would change.\n"


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_see_a_new_file_at_once_apply_it_once(file: Path) -> None:
    BusinessCalendar.objects.get_or_create(name="24x7")
    file.write_text(policies("A", "B"))
    start, results = threading.Barrier(4), []

    def load() -> None:
        try:
            watch = FileWatch(MOST_BYTES)
            watch.look(file)
            start.wait()
            results.append(load_config(path=file, now=NOON, watch=watch))
        finally:
            connection.close()

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == [False, False, False, True]
    assert SlaPolicyVersion.objects.filter(policy__name__in="AB").count() == 2
