"""From paths to everything that the documents in them say, read one by one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import collectors.load
import runbooks.load
import slo.load.policy
import vigie.channels
from slo.load import openslo
from slo.load.document import OPENSLO, VIGIE, peek
from slo.load.nodes import MAX_BYTES, place
from slo.load.yaml import Mark, Node, Problems, did_you_mean, documents

SUFFIXES: Final = (".yaml", ".yml")
Reader = Callable[[Node, Problems], object]
READERS: Final[Mapping[str, Mapping[str, Reader]]] = {
    OPENSLO: {"SLO": openslo.read_slo, "Service": openslo.read_service},
    VIGIE: {
        "Channel": vigie.channels.read,
        "Policy": slo.load.policy.read,
        "Runbook": runbooks.load.read,
        "Targets": collectors.load.read,
    },
}
_NONE: Final = "Vigie reads " + "; ".join(
    f"{version}: {', '.join(sorted(kinds))}" for version, kinds in READERS.items()
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Places:
    """Where a document stands, its name and its service: all that is kept of its text, for the
    nodes of many files weigh ten times what they say.
    """

    document: Mark
    name: Mark
    service: Mark


@dataclass(slots=True)
class Documents:
    """What was read, in the order of the files.

    `kinds` also counts the documents that could not be read, so that a check can tell "there is
    none" from "there is one and it is wrong".
    """

    values: list[tuple[Places, object]] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    _first: dict[tuple[str, str], Mark] = field(default_factory=dict)

    def of(self, kind: type[T]) -> list[tuple[Places, T]]:
        """The values of one type, each with where it stands."""
        return [(places, value) for places, value in self.values if isinstance(value, kind)]

    def read(self, node: Node, problems: Problems) -> None:
        """Read one document of any kind."""
        reader = _reader(node, problems)
        if reader is None:
            return
        kind = _text(node, "kind")
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self._check_unique(kind, node, problems)
        value = reader(node, problems)
        found = value if isinstance(value, list) else [value]
        places = Places(node.mark, _mark(node, "metadata", "name"), _mark(node, "spec", "service"))
        self.values.extend((places, item) for item in found if item is not None)

    def _check_unique(self, kind: str, node: Node, problems: Problems) -> None:
        name = peek(node, "metadata", "name")
        if name is None:
            return
        service = f"{_text(node, 'spec', 'service')}/" if kind == "SLO" else ""
        identity = f"{service}{name.raw.value}"
        first = self._first.setdefault((kind, identity), name.mark)
        if first != name.mark:
            message = f"{kind} `{identity}` is also defined in {first}; rename or remove one"
            problems.error(name.mark, message)


def read_files(paths: Iterable[Path], problems: Problems) -> Documents:
    """All documents under these paths."""
    found = Documents()
    for file in _files(paths, problems):
        text = _text_of(file, problems)
        for node in documents(text, str(file), problems) if text is not None else ():
            found.read(node, problems)
    return found


def _files(paths: Iterable[Path], problems: Problems) -> Iterator[Path]:
    """Every file once, by name within a folder."""
    seen: set[Path] = set()
    for path in paths:
        for file in _under(path, problems):
            real = file.resolve()
            if real not in seen:
                seen.add(real)
                yield file


def _under(path: Path, problems: Problems, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """The path itself, or of a folder what lies in it and below."""
    try:
        if path.is_file():
            yield path
        elif not path.is_dir():
            problems.error(Mark(str(path), 1, 1), "there is no such file or folder")
        elif (real := path.resolve()) not in above:  # else a link that leads back up
            for entry in sorted(path.iterdir()):
                if _is_read(entry):
                    yield from _under(entry, problems, (*above, real))
    except OSError as error:
        problems.error(Mark(str(path), 1, 1), f"cannot be read: {error.strerror}")


def _is_read(entry: Path) -> bool:
    """Whether an entry of a folder is one of Vigie's. What begins with a dot is not: Kubernetes
    mounts a ConfigMap as links into a folder `..data`, which holds the same files again.
    """
    return not entry.name.startswith(".") and (entry.suffix in SUFFIXES or entry.is_dir())


def _text_of(file: Path, problems: Problems) -> str | None:
    start = Mark(str(file), 1, 1)
    try:
        if file.stat().st_size > MAX_BYTES:
            problems.error(start, f"the file is over {MAX_BYTES} bytes: split it")
            return None
        content = file.read_bytes()
    except OSError as error:
        problems.error(start, f"cannot be read: {error.strerror}")
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        mark = place(before, len(before), str(file))
        problems.error(mark, "not UTF-8: save the file in this encoding")
        return None


def _reader(node: Node, problems: Problems) -> Reader | None:
    """Who reads a document of this apiVersion and kind; a problem when nobody does."""
    version_node, kind_node = peek(node, "apiVersion"), peek(node, "kind")
    if version_node is None or kind_node is None:
        key = "apiVersion" if version_node is None else "kind"
        problems.error(node.mark, f"missing key `{key}`: {_NONE}")
        return None
    version, kind = str(version_node.raw.value), str(kind_node.raw.value)
    kinds = READERS.get(version)
    if kinds is None:
        hint = did_you_mean(version, READERS)
        problems.error(version_node.mark, f"unknown apiVersion `{version}`{hint or f': {_NONE}'}")
        return None
    if kind in kinds:
        return kinds[kind]
    if version == OPENSLO and kind in openslo.NOT_SERVED:
        message = f"kind `{kind}` is not served yet: {openslo.NOT_SERVED[kind]}"
    else:
        known = f": {version} has {', '.join(sorted(kinds))}"
        message = f"unknown kind `{kind}`{did_you_mean(kind, kinds) or known}"
    problems.error(kind_node.mark, message)
    return None


def _mark(node: Node, *keys: str) -> Mark:
    return (peek(node, *keys) or node).mark


def _text(node: Node, *keys: str) -> str:
    found = peek(node, *keys)
    return "" if found is None else str(found.raw.value)
