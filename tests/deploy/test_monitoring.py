"""deploy/prometheus and deploy/grafana: what Prometheus' own programs and our own rules say of the files; that
Prometheus finds what Compose starts, and that every alert has its page."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import compose
from tests.prometheus import program
from workers.queues import WORKERS

BASE = compose.BASE / "deploy"
CONFIG = yaml.safe_load((BASE / "prometheus/prometheus.yml").read_text())
RULES = sorted((BASE / "prometheus/rules").glob("*.yml"))
TESTS = sorted((BASE / "prometheus/tests").glob("*.yml"))
DASHBOARDS = sorted((BASE / "grafana/dashboards").glob("*.json"))
SERVICES = compose.read(dict.fromkeys(compose.variables(), "x" * 32))["services"]


def alerts() -> list[dict[str, Any]]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def promtool(*arguments: Any) -> None:
    done = subprocess.run(
        [program("promtool"), *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_can_read_its_configuration() -> None:
    promtool("check", "config", "--syntax-only", BASE / "prometheus/prometheus.yml")


def test_prometheus_can_read_what_the_page_adds_to_it(tmp_path: Path) -> None:
    page = (compose.BASE / "docs" / "operations.md").read_text()
    blocks = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    [alerting] = [block for block in blocks if "alerting" in block]
    [rules] = [block for block in blocks if "groups" in block]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(CONFIG | alerting))
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))

    promtool("check", "config", "--syntax-only", tmp_path / "prometheus.yml")
    promtool("check", "rules", "--lint=all", "--lint-fatal", tmp_path / "rules.yml")


def test_prometheus_can_read_its_rules() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_rules_pass_their_tests(path: Path) -> None:
    promtool("test", "rules", path)


def test_every_alert_says_how_grave_it_is_what_it_means_and_where_to_read_on() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description", "runbook"}
        page = f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["annotations"]["runbook"] == page


def test_every_alert_has_a_section_and_every_section_its_alert() -> None:
    page = (compose.BASE / "docs" / "operations.md").read_text().split("\n# Alerts\n")[1]
    sections = re.findall(r"^### (\w+)$", page, re.MULTILINE)

    assert sorted(sections) == sorted(rule["alert"] for rule in alerts())
    for _, text in re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL):
        assert len(text.split()) > 20


def test_every_alert_is_shown_to_fire_and_to_be_quiet() -> None:
    shown: Counter[tuple[str, bool]] = Counter()
    for path in TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for one in test.get("alert_rule_test", ()):
                shown[one["alertname"], bool(one["exp_alerts"])] += 1

    for rule in alerts():
        assert shown[rule["alert"], True], rule["alert"]
        assert shown[rule["alert"], False], rule["alert"]


def test_prometheus_asks_every_process_at_its_port() -> None:
    asked: dict[str, int] = {}
    for job in CONFIG["scrape_configs"]:
        for found in job.get("dns_sd_configs", []):
            asked |= dict.fromkeys(found["names"], found["port"])

    for name in WORKERS:
        assert asked.pop(name) == int(SERVICES[name]["environment"]["WORKER_METRICS_PORT"])
    assert asked == {"web": 8000}
    for name in (*WORKERS, "web", "flower"):
        assert set(SERVICES[name]["networks"]) & set(SERVICES["prometheus"]["networks"])


def test_prometheus_has_the_token_where_it_looks_for_it() -> None:
    files = {
        job["authorization"]["credentials_file"]
        for job in CONFIG["scrape_configs"]
        if "authorization" in job
    }

    assert files == {f"/run/secrets/{name}" for name in SERVICES["prometheus"]["secrets"]}


def test_what_is_mounted_is_there() -> None:
    for name, spec in SERVICES.items():
        for volume in spec.get("volumes", []):
            if volume.startswith("./"):
                assert (compose.BASE / volume.split(":")[0]).is_dir(), (name, volume)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_says_what_it_shows_in_which_unit(path: Path) -> None:
    dashboard = json.loads(path.read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]

    assert dashboard["uid"] == f"smartops-{path.stem}"
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in panels:
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    used = set(re.findall(r"\$(?!__rate_interval)\w+", json.dumps(panels)))
    assert used == {f"${variable['name']}" for variable in dashboard["templating"]["list"]}
    assert not overlaps([panel["gridPos"] for panel in dashboard["panels"]])


def overlaps(places: list[dict[str, int]]) -> bool:
    taken: Counter[tuple[int, int]] = Counter(
        (x, y)
        for p in places
        for x in range(p["x"], p["x"] + p["w"])
        for y in range(p["y"], p["y"] + p["h"])
    )
    return any(count > 1 for count in taken.values())


def test_grafana_finds_its_dashboards_and_prometheus() -> None:
    provisioning = BASE / "grafana" / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    mounted = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]

    assert source["url"] == "http://prometheus:9090"
    for path in (provisioning / "dashboards").glob("*.yml"):
        for provider in yaml.safe_load(path.read_text())["providers"]:
            assert provider["options"]["path"] in mounted
    for path in DASHBOARDS:
        named = set(re.findall(r'"uid": "([^"]+)"', path.read_text()))
        assert named == {source["uid"], f"smartops-{path.stem}"}
