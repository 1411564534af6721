"""What a text says about its own impact and urgency: how many suffer, what stands still, how soon it must end.

Every finding quotes the words it rests on. Denials count ("not an outage", "no data loss"), and words that calm down
("no rush", "just a question") outweigh alarm.
"""

import re
from dataclasses import dataclass
from typing import Final

#: Who is hit and how soon stands at the beginning; logs and threads follow.
READ_CHARACTERS: Final = 3_000

_NUMBERS: Final = {
    "ten": 10,
    "dozen": 12,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "hundred": 100,
}
_NUMBERS_PATTERN: Final = "|".join(_NUMBERS)
#: From so many people on, impact is high; from so many, medium.
MANY: Final = 50
SEVERAL: Final = 5


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)(?:" + "|".join(patterns) + r")(?!\w)", re.IGNORECASE)


_EVERYBODY: Final = _any(
    r"every(?:one|body)(?: (?:is|in|at|here))?",
    r"(?:all|most|many|multiple) (?:of (?:our|the|my) )?(?:users?|customers?|clients?|employees|staff|people|servers|sites|offices|branches|hosts|nodes|pods)",
    r"(?:whole|entire) (?:company|office|site|building|campus|region|organi[sz]ation|cluster|network|plant)",
    r"company[- ]?wide",
    r"site[- ]?wide",
    r"nobody can",
    r"no ?one can",
    r"(?:our )?customers (?:can ?not|can't|cannot)",
    r"production (?:is )?(?:down|outage|incident)",
    r"(?:prod|production)\b.{0,30}\bdown",
)
_TEAM: Final = _any(
    r"(?:whole|entire|my|our|the) (?:team|department|floor|group|shift|warehouse|store|branch|class)",
    r"several (?:users?|people|colleagues|customers|of us|teams|servers)",
    r"some (?:users|customers|of us)",
    r"(?:my )?colleagues?",
    r"we (?:all )?(?:can ?not|can't|cannot)",
    r"(?:a )?few (?:users|people|customers|of us)",
    r"production",
    r"prod",
    r"customers?",
    r"clients?",
)
_COUNTED: Final = re.compile(
    rf"(?<![\w.])(\d{{1,6}}|{_NUMBERS_PATTERN})\+?\s+(?:\w+\s+)?(?:users|people|employees|customers|clients|colleagues|agents|staff|seats|machines|servers|hosts|laptops|desktops|accounts)(?!\w)",
    re.IGNORECASE,
)
_STANDSTILL: Final = _any(
    r"outage",
    r"(?:is|are|was|were|went|goes|been|again|completely|all) down",
    r"down (?:again|since|for)",
    r"unreachable",
    r"unavailable",
    r"not (?:working|responding|reachable|available) at all",
    r"nothing works",
    r"(?:can ?not|can't|cannot|unable to) (?:work|log ?in|log ?on|sign ?in|connect|access|print|pay|check ?out|reach)",
    r"data ?loss",
    r"los(?:t|ing) (?:all |our |my |customer )?(?:data|files|orders|money|revenue)",
    r"data (?:is|was|got) (?:lost|deleted|corrupted)",
    r"crash(?:ed|es|ing)? (?:every|constantly|again|on start)",
    r"fire",
    r"smoke",
    r"gas leak",
    r"smell of gas",
    r"injured",
    r"flood(?:ed|ing)?",
    r"ransomware",
    r"(?:security|data) breach",
    r"hacked",
    r"compromised",
    r"phish(?:ed|ing)",
    r"malware",
    r"stolen",
    r"leaked",
    r"5\d\d errors?",
    r"http 5\d\d",
    r"(?:returns?|returning|gives?|throws?) (?:a |an )?5\d\d",
    r"panic",
    r"oom(?:killed)?",
    r"out of memory",
    r"disk (?:is )?full",
    r"no space left",
    r"double[- ]charged",
    r"charged twice",
    r"locked out",
    r"firing(?::\d+)?",
)
_PRESSING: Final = _any(
    r"asap",
    r"urgent(?:ly)?",
    r"immediate(?:ly)?",
    r"right (?:now|away)",
    r"emergency",
    r"critical",
    r"top priority",
    r"highest priority",
    r"sev(?:erity)?[ -:]?(?:0|1|one|critical)",
    r"p[01]",
    r"deadline (?:is )?(?:today|tonight|in \d+ (?:min|hour))\w*",
    r"(?:by|before) (?:eod|end of day|today|tonight|noon|close of business)",
    r"in (?:the next )?(?:\d{1,2}|an|half an|one|two|three) (?:minutes?|mins?|hours?)",
    r"today",
    r"waiting (?:for hours|since)",
    r"can ?not wait",
    r"can't wait",
)
_SOON: Final = _any(
    r"tomorrow",
    r"this (?:week|afternoon|morning)",
    r"soon",
    r"slow(?:ly|er)?",
    r"intermittent(?:ly)?",
    r"sometimes",
    r"degraded",
    r"warning",
    r"keeps? \w+ing",
    r"workaround",
    r"error",
    r"fails?",
    r"failed",
    r"failing",
    r"broken",
    r"wrong",
    r"missing",
    r"not working",
    r"doesn'?t work",
    r"does not work",
    r"stopped working",
    r"stuck",
    r"again",
    r"can ?not",
    r"can't",
    r"cannot",
    r"unable",
    r"delay(?:ed)?",
    r"expired?",
    r"overdue",
    r"vip",
    r"ceo",
    r"cfo",
    r"board",
    r"director",
)
_CALM: Final = _any(
    r"not (?:\w+ )?urgent",
    r"isn'?t (?:\w+ )?urgent",
    r"no (?:rush|hurry|urgency)",
    r"whenever (?:you|someone|it|there)",
    r"when(?:ever)? you (?:have|get|find) (?:a |some |the )?(?:time|minute|chance)",
    r"low priority",
    r"just (?:a |an )?(?:\w+ )?(?:question|wondering|curious|fyi|asking|idea|suggestion)",
    r"would be (?:nice|great|cool|lovely|helpful)",
    r"nice to have",
    r"at your convenience",
    r"next (?:week|month|quarter|sprint|year|release)",
    r"(?:resolved|fixed|sorted) (?:itself|now|already)",
    r"can wait",
    r"for next (?:week|month|year)",
    r"feature request",
    r"minor",
)
_CLAIM: Final = re.compile(r"severity\s*[:=]\s*\"?(critical|warning|info|high|low)", re.IGNORECASE)
_DENIAL: Final = re.compile(
    r"(?:\b(?:no|not|nobody|none|never|without|isn'?t|aren'?t|wasn'?t|neither|nor)\b|n't)(?:\s+\w+){0,2}\s*$",
    re.IGNORECASE,
)
_MEDIUM: Final = 2
_HIGH: Final = 1


@dataclass(frozen=True)
class Signals:
    """Impact and urgency, 1 (high) to 3 (low), or None when the text says nothing; with sentences why."""

    impact: int | None = None
    urgency: int | None = None
    impact_reason: str = ""
    urgency_reason: str = ""
    calm: bool = False


def read_signals(title: str, description: str, tier: str = "") -> Signals:
    """Return what the text says about impact and urgency.

    Gold customers raise an urgency that the text gives by one step; they do not make one out of nothing.
    """
    text = f"{title}\n{description}"[:READ_CHARACTERS]
    impact, impact_reason = _impact(text)
    urgency, urgency_reason, calm = _urgency(text)
    if tier == "gold" and urgency == _MEDIUM and not calm:
        urgency, urgency_reason = _HIGH, f"{urgency_reason} The customer is gold: one step up."
    return Signals(impact, urgency, impact_reason, urgency_reason, calm)


def _impact(text: str) -> tuple[int | None, str]:
    count, quoted = max(_counts(text), default=(0, ""))
    if count >= MANY:
        return _HIGH, f"It speaks of “{quoted}”."
    everybody = _found(_EVERYBODY, text)
    if everybody:
        return _HIGH, f"It speaks of “{everybody}”."
    if count >= SEVERAL:
        return _MEDIUM, f"It speaks of “{quoted}”."
    team = _found(_TEAM, text)
    if team:
        return _MEDIUM, f"It speaks of “{team}”."
    return None, ""


def _counts(text: str) -> list[tuple[int, str]]:
    return [
        (_NUMBERS.get(match[1].lower()) or int(match[1]), match[0])
        for match in _COUNTED.finditer(text)
    ]


def _urgency(text: str) -> tuple[int | None, str, bool]:
    calm = _CALM.search(text)
    standstill, pressing = _found(_STANDSTILL, text), _found(_PRESSING, text)
    if calm and not (standstill and pressing):
        return 3, f"It says “{calm[0]}”.", True
    claim = _CLAIM.search(text)
    if claim and claim[1].lower() in ("warning", "info", "low"):
        return (
            (2 if claim[1].lower() == "warning" else 3),
            f"Its sender calls it “{claim[0]}”.",
            False,
        )
    for quoted in (standstill, pressing):
        if quoted:
            return _HIGH, f"It says “{quoted}”.", False
    soon = _found(_SOON, text)
    if soon:
        return _MEDIUM, f"It says “{soon}”.", False
    return None, "", False


def _found(pattern: re.Pattern[str], text: str) -> str:
    """Return the first match that is not denied, as it stands in the text, or ""."""
    for match in pattern.finditer(text):
        if not _DENIAL.search(text[max(0, match.start() - 30) : match.start()]):
            return " ".join(match[0].split())
    return ""
