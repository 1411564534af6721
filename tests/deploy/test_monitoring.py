"""Prometheus finds what Compose starts, and every alert has its page."""

import re

import yaml

from deploy import compose
from workers.queues import WORKERS

FOLDER = compose.BASE / "deploy" / "prometheus"
CONFIG = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
SERVICES = compose.read(dict.fromkeys(compose.variables(), "x" * 32))["services"]


def alerts() -> list[dict[str, str]]:
    return [
        rule
        for path in sorted((FOLDER / "rules").glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


def test_every_alert_has_a_section_and_every_section_its_alert() -> None:
    page = (compose.BASE / "docs" / "operations.md").read_text().split("\n# Alerts\n")[1]
    sections = re.findall(r"^### (\w+)$", page, re.MULTILINE)

    assert sorted(sections) == sorted(rule["alert"] for rule in alerts())
    for _, text in re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL):
        assert len(text.split()) > 20


def test_every_alert_leads_to_its_section() -> None:
    for rule in alerts():
        url = rule["annotations"]["runbook_url"]  # type: ignore[index]
        assert url == f"docs/operations.md#{rule['alert'].lower()}"


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


def test_grafana_finds_its_dashboards_and_prometheus() -> None:
    provisioning = compose.BASE / "deploy" / "grafana" / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    mounted = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]

    assert source["url"] == "http://prometheus:9090"
    for path in (provisioning / "dashboards").glob("*.yml"):
        for provider in yaml.safe_load(path.read_text())["providers"]:
            assert provider["options"]["path"] in mounted
