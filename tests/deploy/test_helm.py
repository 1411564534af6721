"""The Helm chart renders to what Kubernetes takes, starts what Compose starts, and asks for no rights."""

from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from django.conf import settings
from gotpl import TemplateError

from deploy import chart, compose
from smartops import run
from workers.queues import WORKERS

BASE = compose.BASE
NEEDED = {
    "SECRET_KEY": "k" * 40,
    "DATABASE_URL": "postgresql://d",
    "REDIS_URL": "redis://r",
    "METRICS_TOKEN": "m",
    "FLOWER_BASIC_AUTH": "a:b",
}
EVERYTHING = {
    "secrets": {**NEEDED, "REDIS_PASSWORD": "p"},
    "slaConfig": "policies: []\n",
    "keda": {"enabled": True, "redisAddress": "redis:6379"},
    "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "ingress": {"enabled": True},
    "imagePullSecrets": [{"name": "registry"}],
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "desk", "operator": "Exists"}],
    "podAnnotations": {"note": "yes"},
}
VARIANTS = {
    "with what must be given": {"secrets": NEEDED},
    "with everything": EVERYTHING,
    "with another's secret": {"existingSecret": "desk", "image": {"digest": "sha256:" + "0" * 64}},
    "with RabbitMQ": {"existingSecret": "desk", "keda": {"enabled": True, "broker": "rabbitmq"}},
    "with as little as possible": {
        "existingSecret": "desk",
        "flower": {"enabled": False},
        "networkPolicy": {"enabled": False},
        "web": {"autoscaling": {"enabled": False}},
    },
}
OTHERS = ("keda.sh/", "monitoring.coreos.com/")


def of_kind(manifests: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def pods(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The pods of deployments and jobs, by part."""
    return {
        name.removeprefix("desk-"): one["spec"]["template"]
        for kind in ("Deployment", "Job")
        for name, one in of_kind(manifests, kind).items()
    }


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_kubernetes_takes_every_manifest(values: dict[str, Any]) -> None:
    manifests = chart.render(values)

    for one in manifests:
        if not one["apiVersion"].startswith(OTHERS):
            kubernetes_validate.validate(one, "1.37", strict=True)
    names = [(one["kind"], one["metadata"]["name"]) for one in manifests]
    assert len(names) == len(set(names))


def test_the_parts_are_those_of_the_compose_file_with_their_commands() -> None:
    services = compose.read(dict.fromkeys(compose.variables(), "x" * 32))["services"]
    found = pods(chart.render({"secrets": NEEDED}))

    ours = {name for name, spec in services.items() if spec["image"].startswith("smartops:")}
    assert set(found) == ours
    for name, pod in found.items():
        [container] = pod["spec"]["containers"]
        assert run.command(container["command"][3:]) == run.command(services[name]["command"][3:])
        assert container["command"][:3] == services[name]["command"][:3]


def test_a_part_gets_only_the_secrets_that_it_needs() -> None:
    for name, pod in pods(chart.render({"secrets": NEEDED})).items():
        [container] = pod["spec"]["containers"]
        named = {one["name"]: one for one in container["env"]}
        if name == "flower":
            assert "envFrom" not in container
            asked = {one for one, entry in named.items() if "valueFrom" in entry}
            assert asked == {"FLOWER_BASIC_AUTH", "REDIS_URL", "CELERY_BROKER_URL"}
            # Without its password it must not start: whoever gets in may start tasks.
            assert named["FLOWER_BASIC_AUTH"]["valueFrom"]["secretKeyRef"]["optional"] is False
        else:
            assert named["FLOWER_BASIC_AUTH"]["value"] == ""


def test_workers_read_the_queues_and_have_the_size_that_the_code_says() -> None:
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text())
    schema = yaml.safe_load((chart.CHART / "values.schema.json").read_text())

    known = schema["definitions"]["worker"]["properties"]["queues"]["items"]["enum"]
    assert set(known) == {queue for spec in WORKERS.values() for queue in spec.queues}
    assert set(values["workers"]) == set(WORKERS)
    for name, spec in WORKERS.items():
        assert tuple(values["workers"][name]["queues"]) == spec.queues
        assert values["workers"][name]["concurrency"] == spec.concurrency


def test_every_queue_is_watched_by_the_scaling_of_its_workers() -> None:
    objects = of_kind(chart.render(EVERYTHING), "ScaledObject")

    assert "desk-reports" not in objects  # an empty queue does not mean that nothing runs
    for name, spec in WORKERS.items():
        if name == "reports":
            continue
        scaled = objects[f"desk-{name}"]["spec"]
        assert scaled["scaleTargetRef"]["name"] == f"desk-{name}"
        lists = [trigger["metadata"]["listName"] for trigger in scaled["triggers"]]
        assert lists == [f"smartops:{queue}" for queue in spec.queues]
    assert settings.REDIS_PREFIX == "smartops:"  # before the queue's name, as kombu writes it
    assert objects["desk-core"]["spec"]["minReplicaCount"] >= 1  # beat's ticks have no other worker


def test_scaling_follows_another_prefix() -> None:
    values = {**EVERYTHING, "settings": {"REDIS_PREFIX": "other:"}}
    objects = of_kind(chart.render(values), "ScaledObject")

    trigger = objects["desk-llm"]["spec"]["triggers"][0]
    assert trigger["metadata"]["listName"] == "other:llm"


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_no_pod_asks_for_more_than_it_needs(values: dict[str, Any]) -> None:
    manifests = chart.render(values)
    specs = [pod["spec"] for pod in pods(manifests).values()]
    specs += [one["spec"] for one in of_kind(manifests, "Pod").values()]

    for spec in specs:
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]


def test_every_part_is_probed_and_may_finish_what_it_does() -> None:
    found = pods(chart.render({"secrets": NEEDED}))

    for name, pod in found.items():
        [container] = pod["spec"]["containers"]
        if name != "migrate":
            assert {"startupProbe", "livenessProbe"} <= set(container)
        if name in WORKERS:
            grace = pod["spec"]["terminationGracePeriodSeconds"]
            assert grace > settings.CELERY_TASK_TIME_LIMIT
            probe = container["livenessProbe"]["exec"]["command"][2]
            services = compose.read(dict.fromkeys(compose.variables(), "x" * 32))["services"]
            assert services[name]["healthcheck"]["test"][1] == probe
    web = found["web"]["spec"]["containers"][0]
    assert web["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert web["lifecycle"]["preStop"]["exec"]["command"][0] == "sleep"


def test_what_selects_pods_finds_them() -> None:
    manifests = chart.render(EVERYTHING)
    labels = [pod["metadata"]["labels"] for pod in pods(manifests).values()]

    for kind in ("Service", "PodDisruptionBudget", "Deployment"):
        for name, one in of_kind(manifests, kind).items():
            selector = one["spec"]["selector"]
            wanted = selector.get("matchLabels", selector)
            assert sum(wanted.items() <= one.items() for one in labels) == 1, name
    [policy] = of_kind(manifests, "NetworkPolicy").values()
    chosen = policy["spec"]["podSelector"]["matchLabels"]
    assert all(chosen.items() <= one.items() for one in labels)


def test_tables_are_migrated_before_anything_new_starts_with_what_that_needs() -> None:
    manifests = chart.render(EVERYTHING)
    [job] = of_kind(manifests, "Job").values()
    [secret] = of_kind(manifests, "Secret").values()

    hook, before = job["metadata"]["annotations"], secret["metadata"]["annotations"]
    assert hook["helm.sh/hook"] == before["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert int(before["helm.sh/hook-weight"]) < int(hook["helm.sh/hook-weight"])
    mounted = {volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]}
    assert mounted == {"tmp"}  # nothing that is made only later


def test_beat_is_never_there_twice() -> None:
    beat = of_kind(chart.render(EVERYTHING), "Deployment")["desk-beat"]["spec"]

    assert beat["replicas"] == 1
    assert beat["strategy"] == {"type": "Recreate"}


def test_settings_reach_every_part_as_text() -> None:
    values = {"existingSecret": "desk", "settings": {"REOPEN_DAYS": 7, "LLM_MASK": True}}
    for pod in pods(chart.render(values)).values():
        [container] = pod["spec"]["containers"]
        given = {one["name"]: one.get("value") for one in container["env"]}
        assert given["REOPEN_DAYS"] == "7"
        assert given["LLM_MASK"] == "true"
        if "envFrom" in container:  # all of it, else some
            assert container["envFrom"] == [{"secretRef": {"name": "desk"}}]


def test_the_settings_that_it_names_exist() -> None:
    example = (BASE / ".env.example").read_text()
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text())

    for name in {*values["settings"], *NEEDED, "WORKER_METRICS_PORT", "WORKER_CONCURRENCY"}:
        assert f"{name}=" in example, name


def test_without_a_secret_it_says_which_is_missing() -> None:
    with pytest.raises(TemplateError, match="secrets.REDIS_URL must be set"):
        chart.render({"secrets": {**NEEDED, "REDIS_URL": ""}})


@pytest.mark.parametrize(
    "values",
    [
        {"image": {"tag": "latest"}},
        {"workers": {"core": {"queues": ["triag"]}}},
        {"web": {"replica": 3}},
        {"keda": {"broker": "kafka"}},
    ],
)
def test_wrong_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        chart.render({"existingSecret": "desk", **values})


def test_metrics_are_read_where_the_parts_tell_them() -> None:
    manifests = chart.render(EVERYTHING)
    monitors, found = of_kind(manifests, "PodMonitor"), pods(manifests)

    for monitor in monitors.values():
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        [chosen] = monitor["spec"]["selector"]["matchExpressions"]
        for part in chosen["values"]:
            ports = found[part]["spec"]["containers"][0]["ports"]
            assert endpoint["port"] in {port["name"] for port in ports}
        assert endpoint["authorization"]["credentials"]["key"] == "METRICS_TOKEN"
