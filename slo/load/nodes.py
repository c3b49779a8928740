"""YAML text as nodes that know their place, bounded so that no text can exhaust the reader."""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import yaml

from slo.load.codes import Code
from slo.load.marks import LoadError, Mark, Problem, Problems

MAX_BYTES: Final = 4_000_000
MAX_NODES: Final = 100_000  # of one document, every alias counted as what it stands for
MAX_DEPTH: Final = 100
BOOL, NULL = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:null"
MERGE: Final = "tag:yaml.org,2002:merge"
_STANDARD: Final = "tag:yaml.org,2002:"
_OPEN = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSE = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
# One character of a quoted scalar as it is spelled.
_ESCAPE = re.compile(r"\\(?:x..|u....|U.{8}|.)|[^\\]")
_DOUBLED = re.compile(r"''|[^']")
_OTHER_BREAKS = re.compile("[\x85\u2028\u2029]")


class Node(NamedTuple):
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
            return self._mark_in_block(offset)
        if raw.style == ">" or raw.start_mark.line != raw.end_mark.line:
            return start
        return Mark(self.path, start.line, start.col + _source_length(raw, self.source, offset))

    def child(self, raw: yaml.Node) -> "Node":
        return Node(raw, self.path, self.source)

    def _mark_in_block(self, offset: int) -> Mark:
        """A block scalar's lines stand below its `|`, all indented alike."""
        start, value = self.mark, str(self.raw.value)
        if _OTHER_BREAKS.search(value):
            return start
        before = value[:offset]
        line = start.line + 1 + before.count("\n")
        first = next((row for row in value.split("\n") if row.strip()), "")
        above = value[: value.find(first)].count("\n")
        rows = self.source.splitlines()[start.line + above : start.line + above + 1]
        indent = _indent(rows[0]) - _indent(first) if rows else 0
        return Mark(self.path, line, indent + offset - before.rfind("\n"))


def documents(text: str, path: str, problems: Problems) -> list[Node]:
    """The documents of a file, empty ones left out; the items of a list at the top are documents.

    Text that is not YAML, or that would not be sane to read, is one problem and no documents.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_BYTES:
        message = f"the file is over {MAX_BYTES} characters: split it"
        problems.error(Mark(path, 1, 1), message, Code.TOO_LARGE)
        return []
    try:
        if (deep := _too_deep(text, path)) is not None:
            message = f"nested over {MAX_DEPTH} levels deep: nothing that Vigie reads is"
            problems.error(deep, message, Code.TOO_LARGE)
            return []
        raws = list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(path, at.line + 1, at.column + 1) if at else Mark(path, 1, 1)
        problems.error(mark, f"not YAML: {error.problem or error.context}", Code.NOT_YAML)
        return []
    except yaml.reader.ReaderError as error:
        message = f"not YAML: character U+{error.character:04X} is not allowed"
        problems.error(place(text, error.position, path), message, Code.NOT_YAML)
        return []
    except UnicodeEncodeError as error:  # half of a surrogate pair
        message = "not YAML: a character that UTF-8 can't hold"
        problems.error(place(text, error.start, path), message, Code.NOT_YAML)
        return []
    nodes = [Node(raw, path, text) for raw in raws if raw is not None]
    return [item for node in nodes if _sane(node, problems) for item in _items(node)]


def place(text: str, index: int, path: str) -> Mark:
    """The place of a character of a text."""
    before = text[:index]
    return Mark(path, before.count("\n") + 1, index - before.rfind("\n"))


def text_of(node: Node, problems: Problems, name: str) -> str:
    """The text of a scalar; booleans and nulls in disguise (`no`, `~`) are problems."""
    raw = node.raw
    if not isinstance(raw, yaml.ScalarNode):
        problems.error(node.mark, f"`{name}` must be text", Code.WRONG_TYPE)
        return ""
    if raw.tag == NULL and not raw.value:
        problems.error(node.mark, f"`{name}` has no value", Code.EMPTY)
        return ""
    if raw.tag in (BOOL, NULL):
        message = f"`{name}`: `{raw.value}` is no text in YAML: put it in quotes"
        problems.error(node.mark, message, Code.WRONG_TYPE)
        return ""
    return str(raw.value)


def merged(node: Node, problems: Problems) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """What the merge keys (`<<`) of a mapping add: keys and values, of which a key's first counts
    where it doesn't stand in the mapping itself.
    """
    for key, value in node.raw.value:
        if key.tag != MERGE:
            continue
        for raw in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            if isinstance(raw, yaml.MappingNode):
                yield from (pair for pair in raw.value if pair[0].tag != MERGE)
                yield from merged(node.child(raw), problems)
            else:
                message = "`<<` adds mappings: name one, or a list of them"
                problems.error(node.child(key).mark, message, Code.WRONG_TYPE)


def plain(node: Node) -> object:
    """The node as plain Python values (dict, list, str, int, float, bool, None); else LoadError."""
    constructor = yaml.CSafeLoader("")
    try:
        return constructor.construct_document(node.raw)
    except (ValueError, yaml.constructor.ConstructorError) as error:
        message = f"not a value: {getattr(error, 'problem', error)}"
        raise LoadError([Problem(node.mark, message, code=Code.WRONG_TYPE)]) from error
    finally:
        constructor.dispose()


def _too_deep(text: str, path: str) -> Mark | None:
    """Where nesting goes beyond MAX_DEPTH: the composer recurses in C and would crash there."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, _OPEN):
            depth += 1
            if depth > MAX_DEPTH and (at := event.start_mark) is not None:
                return Mark(path, at.line + 1, at.column + 1)
        elif isinstance(event, _CLOSE):
            depth -= 1
    return None


def _items(node: Node) -> Iterator[Node]:
    raws = node.raw.value if isinstance(node.raw, yaml.SequenceNode) else [node.raw]
    return (node.child(raw) for raw in raws if raw.tag != NULL)


def _sane(node: Node, problems: Problems) -> bool:
    """Refuse what a reader that walks the nodes would drown in: aliases that multiply, loops."""
    sizes: dict[int, int] = {}
    strange: list[yaml.Node] = []
    size = _expanded(node.raw, sizes, strange)
    for raw in strange:
        message = f"the YAML tag `{raw.tag}` means nothing to Vigie"
        problems.error(node.child(raw).mark, message, Code.WRONG_TYPE)
    if size == 0:
        message = "an alias stands inside what it names: write it out"
        problems.error(node.mark, message, Code.TOO_LARGE)
    elif size > MAX_NODES:
        message = f"over {MAX_NODES} values once aliases are replaced: split it"
        problems.error(node.mark, message, Code.TOO_LARGE)
    return not strange and 0 < size <= MAX_NODES


def _expanded(raw: yaml.Node, sizes: dict[int, int], strange: list[yaml.Node]) -> int:
    """How many nodes a node stands for; 0 when it holds itself. Each node is walked once."""
    if id(raw) in sizes:
        return sizes[id(raw)]
    if not (raw.tag.startswith(_STANDARD) and raw.tag.removeprefix(_STANDARD).isalpha()):
        strange.append(raw)  # `!!python/...` too, whose prefix is the standard one
    sizes[id(raw)] = 0
    parts = [_expanded(child, sizes, strange) for child in _children(raw)]
    sizes[id(raw)] = 0 if 0 in parts else 1 + sum(parts)
    return sizes[id(raw)]


def _children(raw: yaml.Node) -> Iterable[yaml.Node]:
    if isinstance(raw, yaml.MappingNode):
        return [node for pair in raw.value for node in pair]
    return raw.value if isinstance(raw, yaml.SequenceNode) else ()


def _source_length(raw: yaml.ScalarNode, source: str, offset: int) -> int:
    """How many characters of a one-line scalar's source stand before one of its value."""
    if not raw.style:
        return offset
    inside = source[raw.start_mark.index + 1 : raw.end_mark.index - 1]
    spelled = (_ESCAPE if raw.style == '"' else _DOUBLED).findall(inside)
    return 1 + sum(len(text) for text in spelled[:offset])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
