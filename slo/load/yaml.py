"""A reader of YAML mappings that reports every problem with its place.

A loader opens `Fields` on a mapping, takes the keys it knows, and closes it: what is left over
is an unknown key. A problem never stops the reading, so that one run shows them all; a take that
fails records the problem and returns an empty value of the right type. A loader that sees
`problems` grow returns None.
"""

import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import yaml

from slo import windows
from slo.load.codes import Code
from slo.load.marks import LoadError, Mark, Problem, Problems
from slo.load.nodes import BOOL, MERGE, NULL, Node, documents, merged, plain, text_of

__all__ = [
    "Fields",
    "LoadError",
    "Mark",
    "Node",
    "Problem",
    "Problems",
    "did_you_mean",
    "documents",
    "plain",
    "text_of",
]

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)


class Fields:
    """The keys of one mapping, taken one by one."""

    def __init__(self, node: Node, problems: Problems, where: str = "") -> None:
        self.node = node
        self.problems = problems
        self.where = where
        self._nodes: dict[str, Node] = {}
        self._marks: dict[str, Mark] = {}
        self._known: dict[str, None] = {}
        if not isinstance(node.raw, yaml.MappingNode):
            message = f"{where or 'this'} must be a mapping of keys to values"
            problems.error(node.mark, message, Code.WRONG_TYPE)
            self.problems = Problems()  # that was reported; its missing keys need not be
            return
        for key, value in node.raw.value:
            key_mark = node.child(key).mark
            if key.tag == MERGE:
                continue
            if not isinstance(key, yaml.ScalarNode):
                problems.error(key_mark, "a key must be text", Code.WRONG_TYPE)
            elif key.value in self._nodes:
                message = f"duplicate key `{key.value}`: keep one of them"
                problems.error(key_mark, message, Code.DUPLICATE_KEY)
            else:
                self._nodes[key.value] = node.child(value)
                self._marks[key.value] = key_mark
        for key, value in merged(node, problems):
            if isinstance(key, yaml.ScalarNode) and key.value not in self._nodes:
                self._nodes[key.value] = node.child(value)
                self._marks[key.value] = node.child(key).mark

    def has(self, key: str) -> bool:
        return key in self._nodes

    def mark(self, key: str) -> Mark:
        """Where the key's value stands; where the mapping stands if it is missing."""
        return self._nodes[key].mark if key in self._nodes else self.node.mark

    def node_of(self, key: str, *, required: bool = True) -> Node | None:
        """The raw node of a key, None when it is absent or says nothing; required: a problem."""
        self._known[key] = None
        node = self._nodes.get(key)
        if node is not None and not _says_nothing(node):
            return node
        if required and node is None:
            message = f"missing key `{self._name(key)}`"
            self.problems.error(self.node.mark, message, Code.MISSING_KEY)
        elif required:
            self.problems.error(self._marks[key], f"`{self._name(key)}` has no value", Code.EMPTY)
        return None

    def text(self, key: str, default: str | None = None) -> str:
        """A text value; required, and not empty, when no default is given."""
        node = self.node_of(key, required=default is None)
        if node is None:
            return default or ""
        if default is None and isinstance(node.raw, yaml.ScalarNode) and not node.raw.value.strip():
            self.problems.error(node.mark, f"`{self._name(key)}` must not be empty", Code.EMPTY)
            return ""
        return text_of(node, self.problems, self._name(key))

    def maybe_text(self, key: str) -> str | None:
        """A text value, or None when the key is absent."""
        node = self.node_of(key, required=False)
        return None if node is None else text_of(node, self.problems, self._name(key))

    def choice(self, key: str, allowed: Iterable[str], default: str | None = None) -> str:
        """A text that must be one of `allowed`."""
        options = tuple(allowed)
        value = self.text(key, default)
        if not value or value in options:
            return value or default or options[0]
        hint = did_you_mean(value, options)
        rule = f"one of {', '.join(options)}" if len(options) > 1 else f"`{options[0]}`"
        message = f"`{self._name(key)}` is `{value}`; it must be {rule}{hint}"
        self.problems.error(self.mark(key), message, Code.NOT_ALLOWED)
        return default or options[0]

    def number(
        self,
        key: str,
        default: float | None = None,
        *,
        above: float | None = None,
        below: float | None = None,
        at_least: float | None = None,
        at_most: float | None = None,
        code: Code = Code.OUT_OF_BOUNDS,
    ) -> float:
        """A finite number; required when no default is given. `code` is that of its bounds."""
        node = self.node_of(key, required=default is None)
        if node is None:
            return default or 0.0
        raw, name = node.raw, self._name(key)
        if not (
            isinstance(raw, yaml.ScalarNode) and not raw.style and _NUMBER.fullmatch(raw.value)
        ):
            self.problems.error(node.mark, f"`{name}` must be a number", Code.WRONG_TYPE)
            return default or 0.0
        value = float(raw.value)
        rules = (
            (math.isfinite(value), "smaller than that"),
            (above is None or value > above, f"above {above}"),
            (below is None or value < below, f"below {below}"),
            (at_least is None or value >= at_least, f"at least {at_least}"),
            (at_most is None or value <= at_most, f"at most {at_most}"),
        )
        for kept, rule in rules:
            if not kept:
                self.problems.error(node.mark, f"`{name}` is {raw.value}; it must be {rule}", code)
        return value if math.isfinite(value) else 0.0

    def integer(
        self,
        key: str,
        default: int | None = None,
        *,
        at_least: int | None = None,
        at_most: int | None = None,
    ) -> int:
        """A whole number within bounds; required when no default is given."""
        value = self.number(key, default, at_least=at_least, at_most=at_most)
        if value != int(value):
            message = f"`{self._name(key)}` must be a whole number"
            self.problems.error(self.mark(key), message, Code.WRONG_TYPE)
        return int(value)

    def flag(self, key: str, default: bool | None = None) -> bool:
        """`true` or `false`; other YAML spellings (yes, on) are refused."""
        node = self.node_of(key, required=default is None)
        if node is None:
            return bool(default)
        if node.raw.tag == BOOL and node.raw.value in ("true", "false"):
            return bool(node.raw.value == "true")
        message = f"`{self._name(key)}` must be true or false"
        self.problems.error(node.mark, message, Code.WRONG_TYPE)
        return bool(default)

    def duration(self, key: str, default_s: float | None = None, *, above_s: float = 0.0) -> float:
        """A duration such as `5m`, in seconds; required when no default is given."""
        text = self.text(key, None if default_s is None else "")
        if not text:
            return default_s or 0.0
        try:
            seconds = windows.parse(text)
        except ValueError as error:
            self.problems.error(self.mark(key), f"`{self._name(key)}`: {error}", Code.BAD_DURATION)
            return default_s or 0.0
        if seconds <= above_s:
            message = f"`{self._name(key)}` is {text}; it must be above {windows.show(above_s)}"
            self.problems.error(self.mark(key), message, Code.OUT_OF_BOUNDS)
        return seconds

    def labels(self, key: str) -> dict[str, str]:
        """A mapping of text to text; empty when absent."""
        with self.maybe_map(key) as fields:
            return {} if fields is None else {name: fields.text(name) for name in fields.names()}

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

    def items(self, key: str, *, required: bool = False) -> list[Node]:
        """The items of a list; empty when absent."""
        node = self.node_of(key, required=required)
        if node is None:
            return []
        if not isinstance(node.raw, yaml.SequenceNode):
            self.problems.error(node.mark, f"`{self._name(key)}` must be a list", Code.WRONG_TYPE)
            return []
        return [node.child(raw) for raw in node.raw.value]

    def maps(self, key: str, *, required: bool = False) -> Iterator["Fields"]:
        """The fields of each mapping in a list; each is closed when the next one is asked for."""
        for index, node in enumerate(self.items(key, required=required)):
            inner = Fields(node, self.problems, f"{self._name(key)}[{index}]")
            yield inner
            inner.close()

    def texts(self, key: str, *, required: bool = False) -> list[str]:
        """A list of texts; empty when absent."""
        nodes = self.items(key, required=required)
        return [text_of(node, self.problems, self._name(key)) for node in nodes]

    def refuse(self, key: str, reason: str, code: Code = Code.NOT_SERVED) -> None:
        """A key of the format that is understood and not served: a problem with its reason.

        One that says nothing (`alertPolicies: []`) asks for nothing, so it may stand.
        """
        self._known[key] = None
        if key in self._nodes and not _says_nothing(self._nodes[key]):
            self.problems.error(self._marks[key], f"`{self._name(key)}` {reason}", code)

    def ignore(self, *keys: str) -> None:
        """Keys that may stand there and say nothing to Vigie."""
        self._known.update(dict.fromkeys(keys))

    def close(self) -> None:
        """Report the keys that nobody took."""
        for key, mark in self._marks.items():
            if key not in self._known:
                hint = did_you_mean(key, self._known)
                message = f"unknown key `{self._name(key)}`{hint}"
                self.problems.error(mark, message, Code.UNKNOWN_KEY)

    def _name(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """A hint at the option that was probably meant; empty when none is close."""
    import difflib  # noqa: PLC0415 - only a file with a mistake in it has to wait for it

    close = difflib.get_close_matches(word, list(options), n=1, cutoff=0.7)
    return f"; did you mean `{close[0]}`?" if close else ""


def _says_nothing(node: Node) -> bool:
    """Whether a value is null, spelled `null`, `~` or not at all, or an empty list."""
    raw = node.raw
    return bool(raw.tag == NULL or (isinstance(raw, yaml.SequenceNode) and not raw.value))


def _nothing(parent: Fields) -> Fields:
    empty = yaml.MappingNode("tag:yaml.org,2002:map", [], parent.node.raw.start_mark)
    silent = Problems()  # the missing mapping was reported; its missing keys need not be
    return Fields(parent.node.child(empty), silent)
