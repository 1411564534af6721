"""All settings, in one file. Values come from the environment (`.env.example` lists them)."""

from datetime import timedelta
from typing import Any

from environs import validate

import smartops.celery  # noqa: F401  # before anything that sends, counts or declares tasks
from smartops.endpoints import database, replica, sentinels
from smartops.env import (
    BASE_DIR,
    env,
    llm_endpoint,
    optional_secret,
    positive,
    seal,
    secret,
    service_url,
    var_dir,
    web_address,
    without,
)
from smartops.log import LOGGING as LOGGING
from smartops.openapi import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from smartops.unfold import UNFOLD as UNFOLD
from workers import queues
from workers.schedule import schedule

VAR_DIR = var_dir()

# --- Mode and secrets -------------------------------------------------------------------------
DEMO = env.bool("SMARTOPS_DEMO", False)
DEBUG = env.bool("DEBUG", False)
SECRET_KEY = secret("SECRET_KEY", demo=bool(DEMO))
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])  # after a change of the key
METRICS_TOKEN = secret("METRICS_TOKEN", demo=bool(DEMO), needed=False)  # what Prometheus shows
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
HTTPS = env.bool("HTTPS", False)  # behind a proxy that terminates TLS
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"

# --- The desk ---------------------------------------------------------------------------------
REOPEN_DAYS = env.int("REOPEN_DAYS", 14, validate=positive(3650))  # a closed ticket may come back
IDEMPOTENCY_KEY_HOURS = env.int("IDEMPOTENCY_KEY_HOURS", 24, validate=positive(720))
MAX_BATCH_ITEMS = env.int("MAX_BATCH_ITEMS", 5000, validate=positive(50_000))
DESCRIPTION_MAX_BYTES = 64 * 1024
ATTACHMENT_MAX_MB = env.int("ATTACHMENT_MAX_MB", 10, validate=positive(100))  # one file
MESSAGE_MAX_MB = env.int("MESSAGE_MAX_MB", 25, validate=positive(250))  # a mail, files sent at once
TRIAGE_LEASE_SECONDS = env.int("TRIAGE_LEASE_SECONDS", 90, validate=positive(3600))
TRIAGE_SWEEP_SECONDS = env.int("TRIAGE_SWEEP_SECONDS", 15, validate=positive(600))
TRAINING_LEASE_SECONDS = env.int("TRAINING_LEASE_SECONDS", 60, validate=positive(3600))
SLA_CHECK_SECONDS = env.int("SLA_CHECK_SECONDS", 15, validate=positive(600))
SLA_LEASE_SECONDS = env.int("SLA_LEASE_SECONDS", 15, validate=positive(600))  # for a frozen checker
SLA_HEARTBEAT_URL = env.str("SLA_HEARTBEAT_URL", "")  # asked while no deadline is missed
NUDGE_SECONDS = env.int("NUDGE_SECONDS", 30, validate=positive(600))  # then a message is lost
# Calendars and policies that a repository keeps; read again when it changes.
SLA_CONFIG_FILE = str(BASE_DIR / env.str("SLA_CONFIG_FILE", "config/sla.yaml"))

# --- Outgoing messages --------------------------------------------------------------------------
PUBLIC_URL = env.str("PUBLIC_URL", "http://localhost:8000").rstrip("/")  # links lead here
# Where people find the task monitor and the charts; dashboard and admin lead there.
FLOWER_URL = env.str("FLOWER_URL", "", validate=web_address)
GRAFANA_URL = env.str("GRAFANA_URL", "", validate=web_address)
OUTGOING_ALLOW: list[str] = env.list("OUTGOING_ALLOW", [])  # hosts, networks that are not public
CHECKS_ALLOW: list[str] = env.list("CHECKS_ALLOW", [])  # the same for checks of servers
NOTIFY_SWEEP_SECONDS = env.int("NOTIFY_SWEEP_SECONDS", 15, validate=positive(600))
NOTIFICATION_DAYS = env.int("NOTIFICATION_DAYS", 90, validate=positive(3650))  # then they go
EMAIL_HOST = env.str("EMAIL_HOST", "localhost")
EMAIL_PORT = env.int("EMAIL_PORT", 25, validate=positive(65_535))
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = optional_secret("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", False)  # STARTTLS, mostly on port 587
EMAIL_USE_SSL = env.bool(  # TLS from the start, mostly on port 465
    "EMAIL_USE_SSL", False, validate=without("EMAIL_USE_TLS", EMAIL_USE_TLS)
)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "SmartOps <smartops@localhost>")
MAIL_DAYS = env.int("MAIL_DAYS", 90, validate=positive(3650))  # mails as they came are kept so long
FEED_RECHECK_SECONDS = env.int("FEED_RECHECK_SECONDS", 30, validate=positive(600))

# --- Servers and alerts -------------------------------------------------------------------------
FLEET_TICK_SECONDS = env.int("FLEET_TICK_SECONDS", 5, validate=positive(600))
RECOVERY_GRACE_SECONDS = env.int(  # so long a server must be well before its ticket is resolved
    "RECOVERY_GRACE_SECONDS", 120, validate=validate.Range(min=0, max=86_400)
)
REOPEN_WINDOW = env.int(  # hours after that in which the same problem reopens it
    "REOPEN_WINDOW", 4, validate=validate.Range(min=0, max=720)
)
SERVER_EVENT_DAYS = env.int("SERVER_EVENT_DAYS", 90, validate=positive(3650))  # of their history
FLAPPING_CHANGES = env.int("FLAPPING_CHANGES", 4, validate=positive(100))  # more than so many …
FLAPPING_MINUTES = env.int("FLAPPING_MINUTES", 30, validate=positive(1440))  # … within so long
STORM_MIN = env.int("STORM_MIN", 10, validate=positive(1_000_000))  # incidents that make a storm,
STORM_MINUTES = env.int("STORM_MINUTES", 5, validate=positive(60))  # when they come in this time
STORM_CALM_MINUTES = env.int("STORM_CALM_MINUTES", 15, validate=positive(1440))
INTAKE_WAIT_SECONDS = env.float(  # for what became of an alert, before it is only "accepted"
    "INTAKE_WAIT_SECONDS", 1.0, validate=validate.Range(min=0, max=30)
)
INTAKE_LEASE_SECONDS = env.int("INTAKE_LEASE_SECONDS", 30, validate=positive(3600))
INTAKE_SWEEP_SECONDS = env.int("INTAKE_SWEEP_SECONDS", 15, validate=positive(600))
INTAKE_DAYS = env.int("INTAKE_DAYS", 7, validate=positive(3650))  # then bodies go
INTAKE_FAILED_DAYS = env.int("INTAKE_FAILED_DAYS", 30, validate=positive(3650))  # unread ones

# --- The language model -------------------------------------------------------------------------
LLM = llm_endpoint()  # None: no model is asked
LLM_ASK = env.str("LLM_ASK", "unsure", validate=validate.OneOf(["unsure", "always", "never"]))
LLM_MASK = env.bool("LLM_MASK", True)  # personal data and secrets stay here
LLM_CONCURRENCY = env.int("LLM_CONCURRENCY", 2, validate=positive(64))  # calls at once, everywhere
# 0: no limit.
LLM_TOKENS_PER_MINUTE = env.int("LLM_TOKENS_PER_MINUTE", 0, validate=validate.Range(min=0))
LLM_PRICE_IN = env.float("LLM_PRICE_IN", 0.0, validate=validate.Range(min=0))  # US dollars for a
LLM_PRICE_OUT = env.float("LLM_PRICE_OUT", 0.0, validate=validate.Range(min=0))  # million tokens
LLM_SWEEP_SECONDS = env.int("LLM_SWEEP_SECONDS", 15, validate=positive(600))

# --- Exports and reports ------------------------------------------------------------------------
WEB_THREADS = env.int("WEB_THREADS", 8, validate=positive(256))  # streams may take half of them
EXPORT_DAYS = env.int("EXPORT_DAYS", 7, validate=positive(365))  # then files go
EXPORT_MAX_MB = env.int("EXPORT_MAX_MB", 1024, validate=positive(100_000))  # one file
EXPORT_OWNER_MB = env.int("EXPORT_OWNER_MB", 5120, validate=positive(10_000_000))  # one person's
EXPORT_ALL_MB = env.int("EXPORT_ALL_MB", 20_480, validate=positive(10_000_000))  # all files
EXPORT_LEASE_SECONDS = env.int("EXPORT_LEASE_SECONDS", 60, validate=positive(3600))
EXPORT_SWEEP_SECONDS = env.int("EXPORT_SWEEP_SECONDS", 15, validate=positive(600))

# --- Django -----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin.apps.SimpleAdminConfig",  # only web needs its pages: smartops.urls loads them
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",  # 1,234 in templates
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_prometheus",
    "workers",
    "tickets",
    "sla",
    "servers",
    "triage",
    "analytics",
    "smartops.apps.SmartOpsConfig",
]
MIDDLEWARE = [
    "smartops.middleware.ProbeMiddleware",  # before anything asks for the host, also before that of traces
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "smartops.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
PROMETHEUS_LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROOT_URLCONF = "smartops.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "smartops" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
# A pooler that knows no session, such as PgBouncer in transaction mode (docs/operations.md).
DATABASE_POOLER = env.bool("DATABASE_POOLER", False)
DATABASES = {
    "default": database(
        service_url("DATABASE_URL", ("postgresql", "postgres")), pooler=bool(DATABASE_POOLER)
    )
}
# A standby that figures and files are read from (docs/operations.md).
if env.str("DATABASE_REPLICA_URL", ""):
    DATABASES["replica"] = replica(
        service_url("DATABASE_REPLICA_URL", ("postgresql", "postgres")),
        pooler=bool(DATABASE_POOLER),
    )
DATABASE_ROUTERS = ["workers.replica.Router"]
REDIS_URL = service_url("REDIS_URL", ("redis", "rediss", "sentinel"))
REDIS_SENTINELS = sentinels(REDIS_URL)
REDIS_PREFIX = env.str("REDIS_PREFIX", "smartops:")  # of every key and channel that we use there
LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = ["smartops.formats"]
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True  # no collectstatic step
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "admin:login"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024  # 5,000 tickets in one batch

# --- API --------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "smartops.auth.RememberingTokenAuthentication",  # first, so that a missing login is answered with 401
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tickets.permissions.RolePermission"],
    "DEFAULT_PARSER_CLASSES": ["smartops.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "tickets.pagination.TicketCursor",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["smartops.throttles.PerClientThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "client": env.str(
            "API_RATE", "60000/min", validate=validate.Regexp(r"^\d+/(sec|min|hour|day)$")
        ),
    },
    "EXCEPTION_HANDLER": "smartops.api.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
REST_KNOX = {
    "TOKEN_TTL": timedelta(days=env.int("API_TOKEN_DAYS", 90, validate=positive(3650))),
    "AUTO_REFRESH": False,
    "AUTH_HEADER_PREFIX": "Token",
}

# --- Celery -----------------------------------------------------------------------------------
# The committed row is the work; a message is only a nudge. These settings keep one lost or doubled
# message cheap; docs/adr/0003 says why each has the value it has.
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", "") or (
    REDIS_SENTINELS.broker_url if REDIS_SENTINELS else REDIS_URL
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker never gives up on a broker that is away
CELERY_VISIBILITY_TIMEOUT = 7200  # far above the longest task, or it would run twice
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any]
if CELERY_BROKER_URL.startswith("amqp"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {"confirm_publish": True, "max_retries": 0}
    # At once, and once: what published before RabbitMQ's restart holds a connection that is dead, and beat would
    # hold it for ever.
    CELERY_TASK_PUBLISH_RETRY = True
    CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
    CELERY_BROKER_HEARTBEAT = 10  # after twice that each side knows that the other one has vanished
    # RabbitMQ takes a message away after half an hour and closes the channel; a worker must outlive that.
    CELERY_BROKER_CHANNEL_ERROR_RETRY = True
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": CELERY_VISIBILITY_TIMEOUT,
        "unacked_restore_interval": 30,
        "unacked_restore_throttle": 1,  # otherwise only every tenth interval looks
        "socket_timeout": 5,  # without it a silent broker blocks a publisher for ever
        "socket_connect_timeout": 2,
        "health_check_interval": 10,
        "socket_keepalive": True,
        "priority_steps": [0],  # one list a queue
        "queue_order_strategy": "priority",  # read queues in the order given to the worker
        "global_keyprefix": REDIS_PREFIX,
    }
    if REDIS_SENTINELS:
        CELERY_BROKER_TRANSPORT_OPTIONS["master_name"] = REDIS_SENTINELS.master
        CELERY_BROKER_TRANSPORT_OPTIONS["sentinel_kwargs"] = {"socket_timeout": 2}
    CELERY_TASK_PUBLISH_RETRY = False  # fail fast: the sweep is the retry
CELERY_TASK_SERIALIZER = CELERY_EVENT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]  # never pickle
CELERY_TASK_IGNORE_RESULT = True  # the row is the result
CELERY_TASK_ACKS_LATE = True  # otherwise a killed worker loses what it runs
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # otherwise a poison task loops for ever
CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT = True
CELERY_TASK_TIME_LIMIT = env.int("TASK_TIME_LIMIT_SECONDS", 60, validate=positive(3600))
CELERY_TASK_SOFT_TIME_LIMIT = max(1, (CELERY_TASK_TIME_LIMIT or 60) - 10)
CELERY_TASK_QUEUES = queues.QUEUES
CELERY_TASK_ROUTES = queues.ROUTES
CELERY_TASK_DEFAULT_QUEUE = queues.DEFAULT
CELERY_TASK_CREATE_MISSING_QUEUES = False  # a misspelt queue fails loudly
# The next message waits in the worker while one runs: a tenth more tickets a second. The sweep sends it again
# should its worker hang.
CELERY_WORKER_PREFETCH_MULTIPLIER = 2
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = (
    True  # or the redelivered copy runs beside it
)
CELERY_WORKER_CONSUMER = "workers.consumer:SafeConsumer"
CELERY_WORKER_ENABLE_PREFETCH_COUNT_REDUCTION = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5
# Otherwise each task opens a database connection. The base task drops dead and old ones.
CELERY_DB_REUSE_MAX = 1_000_000
CELERY_WORKER_MAX_TASKS_PER_CHILD = 5000
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400_000  # KB; a leak's fuse
CELERY_WORKER_SEND_TASK_EVENTS = env.bool("CELERY_EVENTS", True)  # Flower's source
CELERY_TASK_SEND_SENT_EVENT = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "workers.beating:BeatingScheduler"
CELERY_BEAT_SCHEDULE = schedule(
    sweep_seconds=TRIAGE_SWEEP_SECONDS or 15,
    check_seconds=SLA_CHECK_SECONDS or 15,
    notify_sweep_seconds=NOTIFY_SWEEP_SECONDS or 15,
    llm_sweep_seconds=LLM_SWEEP_SECONDS or 15,
    fleet_tick_seconds=FLEET_TICK_SECONDS or 5,
    intake_sweep_seconds=INTAKE_SWEEP_SECONDS or 15,
    export_sweep_seconds=EXPORT_SWEEP_SECONDS or 15,
)
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_BEAT_ENABLE_REMOTE_CONTROL = True  # beat answers `inspect ping`

seal()
