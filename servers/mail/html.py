"""HTML as text, for mails that bring nothing else. Only words are taken over, so nothing in it can do anything.

Not by the standard library's parser: on markup that was made for it, it takes quadratic time. Here every step is
linear; a ">" inside an attribute ends the tag too early, which costs no more than a few strange words.
"""

import re
from html import unescape
from typing import Final

MOST: Final = 2 * 1024 * 1024  # characters; the rest is not read
# What was matched is not given back (*+): a tag without its end costs one look at each of its characters.
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*+)([^<>]*+)>|<[!?/][^<>]*+>")
_HREF: Final = re.compile(
    r"""\bhref\s{0,9}=\s{0,9}["']?(https?://[^"'\s<>]{1,2000})""", re.IGNORECASE
)
_SPACE: Final = re.compile(r"[ \t\r\n\f\xa0\u200b]+")
_BLOCKS: Final = frozenset(
    {
        *("address", "article", "blockquote", "div", "dl", "dt", "dd", "footer", "form", "header"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "section", "table"),
        *("tr", "ul"),
    }
)
_APART: Final = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "table"})
_UNSEEN: Final = frozenset({"script", "style", "head", "title", "template", "noscript", "svg"})
_DEEPEST_QUOTE: Final = 5


def html_to_text(html: str) -> str:
    """The words of `html`, a line for each block; quotes begin with "> ", links name where they lead."""
    writer, position = _Writer(), 0
    source = _without_comments(html[:MOST])
    for tag in _TAG.finditer(source):
        writer.words(source[position : tag.start()])
        position = tag.end()
        if tag[2]:
            (writer.close if tag[1] else writer.open)(tag[2].lower(), tag[3])
    writer.words(source[position:])
    return writer.text()


def _without_comments(html: str) -> str:
    pieces, position = [], 0
    while (start := html.find("<!--", position)) >= 0:
        pieces.append(html[position:start])
        end = html.find("-->", start)
        if end < 0:
            return "".join(pieces)
        position = end + 3
    return "".join([*pieces, html[position:]])


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.unseen = ""  # the element inside which nothing is shown
        self.quotes = 0
        self.link = ""

    def words(self, text: str) -> None:
        if text and not self.unseen:
            self.line.append(_SPACE.sub(" ", unescape(text)))

    def open(self, tag: str, attributes: str) -> None:
        if self.unseen or tag in _UNSEEN:
            self.unseen = self.unseen or tag
            return
        if tag == "br":
            self._end_line()
        elif tag in ("td", "th") and self.line:
            self.line.append(" | ")
        elif tag == "a":
            found = _HREF.search(attributes)
            self.link = unescape(found[1]) if found else ""
        self._break(tag)
        if tag == "blockquote":
            self.quotes += 1
        elif tag == "li":
            self.line.append("- ")

    def close(self, tag: str, attributes: str) -> None:
        if self.unseen:
            self.unseen = "" if tag == self.unseen else self.unseen
            return
        if tag == "a" and self.link:
            if self.line and self.line[-1].strip() != self.link:
                self.line.append(f" ({self.link})")
            self.link = ""
        self._break(tag)
        if tag == "blockquote":
            self.quotes = max(0, self.quotes - 1)

    def text(self) -> str:
        self._end_line()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self.lines)).strip()

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS:
            if "".join(self.line).strip():
                self._end_line()
            self.line = []
        if tag in _APART and self.lines and self.lines[-1]:
            self.lines.append("")

    def _end_line(self) -> None:
        written = _SPACE.sub(" ", "".join(self.line)).strip()
        self.lines.append("> " * min(self.quotes, _DEEPEST_QUOTE) + written)
        self.line = []
