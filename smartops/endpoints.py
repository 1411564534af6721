"""The addresses of database and broker, as Django, redis-py and Celery want to have them."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

#: What DATABASE_URL and DATABASE_REPLICA_URL may say after the question mark: words of libpq.
DATABASE_WORDS: Final = frozenset(
    {"sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs", "application_name"}
)


def database(url: str, *, pooler: bool, name: str = "DATABASE_URL") -> dict[str, Any]:
    """Return Django's settings for a PostgreSQL.

    `pooler`: one stands between that gives each transaction another connection (PgBouncer's transaction mode).
    Then nothing may outlive a transaction: no cursor, no prepared statement.

    :raises ImproperlyConfigured: the address says something that nobody would read.
    """
    parts = urlsplit(url)
    words = dict(parse_qsl(parts.query))
    if unknown := sorted(set(words) - DATABASE_WORDS):
        raise ImproperlyConfigured(
            f"{name} says {', '.join(unknown)}; after its ? it may say: "
            f"{', '.join(sorted(DATABASE_WORDS))}."
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": parts.port or "",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,  # a restarted PostgreSQL costs one retry, not an error a connection
        "DISABLE_SERVER_SIDE_CURSORS": pooler,
        "OPTIONS": {
            "connect_timeout": 5,
            # A host that is cut off gives up what waits for an answer, instead of holding a thread for a quarter
            # of an hour. The other direction: `workers.sql.free_what_vanished_hosts_hold`.
            "tcp_user_timeout": 10_000,  # milliseconds without a sign that anything arrived
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            # Statements that come again are parsed and planned once a connection: a fifth of PostgreSQL's work
            # for a ticket.
            "server_side_binding": True,
            "prepare_threshold": None if pooler else 5,
            **words,
        },
    }


def replica(url: str, *, pooler: bool) -> dict[str, Any]:
    """The same for its read replica, which nobody waits for long: the primary knows all that it knows.

    :raises ImproperlyConfigured: the address says something that nobody would read.
    """
    found = database(url, pooler=pooler, name="DATABASE_REPLICA_URL")
    found["OPTIONS"] = {**found["OPTIONS"], "connect_timeout": 2}
    return {**found, "TEST": {"MIRROR": "default"}}


@dataclass(frozen=True)
class Sentinels:
    """Who knows which Redis is the primary: sentinel://:password@one:26379,two:26379/0?master=name."""

    hosts: tuple[tuple[str, int], ...]
    master: str
    username: str
    password: str
    db: int

    @property
    def broker_url(self) -> str:
        """The same as Celery's transport wants to have it."""
        words = [quote(word, safe="") for word in (self.username, self.password)]
        login = f"{':'.join(words)}@" if self.password else ""
        return ";".join(f"sentinel://{login}{host}:{port}/{self.db}" for host, port in self.hosts)


def sentinels(url: str) -> Sentinels | None:
    """Return what REDIS_URL says of Sentinels, or None: it names one server.

    :raises ImproperlyConfigured: it says too little.
    """
    scheme, _, rest = url.partition("://")
    if scheme != "sentinel":
        return None
    login, _, rest = rest.rpartition("@")
    hosts, _, rest = rest.partition("/")
    db, _, query = rest.partition("?")
    username, _, password = login.partition(":")
    master = dict(parse_qsl(query)).get("master", "")
    pairs = [
        host.rpartition(":") if ":" in host else (host, "", "26379") for host in hosts.split(",")
    ]
    if not master or not all(host and port.isdigit() for host, _, port in pairs):
        raise ImproperlyConfigured(
            "REDIS_URL with Sentinels must be sentinel://:password@one:26379,two:26379/0?master=name"
        )
    return Sentinels(
        tuple((host, int(port)) for host, _, port in pairs),
        master,
        unquote(username),
        unquote(password),
        int(db or 0),
    )
