"""Templates of alerts: Jinja in a sandbox, for admins' words around strangers' payloads.

Only what shows and chooses is known: output, `if`, `for`, comparisons, some filters. Nothing in it makes much out
of little (no calls, variables, multiplication or ranges), loops end after a moment, and what comes out is bounded.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import ChainableUndefined, TemplateError, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

MOST_TEMPLATE: Final = 10_000
MOST_RENDERED: Final = 60_000
MOST_SECONDS: Final = 0.5
_DEADLINE: Final = "_deadline"

_KNOWN: Final = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.CondExpr),
    *(nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Tuple, nodes.List),
    *(nodes.Filter, nodes.Test, nodes.Keyword, nodes.Compare, nodes.Operand, nodes.Concat),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Neg),
)
_FILTERS: Final = (
    *(
        "default",
        "d",
        "dictsort",
        "first",
        "int",
        "items",
        "last",
        "length",
        "list",
        "lower",
        "map",
    ),
    *("rejectattr", "round", "selectattr", "sort", "string", "title", "tojson", "trim", "truncate"),
    *("unique", "upper"),
)
_TESTS: Final = ("defined", "undefined", "none", "eq", "ne", "string", "number", "mapping")


class BrokenTemplate(Exception):
    """A template that cannot be used. The message says where and why, for whoever wrote it."""


class _Missing(ChainableUndefined):
    """What a payload does not have: nothing in a condition, an error where it would be shown."""

    def __str__(self) -> str:
        return str(self._fail_with_undefined_error())


class _Sandbox(ImmutableSandboxedEnvironment):
    """`a.b` and `a['b']` are the member "b" of an object in the payload, never an attribute of Python's."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext):
            return super().getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(argument, str) and not isinstance(obj, Mapping):
            return (
                obj[argument]
                if isinstance(obj, _Missing)
                else self.undefined(obj=obj, name=argument)
            )
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(obj=obj, name=argument)

    def is_safe_callable(self, obj: Any) -> bool:
        return False

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for node in tree.find_all(nodes.Node):
            if not isinstance(node, (*_KNOWN, nodes.Helper)):
                word = type(node).__name__.lower()
                raise TemplateSyntaxError(f"“{word}” is not allowed here.", node.lineno)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "_in_time", [], [], None, None, lineno=loop.lineno)
        return tree


@pass_context
def _in_time(context: Context, values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if time.monotonic() > context[_DEADLINE]:
            raise SecurityError(f"A loop took longer than {MOST_SECONDS} seconds")
        yield value


def _join(values: Iterable[Any], by: str = "", attribute: str | None = None) -> str:
    """Jinja's own would make gigabytes of a long list and a long separator."""
    pieces: list[str] = []
    length = 0
    for value in values:
        found = value.get(attribute, "") if attribute and isinstance(value, Mapping) else value
        pieces.append(str(found))
        length += len(pieces[-1]) + len(by)
        if length > MOST_RENDERED:
            raise SecurityError(f"“join” makes a text of more than {MOST_RENDERED} characters")
    return by.join(pieces)


def _environment() -> _Sandbox:
    environment = _Sandbox(undefined=_Missing, autoescape=False, trim_blocks=True)
    environment.globals.clear()
    kept = {name: environment.filters[name] for name in _FILTERS}
    environment.filters = {**kept, "join": _join, "_in_time": _in_time}
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    return environment


_ENVIRONMENT: Final = _environment()


@lru_cache(maxsize=1000)
def _compiled(source: str) -> Any:
    return _ENVIRONMENT.from_string(source)


def check(source: str) -> None:
    """:raises BrokenTemplate: it cannot be rendered, whatever the payload is."""
    if len(source) > MOST_TEMPLATE:
        raise BrokenTemplate(f"It is longer than {MOST_TEMPLATE} characters.")
    try:
        _compiled(source)
    except TemplateSyntaxError as error:
        raise BrokenTemplate(f"Line {error.lineno}: {error.message}") from None
    except TemplateError as error:
        raise BrokenTemplate(str(error.message)) from None


def render(source: str, variables: Mapping[str, Any], *, cut: bool = False) -> str:
    """Return what the template makes; with `cut` no more than MOST_RENDERED characters of it.

    :raises BrokenTemplate: it is wrong, takes too long, or makes too long a text.
    """
    check(source)
    pieces: list[str] = []
    length = 0
    given = {**variables, _DEADLINE: time.monotonic() + MOST_SECONDS}
    try:
        for piece in _compiled(source).generate(given):
            pieces.append(piece)
            length += len(piece)
            if length > MOST_RENDERED:
                if cut:
                    return "".join(pieces)[:MOST_RENDERED] + "\n[the rest was left out]"
                raise BrokenTemplate(f"It makes a text of more than {MOST_RENDERED} characters.")
    except UndefinedError as error:
        raise BrokenTemplate(
            f"{_place(error)}{error.message}. “{{{{ … | default('') }}}}” allows for that."
        ) from None
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise BrokenTemplate(f"{_place(error)}{error}") from None
    return "".join(pieces)


def _place(error: BaseException) -> str:
    """The line of the template: Jinja rewrites the traceback so that its last template frame says it."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"Line {line}: " if line else ""
