"""Settings that start and are wrong all the same."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from celery import current_app
from django.conf import settings

from smartops.doctor.finding import Finding, error, ok, warning

HERE: Final = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
LONG_KEY: Final = 50  # characters, as Django asks for
FEW_KINDS: Final = 10  # different characters of a key that nobody made at random


def is_private() -> bool:
    """Whether only this machine is served: a demo, or somebody's own try."""
    return set(settings.ALLOWED_HOSTS) <= HERE


def mode() -> Iterator[Finding]:
    if settings.DEBUG:
        yield error(
            "settings", "DEBUG shows settings and code to everybody who meets an error.",
            "Set DEBUG=0.",
        )  # fmt: skip
    if settings.DEMO and not is_private():
        yield error(
            "settings",
            "Demo mode: a known person with all rights, and secrets that were made up here.",
            "Set SMARTOPS_DEMO=0 and give SECRET_KEY; `make secrets` makes one.",
        )
    elif settings.DEMO:
        yield ok("settings", "Demo mode, for this machine only.")
    if not settings.DEBUG and not settings.DEMO:
        yield ok("settings", "Neither debugging nor demo.")
    # A message may wait in a worker behind the longest task, then run itself.
    found = limits()
    longest = max(seconds for seconds, _ in found) + max(seconds for seconds, late in found if late)
    if longest >= settings.CELERY_VISIBILITY_TIMEOUT:
        yield error(
            "settings",
            "Tasks may take longer than the broker waits before it gives them to another worker.",
            "Lower TASK_TIME_LIMIT_SECONDS.",
        )


def limits() -> list[tuple[float, bool]]:
    """For how many seconds each task may run, and whether the broker keeps its message meanwhile."""
    current_app.loader.import_default_modules()
    otherwise = settings.CELERY_TASK_TIME_LIMIT or 0
    return [(task.time_limit or otherwise, task.acks_late) for task in current_app.tasks.values()]


def names() -> Iterator[Finding]:
    """Host names, addresses, HTTPS."""
    public = urlsplit(settings.PUBLIC_URL)
    if "*" in settings.ALLOWED_HOSTS:
        yield error(
            "settings",
            "ALLOWED_HOSTS allows every name, so links in mails may lead anywhere.",
            "Set ALLOWED_HOSTS to the names that people type.",
        )
    elif not is_private() and not _allowed(public.hostname or ""):
        yield warning(
            "settings",
            f"Links in messages lead to {public.hostname}, which ALLOWED_HOSTS does not allow.",
            "Set PUBLIC_URL to the address that people type.",
        )
    if is_private():
        yield ok("settings", f"Serves this machine only: {', '.join(settings.ALLOWED_HOSTS)}.")
        return
    if not settings.HTTPS:
        yield warning(
            "settings",
            "Without HTTPS passwords and tokens travel readable, and cookies go to anybody.",
            "Put a proxy with TLS in front and set HTTPS=1.",
        )
        return
    origin = f"{public.scheme}://{public.netloc}"
    if public.scheme != "https":
        yield warning(
            "settings", "HTTPS is on, and PUBLIC_URL begins with http://.",
            "Let PUBLIC_URL begin with https://.",
        )  # fmt: skip
    elif not any(_same_origin(origin, one) for one in settings.CSRF_TRUSTED_ORIGINS):
        yield warning(
            "settings",
            f"CSRF_TRUSTED_ORIGINS lacks {origin}: forms are refused if the proxy changes the host name.",
            f"Set CSRF_TRUSTED_ORIGINS={origin}.",
        )
    else:
        yield ok("settings", f"HTTPS as {origin}.")


def metrics_token() -> Iterator[Finding]:
    if settings.METRICS_TOKEN or is_private():
        return
    yield warning(
        "settings",
        "Without METRICS_TOKEN Prometheus is not let in, workers tell nothing, and no alert can fire.",
        "Set METRICS_TOKEN for web, workers and Prometheus; `make secrets` makes one.",
    )


def secret_key() -> Iterator[Finding]:
    key = settings.SECRET_KEY
    if len(set(key)) < FEW_KINDS:
        yield error(
            "secrets", "SECRET_KEY was not made at random: it repeats a few characters.",
            "Change it as docs/operations.md says (SECRET_KEY_FALLBACKS); `make secrets` makes one.",
        )  # fmt: skip
    elif len(key) < LONG_KEY and not settings.DEMO:
        yield warning(
            "secrets",
            f"SECRET_KEY has {len(key)} characters; {LONG_KEY} cannot be guessed by anybody.",
            "Change it as docs/operations.md says (SECRET_KEY_FALLBACKS).",
        )
    else:
        yield ok("secrets", f"SECRET_KEY has {len(key)} characters.")


def _allowed(host: str) -> bool:
    return any(
        host == one or (one.startswith(".") and f".{host}".endswith(one))
        for one in settings.ALLOWED_HOSTS
    )


def _same_origin(origin: str, trusted: str) -> bool:
    scheme, _, host = trusted.partition("://")
    if not host.startswith("*."):
        return origin == trusted.rstrip("/")
    return origin.startswith(f"{scheme}://") and origin.endswith(host[1:])
