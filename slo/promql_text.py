"""The text of a PromQL query as tokens that know their place, and where a query stops being one.

promql-parser builds the tree, but says no places: neither of the parts of the tree nor of errors.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import promql_parser

from slo.load.codes import Code

# The parser recurses in native code: deep text would end the process, not raise.
MAX_LENGTH: Final = 4_000
MAX_DEPTH: Final = 50
WINDOW_S: Final = 7919  # what stands in for {{.window}}: a length that nobody writes
_MAX_SEARCHED: Final = 300  # tokens of a query whose error is searched for

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)
    |(?P<template>\{\{[^{}"]*\}\})
    |(?P<word>[A-Za-z_:][A-Za-z0-9_:]*)
    |(?P<number>\.?[0-9](?:[eE][+-](?=[0-9])|[A-Za-z0-9_.])*)
    |(?P<other>=~|!~|!=|==|<=|>=|.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_METRIC = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*", re.ASCII)
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_WINDOW = re.compile(r"\{\{\s*\.window\s*\}\}")
_MATCH_OPS = ("=", "!=", "=~", "!~")
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
# What may complete a query that is right so far: before and after the brackets are closed.
_COMPLETIONS = (
    ("", ""),
    (" x", ""),
    (' ="v"', ""),
    (' "v"', ""),
    ("5m", ""),
    ("[5m]", ""),
    (" (x)", ""),
    ("", " (x)"),
    (" x", " (x)"),
)


class QueryError(ValueError):
    """A query that can't be compiled; `offset` is where in its text, None where that is unknown.

    `code` says what kind of problem it is: Code.OUTSIDE and Code.RATE_COMPARED are PromQL that a
    DataSource would evaluate, the others are wrong everywhere. Of two queries that belong together
    it is about the total when `in_total` is set, else about the part.
    """

    def __init__(
        self, message: str, offset: int | None, code: Code = Code.OUTSIDE, *, in_total: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.code = code
        self.in_total = in_total


@dataclass(frozen=True, slots=True)
class Token:
    """`gap` is the white space and comments before it."""

    kind: str | None
    text: str
    offset: int
    gap: str

    @property
    def spelled(self) -> str:
        """As the parser must be told it. It reads escapes in `...`, where PromQL has none."""
        if self.kind == "template":
            return f" {WINDOW_S}s "
        if not self.text.startswith("`"):
            return self.text
        inside = self.text[1:-1].replace("\\", "\\\\").replace('"', '\\"')
        return '"{}"'.format(inside.replace("\n", "\\n"))


@dataclass(slots=True)
class MatcherPlaces:
    """Where the values of a selector's matchers stand, and the first `or` between them."""

    values: list[int | None] = field(default_factory=list)
    either: int | None = None


class Tokens:
    """The tokens of a query with a cursor that follows a walk of its tree.

    Once the walk takes a token that is not there, places are unknown: better none than a wrong one.
    """

    def __init__(self, query: str) -> None:
        if len(query) > MAX_LENGTH:
            message = f"the query is over {MAX_LENGTH} characters: use fewer selectors"
            raise QueryError(message, 0, Code.TOO_LARGE)
        self.query = query
        self.all = list(_tokens(query))
        self._at = 0
        self._lost = False

    @property
    def offset(self) -> int | None:
        """Where the token under the cursor stands."""
        if self._lost:
            return None
        return self.all[self._at].offset if self._at < len(self.all) else len(self.query)

    @property
    def text(self) -> str:
        """The token under the cursor, in lower case as keywords are; empty when unknown."""
        known = not self._lost and self._at < len(self.all)
        return self.all[self._at].text.lower() if known else ""

    @property
    def on_template(self) -> bool:
        """Whether `{{.window}}` is under the cursor."""
        known = not self._lost and self._at < len(self.all)
        return known and self.all[self._at].kind == "template"

    def take(self, text: str) -> None:
        """Go on over this token."""
        self._lost = self._lost or self.text != text.lower()
        self._at += 1

    def take_number(self) -> None:
        """Go on over a number with its signs."""
        while self.text in ("+", "-"):
            self._at += 1
        known = not self._lost and self._at < len(self.all)
        named = self.text in ("inf", "nan")
        self._lost = not known or (self.all[self._at].kind != "number" and not named)
        self._at += 1

    def take_labels(self) -> None:
        """Go on over `(a, b)`."""
        while self.text not in (")", ""):
            self._at += 1
        self.take(")")

    def take_matchers(self) -> MatcherPlaces:
        """Go on over `{...}` if it stands here."""
        places = MatcherPlaces()
        if self.text != "{":
            return places
        while self.text not in ("}", ""):
            token = self.all[self._at]
            self._at += 1
            if self.text in _MATCH_OPS:
                continue  # that was a label's name
            if token.kind == "string":
                places.values.append(token.offset)
            elif token.text.lower() == "or" and places.either is None:
                places.either = token.offset
        self.take("}")
        return places

    def take_range(self) -> None:
        """Go on over `[...]`."""
        while self.text not in ("]", ""):
            self._at += 1
        self.take("]")


def _tokens(query: str) -> Iterator[Token]:
    gap = ""
    for match in _TOKEN.finditer(query):
        if match.lastgroup == "space":
            gap += match.group()
        else:
            yield Token(match.lastgroup, match.group(), match.start(), gap)
            gap = ""


def parse(tokens: Tokens) -> promql_parser.Expr:
    """The tree of a query; a duration stands for `{{.window}}`. QueryError."""
    _check_depth(tokens.all)
    _check_templates(tokens.all)
    try:
        return promql_parser.parse(_spelled(tokens.all))
    except ValueError as error:
        message = str(error)
        place = _place_of(message, tokens.all)
        code = Code.BAD_PATTERN if message.startswith("illegal regex") else Code.NOT_PROMQL
        raise QueryError(f"not PromQL: {message}", place, code) from error


def is_metric_name(text: str) -> bool:
    return _METRIC.fullmatch(text) is not None


def is_label_name(text: str) -> bool:
    return _LABEL.fullmatch(text) is not None


def _check_depth(tokens: Iterable[Token]) -> None:
    depth = 0
    for token in tokens:
        depth += (token.text in _CLOSERS) - (token.text in _CLOSERS.values())
        if depth > MAX_DEPTH:
            message = f"nested over {MAX_DEPTH} brackets deep"
            raise QueryError(message, token.offset, Code.TOO_LARGE)


def _check_templates(tokens: Iterable[Token]) -> None:
    for token in tokens:
        if token.kind == "template" and not _WINDOW.fullmatch(token.text):
            message = f"`{token.text}` is unknown: write {{{{.window}}}}"
            raise QueryError(message, token.offset, Code.NOT_PROMQL)


def _spelled(tokens: Iterable[Token]) -> str:
    return "".join(token.gap + token.spelled for token in tokens)


def _place_of(message: str, tokens: list[Token]) -> int | None:
    """Where the parser's complaint belongs, as far as the text shows it."""
    if function := re.search(r"function (?:with name )?'(\w+)'", message):
        return _place_of_call(function[1], tokens)
    if message.startswith("illegal regex"):
        return _place_of_pattern(tokens)
    if len(tokens) > _MAX_SEARCHED:
        return None
    for count in range(len(tokens), 0, -1):
        open_at = _open(tokens[:count])
        if _can_go_on(_spelled(tokens[:count]), open_at):
            if count < len(tokens):
                return tokens[count].offset
            return open_at[-1].offset if open_at else tokens[-1].offset
    return tokens[0].offset if tokens else 0


def _place_of_call(name: str, tokens: list[Token]) -> int | None:
    """The call of a function, if there is only one of it."""
    calls = [
        word.offset for word, then in pairwise(tokens) if word.text == name and then.text == "("
    ]
    return calls[0] if len(calls) == 1 else None


def _place_of_pattern(tokens: list[Token]) -> int | None:
    for op, value in pairwise(tokens):
        if op.text in ("=~", "!~") and not _parses(f"x{{a=~{value.spelled}}}"):
            return value.offset
    return None


def _open(tokens: Iterable[Token]) -> list[Token]:
    """The brackets that are not closed."""
    stack: list[Token] = []
    for token in tokens:
        if token.text in _CLOSERS:
            stack.append(token)
        elif stack and token.text == _CLOSERS[stack[-1].text]:
            stack.pop()
    return stack


def _can_go_on(prefix: str, open_at: list[Token]) -> bool:
    """Whether a beginning could become a query."""
    closers = "".join(_CLOSERS[token.text] for token in reversed(open_at))
    return any(_parses(f"{prefix}{inside}{closers}{after}") for inside, after in _COMPLETIONS)


def _parses(text: str) -> bool:
    try:
        promql_parser.parse(text)
    except ValueError:
        return False
    return True
