"""What of a reply is new, and what of a subject is the subject."""

import re
from typing import Final

#: "On Monday, Ana wrote:" and its like; mail programs break it over as many as three lines.
_INTRO: Final = re.compile(
    r"(on\b.{5,250}\bwrote|am\b.{5,250}\bschrieb\b.{0,100}|le\b.{5,250}\ba écrit|el\b.{5,250}\bescribió"
    r"|il\b.{5,250}\bha scritto|em\b.{5,250}\bescreveu|op\b.{5,250}\bschreef\b.{0,100}"
    r"|den\b.{5,250}\bskrev\b.{0,100})\s?:",
    re.IGNORECASE,
)
_INTRO_LINES: Final = 3
_SEPARATOR: Final = re.compile(
    r"[-_]{2,}\s?(original message|ursprüngliche nachricht|message d'origine|mensaje original"
    r"|messaggio originale|forwarded message|weitergeleitete nachricht)\s?[-_]{2,}",
    re.IGNORECASE,
)
#: The head of a quoted mail as Outlook writes it: a sender, and a date in the lines behind.
_FROM: Final = re.compile(r"\*?(from|von|de|da|van|från|od)\s?:\*?\s.+", re.IGNORECASE)
_SENT: Final = re.compile(
    r"\*?(sent|date|gesendet|datum|envoyé|enviado|inviato|verzonden|skickat|wysłano)\s?:\*?\s.+",
    re.IGNORECASE,
)
_PREFIX: Final = re.compile(
    r"(?:(?:re|fwd?|aw|antw|wg|sv|vs|vb|tr|rv|res|enc|odp)(?:\[\d{1,3}\])?\s?:\s*)+", re.IGNORECASE
)
_TICKET: Final = re.compile(r"\[#(\d{1,18})\]")
_LONGEST: Final = 300  # characters of a line that may be a mail program's


def new_text(text: str) -> str:
    """What the writer added above the mail that is answered. Answers between quotes stay with what they answer."""
    lines = text.strip().splitlines()
    for number, line in enumerate(lines):
        if _SEPARATOR.match(line[:_LONGEST].strip()) or _outlook(lines, number):
            return _above(lines, number) or text.strip()
        if _intro(lines, number):
            quoted = [other.startswith(">") for other in lines[number:] if other.strip()]
            # After the intro's own lines, a quote to the end, or no quote marks at all.
            if not any(quoted) or all(quoted[quoted.index(True) :]):
                return _above(lines, number) or text.strip()
            return text.strip()
    last = len(lines)
    while last and (not lines[last - 1].strip() or lines[last - 1].startswith(">")):
        last -= 1
    return _above(lines, last) or text.strip()


def clean_subject(subject: str) -> str:
    """The subject without "Re:", "Fwd:" and the ticket's number."""
    bare = " ".join(_TICKET.sub(" ", subject).split())
    return _PREFIX.sub("", bare, count=1) if _PREFIX.match(bare) else bare


def ticket_number(subject: str) -> int | None:
    """The number of the ticket that a subject names: [#123]."""
    found = _TICKET.search(subject)
    return int(found[1]) if found else None


def _above(lines: list[str], number: int) -> str:
    return "\n".join(lines[:number]).strip()


def _intro(lines: list[str], number: int) -> bool:
    joined = ""
    for line in lines[number : number + _INTRO_LINES]:
        if not line.strip() or line.startswith(">") or len(line) > _LONGEST:
            return False
        joined = f"{joined} {line.strip()}".strip()
        if _INTRO.fullmatch(joined):
            return True
    return False


def _outlook(lines: list[str], number: int) -> bool:
    if not _FROM.fullmatch(lines[number][:_LONGEST].strip()):
        return False
    following = (line[:_LONGEST].strip() for line in lines[number + 1 : number + 4])
    return any(map(_SENT.fullmatch, following))
