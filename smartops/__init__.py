"""Composition root: settings, wiring, the Celery app. Nothing else imports this package."""

import sys

# Where OpenTelemetry is installed, the client of Redis loads its part for metrics: 3 MB in each process, for
# nobody. `smartops.tracing` takes it back.
sys.modules.setdefault("opentelemetry.sdk", None)  # type: ignore[arg-type]
