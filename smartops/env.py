"""Settings from the environment, each read once and checked before anything starts.

A wrong value stops the process with the variable's name and what would be right. A `.env` file beside
`manage.py` is read too; the environment wins over it.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env, ValidationError, validate
from environs.exceptions import EnvValidationError

from smartops import embedded
from triage.llm.endpoint import DEFAULT_URLS, Endpoint

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env(eager=False)
env.read_env(BASE_DIR / ".env", recurse=False)


def positive(most: int) -> validate.Range:
    return validate.Range(min=1, max=most)


def web_address(value: str) -> None:
    if value and urlsplit(value).scheme not in ("http", "https"):
        raise ValidationError("Begin with http:// or https://.")


def without(other: str, is_on: bool) -> Callable[[bool], None]:
    """A switch that may not be on together with `other`."""

    def check(value: bool) -> None:
        if value and is_on:
            raise ValidationError(f"Not together with {other}: set one of them.")

    return check


def join_running_stack() -> None:
    """Use what a running `manage.py up` announced for whatever the environment does not say."""
    for name, value in embedded.running_services(var_dir()).items():
        os.environ.setdefault(name, value)


def service_url(name: str, schemes: tuple[str, ...]) -> str:
    """Return the address of a server.

    :raises ImproperlyConfigured: it is neither given nor that of a running stack, or of another kind.
    """
    url = os.environ.get(name, "")
    if not url:
        raise ImproperlyConfigured(
            f"{name} is not set and no embedded server runs here. "
            f"Start everything with `make run`, or set {name}={schemes[0]}://…"
        )
    if urlsplit(url).scheme not in schemes:
        allowed = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ImproperlyConfigured(f"{name} must start with {allowed}")
    return url


def var_dir() -> Path:
    """The folder for everything that is written at run time."""
    return Path(os.environ.get("VAR_DIR", BASE_DIR / "var")).resolve()


def secret(name: str, *, demo: bool, needed: bool = True) -> str:
    """Return a secret: from NAME, or from the file that NAME_FILE names.

    In demo mode one is made up and kept under `var/`; otherwise a short one is an error, and a missing one that is
    needed.
    """
    path = os.environ.get(f"{name}_FILE")
    value = Path(path).read_text().strip() if path else os.environ.get(name, "")
    if not value and demo:
        return embedded.kept_secret(var_dir() / name.lower())
    if len(value) < 32 and (value or needed):
        raise ImproperlyConfigured(
            f"{name} must be a random text of at least 32 characters "
            f'(python -c "import secrets; print(secrets.token_urlsafe(48))"), or set SMARTOPS_DEMO=1'
        )
    return value


def optional_secret(name: str) -> str:
    """Return a secret of another system: from NAME, or from the file that NAME_FILE names, or nothing."""
    path = os.environ.get(f"{name}_FILE")
    return Path(path).read_text().strip() if path else os.environ.get(name, "")


def llm_endpoint() -> Endpoint | None:
    """Return the language model that the environment names, or None.

    :raises ImproperlyConfigured: it names one and leaves out what that one needs.
    """
    provider = env.str(
        "LLM_PROVIDER", "none", validate=validate.OneOf(["none", *sorted(DEFAULT_URLS)])
    )
    model, url = env.str("LLM_MODEL", ""), env.str("LLM_URL", "")
    seconds = env.int("LLM_TIMEOUT_SECONDS", 30, validate=positive(600))
    key = optional_secret("LLM_API_KEY")
    if provider not in DEFAULT_URLS:
        return None  # or a wrong name, which `seal` reports
    if not model:
        raise ImproperlyConfigured(f"LLM_PROVIDER={provider} needs LLM_MODEL: the model's name.")
    if provider == "anthropic" and not key:
        raise ImproperlyConfigured("LLM_PROVIDER=anthropic needs LLM_API_KEY.")
    parts = urlsplit(url or DEFAULT_URLS[provider])
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ImproperlyConfigured("LLM_URL must begin with http:// or https:// and name a host.")
    if parts.username is not None or parts.query:
        raise ImproperlyConfigured("LLM_URL must hold no password: a key belongs in LLM_API_KEY.")
    return Endpoint(provider, parts.geturl().rstrip("/"), model, key, float(seconds or 30))


def seal() -> None:
    """Stop the process if any variable read so far is wrong, naming all of them."""
    try:
        env.seal()
    except EnvValidationError as error:
        wrong: Any = error.error_messages
        lines = [f"  {name}: {' '.join(map(str, why))}" for name, why in wrong.items()]
        message = "Wrong settings in the environment:\n" + "\n".join(lines)
        if sys.argv[0].endswith("manage.py"):
            sys.exit(message)
        raise ImproperlyConfigured(message) from None


join_running_stack()
