"""YAML read with care: plain data, the line of everything in it, and every limit that a hostile file would strain.

Read as YAML 1.2 means it: `NO` is Norway and `12:30` a time of day, not a truth and a number. Pure.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sla.problems import Path, Problem, show_path

MOST_BYTES: Final = 1_000_000
MOST_VALUES: Final = 100_000
MOST_DEPTH: Final = 20
MOST_SHOWN: Final = 50

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STANDARD: Final = "tag:yaml.org,2002:"
_KNOWN_TAGS: Final = {
    _STANDARD + name for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,15}")
_FLOAT: Final = re.compile(r"[-+]?[0-9]{1,15}\.[0-9]{0,15}")


class Mark(NamedTuple):
    """Both count from 1."""

    line: int
    column: int


class FileError(NamedTuple):
    """One thing that is wrong in a file. `line` 0: nowhere in particular."""

    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}: " if self.line else ""
        return f"{where}{self.path}: {self.message}" if self.path else f"{where}{self.message}"


class WrongFile(ValueError):
    """The file cannot be used. All that is wrong, by line."""

    def __init__(self, errors: list[FileError]) -> None:
        self.errors = sorted(errors)
        more = len(self.errors) - MOST_SHOWN
        lines = [str(error) for error in self.errors[:MOST_SHOWN]]
        super().__init__("\n".join([*lines, f"… and {more} more"] if more > 0 else lines))


@dataclass
class YamlText:
    """What a text says, and where."""

    data: Any = None
    marks: dict[Path, Mark] = field(default_factory=dict)

    def error(self, path: Path, message: str) -> FileError:
        """`message` with the line of `path`, or of the nearest thing around it."""
        known = next((n for n in range(len(path), -1, -1) if path[:n] in self.marks), None)
        mark = self.marks[path[:known]] if known is not None else Mark(0, 0)
        return FileError(*mark, show_path(path), message)

    def refuse(self, problems: list[Problem]) -> None:
        """:raises WrongFile: if there are any problems."""
        if problems:
            raise WrongFile([self.error(*problem) for problem in problems])


def read_yaml(content: bytes | str) -> YamlText:
    """Return the one document in `content`; no data when it holds only comments.

    :raises WrongFile: it is no YAML, too much, or names a key twice.
    """
    text = _text(content)
    try:
        _refuse_too_much(text)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(part for part in (error.context, error.problem) if part)
        where = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise WrongFile([FileError(*where, "", f"This is not YAML: {reason}.")]) from None
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise WrongFile([FileError(0, 0, "", f"This is not YAML: {reason}.")]) from None
    found = YamlText()
    if root is not None:
        builder = _Builder(found)
        found.data = builder.build(root, (), _mark(root))
        if builder.errors:
            raise WrongFile(builder.errors)
    return found


def _text(content: bytes | str) -> str:
    size = len(content)
    if size > MOST_BYTES:
        raise WrongFile([FileError(0, 0, "", f"It is larger than {MOST_BYTES // 1_000_000} MB.")])
    if isinstance(content, str):
        return content
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise WrongFile([FileError(line, 1, "", "This is not UTF-8.")]) from None


def _refuse_too_much(text: str) -> None:
    """Look at the events, which come one by one, before anything is built of them."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MOST_DEPTH or count > 2 * MOST_VALUES:
            line, column = _mark(event)
            why = f"nested more than {MOST_DEPTH} deep" if depth > MOST_DEPTH else "too much"
            raise WrongFile([FileError(line, column, "", f"It is {why}.")])


def _mark(node: Any) -> Mark:
    """Where a node or event begins."""
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


class _Builder:
    """Nodes to data. Aliases are built anew wherever they stand, so values are counted."""

    def __init__(self, found: YamlText) -> None:
        self.marks, self.errors, self.count = found.marks, [], 0  # type: ignore[var-annotated]

    def build(self, node: Node, path: Path, mark: Mark) -> Any:
        self.marks[path] = mark
        self.count += 1
        if self.count > MOST_VALUES or len(path) > MOST_DEPTH:
            raise WrongFile([*self.errors, FileError(*mark, show_path(path), "It is too much.")])
        if node.tag not in _KNOWN_TAGS:
            self._wrong(mark, path, "Tags (!name) and merge keys (<<) are not read here.")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            children = enumerate(node.value)
            return [self.build(child, (*path, i), _mark(child)) for i, child in children]
        return self._scalar(node, path, mark)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            mark = _mark(key)
            if not isinstance(key, ScalarNode):
                self._wrong(mark, path, "A name must be a text.")
                continue
            name = str(self._checked(key.value, path, mark))
            if key.tag == _STANDARD + "merge":
                self._wrong(mark, path, "Merge keys (<<) are not read. Use an alias (*name).")
            elif name in found:
                first = lines[name]
                self._wrong(
                    mark, (*path, name), f"{name!r} stands here twice (first in line {first})."
                )
            else:
                lines[name] = mark.line
                where = _mark(value) if isinstance(value, ScalarNode) else mark
                # An alias has the line of what it repeats, which would send the reader elsewhere.
                aliased = where.line < mark.line
                found[name] = self.build(value, (*path, name), mark if aliased else where)
        return found

    def _scalar(self, node: Node, path: Path, mark: Mark) -> Any:
        text: str = self._checked(node.value, path, mark)
        if not isinstance(node, ScalarNode) or node.style or node.tag == _STANDARD + "str":
            return text
        if text in ("", "~", "null", "Null", "NULL"):
            return None
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        if _INTEGER.fullmatch(text):
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else text

    def _checked(self, text: str, path: Path, mark: Mark) -> str:
        if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            self._wrong(mark, path, "It holds a character that no text has.")
        return text

    def _wrong(self, mark: Mark, path: Path, message: str) -> None:
        self.errors.append(FileError(*mark, show_path(path), message))
