"""Where the embedded stack's processes tell their metrics, as Prometheus finds it (docs/observability.md)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from smartops.embedded import kept_port
from workers.queues import METRICS_HOST, METRICS_PORT, WORKERS

#: Under `var/`, in the form of Prometheus' `file_sd_configs`.
FILE: Final = "run/metrics-targets.json"


class Targets:
    """The ports of this machine's workers, each free or its own of the last run."""

    def __init__(self, var: Path) -> None:
        self._var = var
        self._ports = {name: kept_port(var / "run" / f"metrics-{name}.port") for name in WORKERS}

    def environment_of(self, part: str) -> dict[str, str]:
        """What makes a worker tell its metrics on this machine only; nothing for what is no worker."""
        if part not in self._ports:
            return {}
        return {METRICS_PORT: str(self._ports[part]), METRICS_HOST: "127.0.0.1"}

    def announce(self, others: Mapping[str, int]) -> None:
        """Write down the workers' ports and those of `others`, for a Prometheus on this machine."""
        found = [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"job": job}}
            for job, port in others.items()
        ]
        found += [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"job": "worker", "worker": name}}
            for name, port in self._ports.items()
        ]
        (self._var / FILE).write_text(json.dumps(found, indent=2))
