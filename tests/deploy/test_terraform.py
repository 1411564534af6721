"""The Terraform files fit together, start what Compose starts, and open no door by mistake.

A parser from PyPI reads the files everywhere. Terraform itself formats, and evaluates the parts, only where it is
installed, also under CI: no package registry has it. The providers, which would validate the resources, come from
a registry that tests do not ask.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import hcl2
import pytest

from deploy import compose
from smartops import run
from workers.queues import WORKERS

FOLDER = compose.BASE / "deploy" / "terraform"
TEXTS = {path.name: path.read_text() for path in FOLDER.glob("*.tf")}
ALL = "\n".join(TEXTS.values())
SERVICES = compose.read(dict.fromkeys(compose.variables(), "x" * 32))["services"]
needs_terraform = pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform here")


def parsed(kind: str) -> list[dict[str, Any]]:
    """Every block of a kind in all files, as the parser reads it."""
    return [block for text in TEXTS.values() for block in hcl2.loads(text).get(kind, [])]


def bare(name: str) -> str:
    return name.strip('"')


def commands() -> dict[str, list[str]]:
    """What each part starts, as the files write it."""
    own = re.findall(r"^ {6}(\w+) = {.*\n +command = (\[.*\])$", TEXTS["parts.tf"], re.MULTILINE)
    variables = {bare(name): body for block in parsed("variable") for name, body in block.items()}
    workers = variables["workers"]["default"]
    return {name: json.loads(words) for name, words in own} | {name: [name] for name in workers}


def terraform(*arguments: str, folder: Path) -> str:
    done = subprocess.run(["terraform", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Terraform makes of parts.tf for the example's variables, with plain texts for secrets' addresses."""
    folder = tmp_path_factory.mktemp("parts")
    parts = re.sub(
        r'aws_secretsmanager_secret\.desk\["(\w+)"\]\.arn', r'"arn:\1"', TEXTS["parts.tf"]
    ).replace('"${"arn:own"}:', '"arn:own:')
    parts = re.sub(r'\$\{"(arn:\w+)"\}', r"\1", parts)
    names = ("parts", "settings", "secrets", "container", "needed")
    outputs = "".join(f'output "{name}" {{\n  value = local.{name}\n}}\n' for name in names)
    (folder / "main.tf").write_text(TEXTS["variables.tf"] + parts + outputs)
    example = (FOLDER / "terraform.tfvars.example").read_text()
    (folder / "terraform.tfvars").write_text(example)
    terraform("init", "-input=false", folder=folder)
    terraform("apply", "-auto-approve", "-input=false", folder=folder)
    answer = json.loads(terraform("output", "-json", folder=folder))
    return {name: answer[name]["value"] for name in names}


@needs_terraform
def test_the_files_are_formatted() -> None:
    terraform("fmt", "-check", "-recursive", folder=FOLDER)


def test_every_variable_is_declared_and_used() -> None:
    declared = {bare(name) for block in parsed("variable") for name in block}
    used = set(re.findall(r"\bvar\.(\w+)", ALL))

    assert used == declared


def test_the_example_sets_what_has_no_default() -> None:
    blocks = [(bare(name), body) for block in parsed("variable") for name, body in block.items()]
    needed = {name for name, body in blocks if "default" not in body}
    example = (FOLDER / "terraform.tfvars.example").read_text()

    assert set(re.findall(r"^(\w+)\s*=", example, re.MULTILINE)) == needed


def test_every_reference_leads_to_something() -> None:
    for kind, prefix in (("resource", ""), ("data", "data.")):
        there = {
            f"{bare(what)}.{bare(name)}"
            for block in parsed(kind)
            for what, body in block.items()
            for name in body
        }
        pattern = rf"(?<![\w.\"]){re.escape(prefix)}((?:aws|random)_\w+\.[a-z]\w*)"
        found = set(re.findall(pattern, re.sub(r"#.*|\"[^\"$]*\"", "", ALL)))
        assert found, kind
        assert found <= there, found - there
    names = {bare(name) for block in parsed("locals") for name in block}
    assert set(re.findall(r"\blocal\.(\w+)", ALL)) <= names


def test_the_image_may_not_be_whatever_is_newest() -> None:
    assert ":latest" in TEXTS["variables.tf"]  # the validation that refuses it
    assert not re.search(r"image\s*=\s*\"", TEXTS["parts.tf"])


def test_nothing_is_open_to_everybody_unless_somebody_says_so() -> None:
    inward = TEXTS["network.tf"].split("resource ")
    rules = [block for block in inward if "ingress_rule" in block.split("{")[0]]

    assert rules
    for rule in rules:
        assert "0.0.0.0/0" not in rule
    assert not re.search(r'variable "allowed_cidrs" {[^}]*default', TEXTS["variables.tf"])
    assert "assign_public_ip = false" in TEXTS["ecs.tf"]


def test_the_broker_forgets_nothing_and_everything_is_encrypted() -> None:
    assert re.search(r'"maxmemory-policy"\s+value = "noeviction"', TEXTS["data.tf"])
    for line in ("transit_encryption_enabled = true", "at_rest_encryption_enabled = true"):
        assert line in TEXTS["data.tf"]
    assert re.search(r"storage_encrypted\s+= true", TEXTS["data.tf"])
    assert '"rds.force_ssl"' in TEXTS["data.tf"]
    assert "rediss://" in TEXTS["keys.tf"]


@needs_terraform
def test_terraform_finds_the_parts_that_are_written(evaluated: dict[str, Any]) -> None:
    assert {name: part["command"] for name, part in evaluated["parts"].items()} == commands()


def test_the_parts_are_those_of_the_compose_file() -> None:
    ours = {name for name, spec in SERVICES.items() if spec["image"].startswith("smartops:")}

    assert {*commands(), "migrate"} == ours
    for name, words in commands().items():
        assert run.command(words) == run.command(SERVICES[name]["command"][3:])
    assert 'command      = ["python", "-m", "smartops.run", "migrate"]' in TEXTS["ecs.tf"]


@needs_terraform
def test_a_part_is_checked_and_may_finish_as_under_compose(evaluated: dict[str, Any]) -> None:
    for name, part in evaluated["parts"].items():
        test = SERVICES[name]["healthcheck"]["test"]
        words = test[1] if test[0] == "CMD-SHELL" else test[3]
        if name == "web":  # ECS replaces what fails: not for a database that is away
            words = words.replace("/health/ready", "/health/live")
        assert words in part["check"], name
        assert part["stop"] <= 120  # Fargate's most
        if name in WORKERS:
            assert f"{part['stop']}s" == SERVICES[name]["stop_grace_period"]


@needs_terraform
def test_settings_and_secrets_are_known_and_none_is_missing(evaluated: dict[str, Any]) -> None:
    example = (compose.BASE / ".env.example").read_text()
    given = {*evaluated["settings"], *evaluated["secrets"]}
    monitors = {"FLOWER_URL", "GRAFANA_URL"}  # whose addresses only Compose knows

    for name in given:
        assert f"{name}=" in example, name
    web = {name for name, value in SERVICES["web"]["environment"].items() if value}
    assert web - monitors <= given
    assert "FLOWER_BASIC_AUTH" in given
    assert not set(evaluated["settings"]) & set(evaluated["secrets"])
    assert evaluated["secrets"]["SECRET_KEY"] == "arn:own:SECRET_KEY::"
    assert evaluated["secrets"]["REDIS_URL"] == "arn:addresses:REDIS_URL::"


@needs_terraform
def test_a_part_gets_only_the_secrets_that_it_needs(evaluated: dict[str, Any]) -> None:
    needed = {name: {one["name"] for one in found} for name, found in evaluated["needed"].items()}

    assert needed["flower"] == {"FLOWER_BASIC_AUTH", "REDIS_URL"}
    for name in {*evaluated["parts"], "migrate"} - {"flower"}:
        assert needed[name] == set(evaluated["secrets"]) - {"FLOWER_BASIC_AUTH"}, name
    assert TEXTS["ecs.tf"].count("secrets      = local.needed[") == 2


def test_no_scaling_takes_a_worker_away_that_runs_something_long() -> None:
    assert 'part.max > part.min && name != "reports"' in TEXTS["ecs.tf"]


@needs_terraform
def test_a_container_is_confined(evaluated: dict[str, Any]) -> None:
    container = evaluated["container"]

    assert container["user"] == "10001:10001"
    assert container["readonlyRootFilesystem"] is True
    assert container["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    assert 'VOLUME ["/tmp"]' in (compose.BASE / "Dockerfile").read_text()


@needs_terraform
def test_what_fargate_offers_is_asked_for(evaluated: dict[str, Any]) -> None:
    offered = {256: range(512, 2049, 512), 512: range(1024, 4097, 1024), 1024: range(2048, 8193)}
    for name, part in evaluated["parts"].items():
        assert part["memory"] in offered[part["cpu"]], name
        assert part["min"] <= part["max"]
        if name in ("beat", "flower"):
            assert part["max"] == 1
