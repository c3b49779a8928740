"""YAML text as nodes that know their place, and a reader that reports every problem with it.

A loader opens `Fields` on a mapping, takes the keys it knows, and closes it: what is left over
is an unknown key. A problem never stops the reading, so that one run shows them all; a take that
fails records the problem and returns an empty value of the right type. A loader that sees
`problems` grow returns None.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import yaml

from slo import windows

MAX_BYTES: Final = 4_000_000
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_STR, _BOOL, _NULL = (f"tag:yaml.org,2002:{name}" for name in ("str", "bool", "null"))


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file; line and column count from one."""

    path: str
    line: int
    col: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.col}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One reason why a file cannot be used, or (`warning`) why it will surprise."""

    mark: Mark
    message: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.mark}: {'warning' if self.warning else 'error'}: {self.message}"


@dataclass(slots=True)
class Problems:
    """All problems of one load, in the order found."""

    items: list[Problem] = field(default_factory=list)

    def error(self, mark: Mark, message: str) -> None:
        self.items.append(Problem(mark, message))

    def warn(self, mark: Mark, message: str) -> None:
        self.items.append(Problem(mark, message, warning=True))

    @property
    def errors(self) -> list[Problem]:
        return [p for p in self.items if not p.warning]

    @property
    def warnings(self) -> list[Problem]:
        return [p for p in self.items if p.warning]


class LoadError(Exception):
    """Files that cannot be used; `problems` says why, each with its place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Node:
    """One YAML node with its place. `source` is the text of the whole file."""

    raw: yaml.Node
    path: str
    source: str

    @property
    def mark(self) -> Mark:
        start = self.raw.start_mark
        return Mark(self.path, start.line + 1, start.column + 1)

    def mark_at(self, offset: int) -> Mark:
        """The place of a character of a scalar's value; of its start where folding hides it."""
        raw, start = self.raw, self.mark
        if not isinstance(raw, yaml.ScalarNode):
            return start
        if raw.style == "|":
            before = raw.value[:offset]
            row = before.count("\n")
            lines = self.source.splitlines()[start.line :]
            first = next((line for line in lines if line.strip()), "")
            indent = len(first) - len(first.lstrip(" "))
            return Mark(self.path, start.line + 1 + row, indent + offset - (before.rfind("\n")))
        if raw.style == ">" or raw.start_mark.line != raw.end_mark.line:
            return start
        return Mark(self.path, start.line, start.col + offset + (1 if raw.style else 0))

    def child(self, raw: yaml.Node) -> "Node":
        return Node(raw, self.path, self.source)


def documents(text: str, path: str, problems: Problems) -> list[Node]:
    """The documents of a file, empty ones left out; a syntax error is one problem and no documents."""
    if len(text) > MAX_BYTES:
        problems.error(Mark(path, 1, 1), f"the file is over {MAX_BYTES} characters: split it")
        return []
    try:
        raws = list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(path, at.line + 1, at.column + 1) if at else Mark(path, 1, 1)
        problems.error(mark, f"not YAML: {error.problem or error.context}")
        return []
    except yaml.YAMLError as error:
        problems.error(Mark(path, 1, 1), f"not YAML: {error}")
        return []
    return [Node(raw, path, text) for raw in raws if raw is not None and raw.tag != _NULL]


class Fields:
    """The keys of one mapping, taken one by one."""

    def __init__(self, node: Node, problems: Problems, where: str = "") -> None:
        self.node = node
        self.problems = problems
        self.where = where
        self._nodes: dict[str, Node] = {}
        self._marks: dict[str, Mark] = {}
        self._known: list[str] = []
        if not isinstance(node.raw, yaml.MappingNode):
            problems.error(node.mark, f"{where or 'this'} must be a mapping of keys to values")
            return
        for key, value in node.raw.value:
            key_mark = node.child(key).mark
            if not isinstance(key, yaml.ScalarNode):
                problems.error(key_mark, "a key must be text")
            elif key.value in self._nodes:
                problems.error(key_mark, f"duplicate key `{key.value}`: keep one of them")
            else:
                self._nodes[key.value] = node.child(value)
                self._marks[key.value] = key_mark

    def has(self, key: str) -> bool:
        return key in self._nodes

    def mark(self, key: str) -> Mark:
        """Where the key's value stands; where the mapping stands if it is missing."""
        return self._nodes[key].mark if key in self._nodes else self.node.mark

    def node_of(self, key: str, *, required: bool = True) -> Node | None:
        """The raw node of a key; a missing one that is required is a problem."""
        self._known.append(key)
        node = self._nodes.get(key)
        if node is not None and node.raw.tag == _NULL:
            node = None
        if node is None and required:
            self.problems.error(self.node.mark, f"missing key `{self._name(key)}`")
        return node

    def text(self, key: str, default: str | None = None) -> str:
        """A text value; required when no default is given."""
        node = self.node_of(key, required=default is None)
        return (default or "") if node is None else text_of(node, self.problems, self._name(key))

    def maybe_text(self, key: str) -> str | None:
        """A text value, or None when the key is absent."""
        node = self.node_of(key, required=False)
        return None if node is None else text_of(node, self.problems, self._name(key))

    def choice(self, key: str, allowed: Iterable[str], default: str | None = None) -> str:
        """A text that must be one of `allowed`."""
        value, options = self.text(key, default), tuple(allowed)
        if self._nodes.get(key) is not None and value not in options:
            hint = _did_you_mean(value, options)
            message = f"`{self._name(key)}` is `{value}`; it must be one of {', '.join(options)}{hint}"
            self.problems.error(self.mark(key), message)
            return default if default is not None else (options[0] if options else "")
        return value

    def number(
        self,
        key: str,
        default: float | None = None,
        *,
        above: float | None = None,
        below: float | None = None,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> float:
        """A number within bounds; required when no default is given."""
        node = self.node_of(key, required=default is None)
        if node is None:
            return default or 0.0
        raw = node.raw
        if not (isinstance(raw, yaml.ScalarNode) and not raw.style and _NUMBER.fullmatch(raw.value)):
            self.problems.error(node.mark, f"`{self._name(key)}` must be a number")
            return default or 0.0
        value = float(raw.value)
        bounds = (
            (above is not None and value <= above, f"above {above}"),
            (below is not None and value >= below, f"below {below}"),
            (at_least is not None and value < at_least, f"at least {at_least}"),
            (at_most is not None and value > at_most, f"at most {at_most}"),
        )
        for broken, rule in bounds:
            if broken:
                self.problems.error(node.mark, f"`{self._name(key)}` is {raw.value}; it must be {rule}")
        return value

    def integer(self, key: str, default: int | None = None, *, at_least: int | None = None) -> int:
        """A whole number; required when no default is given."""
        value = self.number(key, default, at_least=at_least)
        if value != int(value):
            self.problems.error(self.mark(key), f"`{self._name(key)}` must be a whole number")
        return int(value)

    def flag(self, key: str, default: bool | None = None) -> bool:
        """`true` or `false`; other YAML spellings (yes, on) are refused."""
        node = self.node_of(key, required=default is None)
        if node is None:
            return bool(default)
        if isinstance(node.raw, yaml.ScalarNode) and node.raw.value in ("true", "false"):
            return bool(node.raw.value == "true")
        self.problems.error(node.mark, f"`{self._name(key)}` must be true or false")
        return bool(default)

    def duration(self, key: str, default_s: float | None = None, *, above_s: float = 0.0) -> float:
        """A duration such as `5m`, in seconds; required when no default is given."""
        node = self.node_of(key, required=default_s is None)
        if node is None:
            return default_s or 0.0
        text = text_of(node, self.problems, self._name(key))
        try:
            seconds = windows.parse(text)
        except ValueError as error:
            self.problems.error(node.mark, f"`{self._name(key)}`: {error}")
            return default_s or 0.0
        if seconds <= above_s:
            limit = f"it must be above {windows.show(above_s)}"
            self.problems.error(node.mark, f"`{self._name(key)}` is {text}; {limit}")
        return seconds

    def labels(self, key: str) -> dict[str, str]:
        """A mapping of text to text; empty when absent."""
        node = self.node_of(key, required=False)
        if node is None:
            return {}
        fields = Fields(node, self.problems, self._name(key))
        values = {name: fields.text(name) for name in fields.names()}
        fields.close()
        return values

    def names(self) -> tuple[str, ...]:
        """All keys that stand in the mapping, in order."""
        return tuple(self._nodes)

    @contextmanager
    def map(self, key: str) -> Iterator["Fields"]:
        """The fields of a required mapping; closed on leaving."""
        node = self.node_of(key)
        inner = Fields(node, self.problems, self._name(key)) if node else _nothing(self)
        yield inner
        inner.close()

    @contextmanager
    def maybe_map(self, key: str) -> Iterator["Fields | None"]:
        """The fields of a mapping or None when absent; closed on leaving."""
        node = self.node_of(key, required=False)
        inner = Fields(node, self.problems, self._name(key)) if node else None
        yield inner
        if inner is not None:
            inner.close()

    def list(self, key: str, *, required: bool = False) -> list[Node]:
        """The items of a list; empty when absent."""
        node = self.node_of(key, required=required)
        if node is None:
            return []
        if not isinstance(node.raw, yaml.SequenceNode):
            self.problems.error(node.mark, f"`{self._name(key)}` must be a list")
            return []
        return [node.child(raw) for raw in node.raw.value]

    def texts(self, key: str, *, required: bool = False) -> list[str]:
        """A list of texts; empty when absent."""
        return [text_of(node, self.problems, self._name(key)) for node in self.list(key, required=required)]

    def refuse(self, key: str, reason: str) -> None:
        """A key of the format that is understood and not served: a problem with its reason."""
        self._known.append(key)
        if key in self._nodes:
            self.problems.error(self._marks[key], f"`{self._name(key)}` {reason}")

    def ignore(self, *keys: str) -> None:
        """Keys that may stand there and say nothing to Vigie."""
        self._known.extend(keys)

    def close(self) -> None:
        """Report the keys that nobody took."""
        for key, mark in self._marks.items():
            if key not in self._known:
                hint = _did_you_mean(key, self._known)
                self.problems.error(mark, f"unknown key `{self._name(key)}`{hint}")

    def _name(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key


def text_of(node: Node, problems: Problems, name: str) -> str:
    """The text of a scalar; booleans and nulls in disguise (`no`, `~`) are problems."""
    raw = node.raw
    if not isinstance(raw, yaml.ScalarNode):
        problems.error(node.mark, f"`{name}` must be text")
        return ""
    if raw.tag in (_BOOL, _NULL):
        problems.error(node.mark, f"`{name}`: `{raw.value}` is no text in YAML: put it in quotes")
        return ""
    return str(raw.value)


def plain(node: Node) -> object:
    """The node as plain Python values (dict, list, str, int, float, bool, None)."""
    constructor = yaml.CSafeLoader("")
    try:
        return constructor.construct_document(node.raw)
    finally:
        constructor.dispose()


def _nothing(parent: Fields) -> Fields:
    empty = yaml.MappingNode("tag:yaml.org,2002:map", [], parent.node.raw.start_mark)
    silent = Problems()  # the missing mapping was reported; its missing keys need not be
    return Fields(parent.node.child(empty), silent)


def _did_you_mean(word: str, options: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(options), n=1, cutoff=0.7)
    return f"; did you mean `{close[0]}`?" if close else ""
