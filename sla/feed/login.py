"""Who follows the feed: a person logged in by the session's cookie, or a program with a token."""

import re
from importlib import import_module
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils.http import is_same_domain
from knox.auth import TokenAuthentication
from knox.settings import knox_settings
from rest_framework.exceptions import AuthenticationFailed

from tickets.querysets import hidden_department_ids

PERMISSION: Final = "sla.view_escalation"
#: Browsers cannot send an Authorization header with a WebSocket. They offer two subprotocols instead: PROTOCOL,
#: which is the one that is chosen, and TOKEN_PROTOCOL followed by the token. An address would get into logs.
PROTOCOL: Final = "smartops.alerts"
TOKEN_PROTOCOL: Final = "smartops.token."
_TOKEN: Final = re.compile(r"[\x21-\x7e]{8,256}")


class NotAllowed(Exception):
    """The feed is refused. The message says why and tells no secret."""


class Credential(NamedTuple):
    """What somebody showed to get in; looked at again from time to time."""

    kind: str  # token, session
    secret: str

    def __repr__(self) -> str:
        return f"Credential({self.kind})"


def credential_of(scope: Any) -> Credential:
    """Return what a connection shows. A token goes before a cookie.

    :raises NotAllowed: it shows nothing, or a cookie from another site's page.
    """
    headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
    given = [
        text.removeprefix(TOKEN_PROTOCOL)
        for text in scope.get("subprotocols", ())
        if text.startswith(TOKEN_PROTOCOL)
    ]
    prefix, _, token = headers.get("authorization", "").partition(" ")
    if prefix.lower() == knox_settings.AUTH_HEADER_PREFIX.lower():
        given.insert(0, token.strip())
    if given:
        return Credential("token", given[0])
    key = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME)
    if not key:
        raise NotAllowed("Log in, or give a token: Authorization: Token …")
    if not _is_own_page(headers.get("origin", ""), headers.get("host", "")):
        raise NotAllowed(
            "The page's origin is not this desk. CSRF_TRUSTED_ORIGINS may name others."
        )
    return Credential("session", key)


def hidden_from(credential: Credential) -> frozenset[int]:
    """The departments whose alerts whoever shows `credential` may not see. Asks the database.

    :raises NotAllowed: the login or token is not valid (any more), or the role may not see alerts.
    """
    user = _by_token(credential.secret) if credential.kind == "token" else _by_session(credential)
    if not user.is_active:
        raise NotAllowed("No valid login or token.")
    if not user.has_perm(PERMISSION):
        raise NotAllowed("Your role may not see alerts.")
    return frozenset(hidden_department_ids(user))


def _by_token(token: str) -> Any:
    if not _TOKEN.fullmatch(token):
        raise NotAllowed("No valid token.")
    try:
        user, _ = TokenAuthentication().authenticate_credentials(token.encode())
    except AuthenticationFailed:
        raise NotAllowed("No valid token.") from None
    return user


def _by_session(credential: Credential) -> Any:
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(credential.secret)
    return get_user(request)


def _is_own_page(origin: str, host: str) -> bool:
    """Browsers send the cookie with any page's WebSocket, and name the page's origin: it must be ours."""
    try:
        asked = urlsplit(origin)
        port = asked.port
    except ValueError:
        return False
    schemes = ("https",) if settings.HTTPS else ("http", "https")
    if asked.scheme not in schemes or not asked.hostname:
        return False
    if asked.netloc.lower() == host.lower():
        return validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)
    for trusted in map(urlsplit, settings.CSRF_TRUSTED_ORIGINS):
        pattern = (trusted.hostname or "").removeprefix("*")  # `*.example.com`, as Django has it
        if (asked.scheme, port) == (trusted.scheme, trusted.port) and is_same_domain(
            asked.hostname, pattern
        ):
            return True
    return False
