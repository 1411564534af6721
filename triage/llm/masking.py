"""Personal data and secrets are replaced before a text leaves the machine.

The same value gets the same placeholder everywhere in one ticket, so that the text still makes sense:
"[email-1] cannot write to [email-2]". What looks alike and is not (an order number, a version) stays.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

#: Returns the beginning of what a pattern found that is really private; "" when nothing is.
Part = Callable[[str], str]

_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
    r"(?:(?!-----(?:BEGIN|END) ).){0,20000}(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?",
    re.DOTALL,
)
#: Tokens that say by their beginning what they are; JSON web tokens.
_TOKEN: Final = re.compile(
    r"(?<![\w-])(?:"
    r"sk-[\w-]{16,200}|[rsp]k_(?:live|test)_\w{10,200}|gh[pousr]_\w{20,255}|github_pat_\w{20,255}"
    r"|glpat-[\w-]{16,200}|xox[a-z]-[\w-]{10,250}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,60}"
    r"|hf_\w{20,100}|npm_\w{30,100}|SG\.[\w-]{16,64}\.[\w-]{16,64}"
    r"|eyJ[\w-]{8,2000}\.[\w-]{4,4000}\.[\w-]{0,2000}"
    r")(?![\w-])"
)
#: The password of an address: https://user:password@host.
_IN_ADDRESS: Final = re.compile(r"://[^\s/:@]{0,100}:(?P<secret>[^\s/@]{1,200})(?=@)")
_NAMES: Final = (
    r"pass(?:word|wd|phrase|code)?|pwd|pin|passwor[td]|kennwort|senha|contrase[ñn]a|clave|mot de passe|mdp"
    r"|wachtwoord|парол[ья]|密码|パスワード|(?:client[_ -]?)?secret|(?:api|access|private)[_ -]?key"
    r"|(?:access|auth|refresh|bearer|session|api)?[_ -]?token|credentials?"
)
#: What is called a secret, whatever it looks like: `password: x`, "Passwort ist x", `"api_key": "x"`.
_CALLED: Final = re.compile(
    rf"(?<![^\W_])(?:{_NAMES})[\"']?(?: ?[:=：] ?| (?:is|was|ist|lautet|é|es|est|war|era)(?: now| jetzt)?:? )"
    r"[\"'`“„«]?(?P<secret>[^\s\"'`“”„«»<>,;]{3,200})",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(
    r"(?<!\w)(?:authorization: ?(?:basic|bearer|token)?|bearer) +(?P<secret>[\w.~+/=-]{8,2000})",
    re.IGNORECASE,
)
#: Long and random: letters of both cases and digits, or hexadecimal, without a word in it.
_RANDOM: Final = re.compile(
    r"(?<![\w+/=.-])(?=[\w+=-]{0,127}\d)(?:[0-9a-f]{32,128}|[0-9A-F]{32,128}"
    r"|(?=[\w+=-]{0,127}[a-z])(?=[\w+=-]{0,127}[A-Z])[A-Za-z0-9_+=-]{32,128})(?![\w+/=-])"
)
_EMAIL: Final = re.compile(
    r"(?<![\w.+%-])[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}(?![\w-])"
)
_IBAN: Final = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)", re.IGNORECASE)
_CARD: Final = re.compile(r"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d){8,19}(?![\w-]|\.\d)")
_IPV4: Final = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
_IPV6: Final = re.compile(
    r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?:(?:\.\d{1,3}){3})?(?![\w:])"
)
#: A placeholder of ours, which nothing may change again.
PLACEHOLDER: Final = re.compile(r"\[(?:key|token|secret|email|iban|card|ip)-\d{1,5}\]")


@dataclass
class Masker:
    """Masks the texts of one ticket; what was replaced is remembered only while this object lives."""

    _names: dict[tuple[str, str], str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def mask(self, text: str) -> str:
        """Return `text` with placeholders. Masking twice changes nothing more."""
        for kind, pattern, part in _PATTERNS:
            text = self._mask(text, kind, pattern, part)
        return text

    @property
    def found(self) -> dict[str, int]:
        """How many different values of each kind were replaced."""
        return dict(self._counts)

    def _mask(self, text: str, kind: str, pattern: re.Pattern[str], part: Part) -> str:
        pieces, done, at = [], 0, 0
        while match := pattern.search(text, at):
            group = "secret" if "secret" in pattern.groupindex else 0
            value = match[group]
            private = "" if PLACEHOLDER.search(value) else part(value)
            if not private:
                at = match.start() + 1
                continue
            start = match.start(group)
            pieces += [text[done:start], self._placeholder(kind, private)]
            done = at = start + len(private)
        return "".join([*pieces, text[done:]])

    def _placeholder(self, kind: str, value: str) -> str:
        known = kind, value.casefold()
        if known not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[known] = f"[{kind}-{self._counts[kind]}]"
        return self._names[known]


def card_in(text: str) -> str:
    """Return the beginning of `text` that is a card's number: 13 to 19 digits of which the last fits (Luhn)."""
    return next((part for part in _beginnings(text, " -") if _fits_luhn(part)), "")


def _fits_luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdecimal()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits[::-1])]
    return sum(doubled) % 10 == 0


def iban_in(text: str) -> str:
    """Return the beginning of `text` that is an account number whose check digits fit (ISO 13616)."""
    return next((part for part in _beginnings(text, " ") if _fits_iban(part)), "")


def _fits_iban(text: str) -> bool:
    plain = text.replace(" ", "").upper()
    if not 15 <= len(plain) <= 34 or not plain.isascii() or not plain.isalnum():
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def _beginnings(text: str, separators: str) -> Iterator[str]:
    """The text and its beginnings that end before a separator, the longest first."""
    yield text
    for end in range(len(text) - 1, 0, -1):
        if text[end] in separators:
            yield text[:end]


def address_in(text: str) -> str:
    """Return `text` if it is an IP address. `::`, a::b and times such as 12:30:45 are none."""
    if ":" in text and not (
        any(c.isdecimal() for c in text)
        and (text.count(":") == 7 or ("::" in text and len(text) > 3))
    ):
        return ""
    try:
        ip_address(text)
    except ValueError:
        return ""
    return text


def secret_in(text: str) -> str:
    """Return `text` unless it only goes on with a sentence: "the password is wrong"."""
    word = text.strip(".!?()[]").casefold()
    return "" if not word or word in _ORDINARY else text


def _all(text: str) -> str:
    return text


#: Words after "the password is" that are no password.
_ORDINARY: Final = frozenset(
    {"not", "expired", "wrong", "incorrect", "invalid", "required", "reset", "please", "none"}
    | {"null", "empty", "missing", "correct", "right", "too", "being", "been", "the"}
    | {"still", "now", "always", "also", "never", "known", "unknown", "default", "same"}
    | {
        "rejected",
        "refused",
        "accepted",
        "abgelaufen",
        "falsch",
        "nicht",
        "ungültig",
        "expirada",
        "inválida",
    }
    | {"errada", "incorreta", "no", "não", "expirou", "incorrecta"}
)

_PATTERNS: Final[tuple[tuple[str, re.Pattern[str], Part], ...]] = (
    ("key", _PRIVATE_KEY, _all),
    ("token", _TOKEN, _all),
    ("secret", _IN_ADDRESS, _all),
    ("token", _HEADER, _all),
    ("secret", _CALLED, secret_in),
    ("email", _EMAIL, _all),
    ("iban", _IBAN, iban_in),
    ("card", _CARD, card_in),
    ("token", _RANDOM, _all),
    ("ip", _IPV4, address_in),
    ("ip", _IPV6, address_in),
)
