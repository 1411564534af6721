"""Every panel's query and every rule, asked of a real Prometheus that scrapes a real desk at work."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from smartops.embedded import kept_port
from tests.live.desk import DIRECT, Desk
from tests.live.test_notifications import ALLOWED, make_channels
from tests.live.test_sla_faults import publish
from tests.prometheus import program
from tests.sla.receivers import receiver

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
RULES = sorted((DEPLOY / "prometheus/rules").glob("*.yml"))
WORKERS = {"core": "sla,default,alerts,triage,bulk", "io": "notify,watch", "reports": "reports"}
SECONDS = 45.0

#: What a desk that is well and young tells nothing of, and why its panel is rightly empty.
EMPTY = {
    "ALERTS": "nothing is wrong",
    "smartops_triage_drift_index": "a day of five tickets says nothing",
    "smartops_schedule_last_run_timestamp_seconds": "beat writes it down every three minutes",
    "smartops_triage_override_ratio": "nobody has looked at a day's answers",
    "smartops_llm_calls_total": "the model's worker does not run",
    "smartops_llm_call_duration_seconds_bucket": "the model's worker does not run",
    "smartops_llm_cost_dollars_total": "the model's worker does not run",
}
#: A language model that nobody asks.
MODEL = {"LLM_PROVIDER": "ollama", "LLM_MODEL": "none", "LLM_URL": "http://127.0.0.1:9"}


class Prometheus:
    def __init__(self, desk: Desk, targets: dict[str, list[dict[str, Any]]]) -> None:
        self.port = kept_port(desk.root / "prometheus-port")
        config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(path) for path in RULES]
        for job in config["scrape_configs"]:
            job.pop("dns_sd_configs", None)
            if job["job_name"] in targets:
                job["static_configs"] = targets[job["job_name"]]
            if job["job_name"] == "worker":
                job["relabel_configs"] = []  # the label is that of the target
            if "authorization" in job:
                token = desk.root / "var" / "metrics_token"
                job["authorization"]["credentials_file"] = str(token)
            if job["job_name"] == "prometheus":
                job["static_configs"] = [{"targets": [f"127.0.0.1:{self.port}"]}]
        file = desk.root / "prometheus.yml"
        file.write_text(yaml.safe_dump(config))
        self.log = (desk.root / "prometheus.log").open("wb")
        self.process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={file}",
                f"--storage.tsdb.path={desk.root / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            stdout=self.log,
            stderr=self.log,
        )

    def get(self, path: str, **parameters: str) -> Any:
        address = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urlencode(parameters)}"
        with DIRECT.open(address, timeout=20) as answer:
            return json.load(answer)["data"]

    def ask(self, query: str) -> list[Any]:
        query = query.replace("$__rate_interval", "1m")
        found: list[Any] = self.get("query", query=query)["result"]
        return found

    def is_up(self) -> bool:
        try:
            targets = self.get("targets")["activeTargets"]
            return bool(targets) and all(target["health"] == "up" for target in targets)
        except OSError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


def queries() -> dict[str, str]:
    """What each panel asks, by where it stands."""
    return {
        f"{path.stem}: {panel['title']} {target['refId']}": target["expr"]
        for path in DASHBOARDS
        for panel in json.loads(path.read_text())["panels"]
        for target in panel.get("targets", ())
    }


def rules() -> dict[str, str]:
    found = [
        rule
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]
    return {rule.get("alert") or rule["record"]: rule["expr"] for rule in found}


def named(expression: str) -> set[str]:
    """The metrics of which an expression speaks."""
    bare = re.sub(r'"[^"]*"', "", expression)
    return set(
        re.findall(r"\b(?:smartops|django|process|flower|python)[_:][\w:]+|\bALERTS\b|\bup\b", bare)
    )


@pytest.fixture
def watched(desk: Desk) -> Iterator[tuple[Desk, Prometheus]]:
    program("prometheus")
    before = dict(desk.environment)
    desk.environment |= {**ALLOWED, **MODEL}
    desk.stop_web()
    targets: dict[str, list[dict[str, Any]]] = {"worker": []}
    publish(desk, "2s", [{"at": 50}, {"at": 100}])
    desk.start_web()
    desk.start_beat()
    for name, queues in WORKERS.items():
        port = kept_port(desk.root / f"metrics-{name}")
        desk.spawn(
            *("smartops.lean", "-q", "-A", "smartops", "worker", "-Q", queues, "-n", f"{name}@%h"),
            *("-c", "2", "-P", "threads" if name == "io" else "prefork", "-l", "WARNING"),
            *("--without-gossip", "--without-mingle"),
            WORKER_METRICS_PORT=str(port),
            WORKER_METRICS_HOST="127.0.0.1",
        )
        targets["worker"].append({"targets": [f"127.0.0.1:{port}"], "labels": {"worker": name}})
    flower = kept_port(desk.root / "flower-port")
    desk.spawn(
        *("celery", "-q", "-A", "smartops.flower", "flower", f"--port={flower}"),
        *("--address=127.0.0.1", "--logging=ERROR"),
        FLOWER_BASIC_AUTH="a:b",
    )
    targets["web"] = [{"targets": [f"127.0.0.1:{desk.port}"]}]
    targets["flower"] = [{"targets": [f"127.0.0.1:{flower}"]}]
    prometheus = Prometheus(desk, targets)
    try:
        desk.wait_for(prometheus.is_up, 40, "every target")
        yield desk, prometheus
    finally:
        prometheus.stop()
        desk.stop_web()  # the next test's has no model
        desk.environment = before


def make_traffic(desk: Desk) -> None:
    """A little of everything that panels show."""
    ids = desk.open(5)
    desk.get("/api/v1/tickets/")
    desk.post("/api/v1/intake/generic/", {})  # without a key: refused, and counted
    desk.wait_until_triaged()
    desk.wait_for(
        lambda: desk.count("SELECT count(*) FROM sla_deliveryattempt") > 0, 20, "a message"
    )
    done = desk.run_python(
        f"""
from datetime import datetime, UTC
from triage import services as triage
from triage.models import Correction
triage.measure_drift(days=[datetime.now(UTC).date()], now=datetime.now(UTC))
Correction.objects.create(ticket_id={ids[0]}, field="category", value="network", agreed=False, via="review",
                          by="live", at=datetime.now(UTC))
"""
    )
    assert done.returncode == 0, done.stderr
    status, answer = desk.post(
        f"/api/v1/tickets/{ids[1]}/status/", {"status": "resolved"}, method="PUT"
    )
    assert status == 200, answer


def test_every_panel_shows_something_and_every_rule_can_be_computed(
    watched: tuple[Desk, Prometheus],
) -> None:
    desk, prometheus = watched
    with receiver() as there:
        make_channels(desk, {"pager": there.url})
        make_traffic(desk)
        wanted = {**queries(), **{k: v for k, v in rules().items() if ":" in k}}
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            wanted = {where: query for where, query in wanted.items() if not prometheus.ask(query)}
            if all(named(query) & EMPTY.keys() for query in wanted.values()):
                break
            time.sleep(1)

    assert {w: q for w, q in wanted.items() if not named(q) & EMPTY.keys()} == {}
    known = set(prometheus.get("label/__name__/values"))
    families = set(re.findall(r"^# TYPE (\S+)", desk.metrics(), re.MULTILINE))
    assert {name.removesuffix("_bucket") for name in EMPTY} - families == {"ALERTS"}
    for where, query in {**queries(), **rules()}.items():
        missing = named(query) - known - EMPTY.keys()
        assert not missing, (where, missing)
    told = [r for group in prometheus.get("rules")["groups"] for r in group["rules"]]
    assert len(told) == len(rules())
    assert [(r["name"], r["lastError"]) for r in told if r["health"] != "ok"] == []
    assert [r["name"] for r in told if r.get("state") == "firing"] == []
