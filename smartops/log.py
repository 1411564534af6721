"""Logs: one JSON object a line, the same fields from web, workers and beat."""

import os
from typing import Any, Final

import structlog
from structlog.typing import EventDict

_SHARED: Final[list[Any]] = [
    structlog.contextvars.merge_contextvars,  # the request id
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_SECRET: Final = ("password", "secret", "token", "authorization", "cookie")


def hide_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Blank values whose name says that they are secret."""
    for key in event:
        if any(word in key.lower() for word in _SECRET):
            event[key] = "…"
    return event


structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_SHARED,
        hide_secrets,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _SHARED,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(default=str),
            ],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("LOG_LEVEL", "INFO").upper()},
    "loggers": {
        # Celery logs arguments and results of every task; ours say what matters.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},  # 4xx are answers, not warnings
        "django.server": {"level": "WARNING"},
        "uvicorn.access": {"level": "WARNING"},
        # They would log every address that is called.
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
    },
}
