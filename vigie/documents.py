"""From paths to everything that the documents in them say, read one by one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import collectors.changes_load
import collectors.load
import collectors.load_heartbeat
import collectors.load_probe
import incidents.load_automation
import incidents.load_priority
import incidents.load_status
import incidents.load_types
import runbooks.load
import slo.load.maintenance
import slo.load.policy
import slo.load.redundancy
import vigie.channels
from collectors import load_scrape
from slo.load import (
    openslo,
    openslo_alerts,
    openslo_alpha,
    openslo_sli,
    openslo_source,
    pyrra,
    resolve,
    sloth,
)
from slo.load.codes import Code
from slo.load.document import OPENSLO, VIGIE, peek
from slo.load.nodes import MAX_BYTES, place
from slo.load.yaml import Mark, Node, Problems, did_you_mean, documents
from slo.spec import DataSource, Slo
from vigie.channels import Channel

SUFFIXES: Final = (".yaml", ".yml")
OPENSLO_ALPHA: Final = "openslo/v1alpha"
Reader = Callable[[Node, Problems], object]
# By apiVersion and kind. Sloth's own files have neither: they say `version: prometheus/v1`.
READERS: Final[Mapping[str, Mapping[str, Reader]]] = {
    OPENSLO: {
        "AlertCondition": openslo_alerts.read_condition,
        "AlertNotificationTarget": openslo_alerts.read_target,
        "AlertPolicy": openslo_alerts.read_policy,
        "DataSource": openslo_source.read,
        "SLI": openslo_sli.read,
        "SLO": openslo.read_slo,
        "Service": openslo.read_service,
    },
    OPENSLO_ALPHA: {"SLO": openslo_alpha.read_slo, "Service": openslo.read_service},
    VIGIE: {
        "Automation": incidents.load_automation.read,
        "Channel": vigie.channels.read,
        "Heartbeat": collectors.load_heartbeat.read,
        "IncidentType": incidents.load_types.read_type,
        "Integration": collectors.changes_load.read,
        "MaintenanceWindow": slo.load.maintenance.read,
        "Policy": slo.load.policy.read,
        "PriorityMatrix": incidents.load_priority.read,
        "Probe": collectors.load_probe.read,
        "Redundancy": slo.load.redundancy.read,
        "Runbook": runbooks.load.read,
        "StatusPage": incidents.load_status.read,
        "Targets": collectors.load.read,
        "Taxonomy": incidents.load_types.read_taxonomy,
    },
    sloth.KUBERNETES: {sloth.KIND: sloth.read_kubernetes},
    pyrra.VERSION: {pyrra.KIND: pyrra.read},
}
# Kinds of documents that say SLOs; Sloth's files count as the first.
SLO_KINDS: Final = ("SLO", sloth.KIND, pyrra.KIND)
_NONE: Final = f"Vigie reads {', '.join(READERS)}, and Sloth's `version: {sloth.VERSION}`"
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
    _repeated: set[Mark] = field(default_factory=set)

    def of(self, kind: type[T]) -> list[tuple[Places, T]]:
        """The values of one type, each with where it stands."""
        return [(places, value) for places, value in self.values if isinstance(value, kind)]

    def read(self, node: Node, problems: Problems) -> None:
        """Read one document of any kind."""
        reader = _reader(node, problems)
        if reader is None:
            return
        prometheus = reader is load_scrape.read
        kind = "ScrapeJob" if prometheus else _text(node, "kind") or SLO_KINDS[0]
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self._check_unique(kind, node, problems)
        value = reader(node, problems)
        found = value if isinstance(value, list) else [value]
        places = Places(node.mark, _mark(node, "metadata", "name"), _mark(node, "spec", "service"))
        self.values.extend((places, item) for item in found if item is not None)

    def join(self, problems: Problems) -> None:
        """Put the SLOs of OpenSLO documents in their place, once all files are read, and check
        that no two SLOs of any format are called the same.
        """
        slos: dict[Mark | None, list[Slo]] = {}
        for one in resolve.resolve(self._openslo(), problems):
            slos.setdefault(one.mark, []).append(one)
        values: list[tuple[Places, object]] = []
        for places, value in self.values:
            joined = isinstance(value, openslo.SloDocument)
            found = slos.get(places.document, []) if joined else [value]
            values.extend((places, item) for item in found)
        self.values = values
        self._check_ids(problems)

    def _openslo(self) -> resolve.Documents:
        names: dict[str, set[str]] = {}
        for kind, identity in self._first:
            names.setdefault(kind, set()).add(identity)
        sources = [
            value
            for _, value in self.values
            if isinstance(value, DataSource | openslo_source.ForeignSource)
        ]
        return resolve.Documents(
            slos=self._all(openslo.SloDocument),
            slis=self._all(openslo_sli.Indicator),
            sources=sources,
            policies=self._all(openslo_alerts.AlertPolicy),
            conditions=self._all(openslo_alerts.AlertCondition),
            targets=self._all(openslo_alerts.AlertNotificationTarget),
            channels=[channel.name for channel in self._all(Channel)],
            names=names,
        )

    def _all(self, kind: type[T]) -> list[T]:
        return [value for _, value in self.of(kind)]

    def _check_unique(self, kind: str, node: Node, problems: Problems) -> None:
        """No two documents of one kind and name, also of those that can't be read."""
        name = peek(node, "metadata", "name")
        if name is None:
            return
        room = _text(node, "spec", "service") if kind == "SLO" else ""
        room = room or _text(node, "metadata", "namespace")
        identity = f"{room}/{name.raw.value}" if room else str(name.raw.value)
        first = self._first.setdefault((kind, identity), name.mark)
        if first != name.mark:
            self._repeated.add(name.mark)
            if kind == "Service":  # it only describes: nothing is lost with the second one
                message = (
                    f"Service `{identity}` is also defined in {first}, which holds: remove one"
                )
                problems.warn(name.mark, f"{message}: remove one", Code.DUPLICATE)
                return
            _tell_of_duplicate(f"{kind} `{identity}`", first, name.mark, problems)

    def _check_ids(self, problems: Problems) -> None:
        """No two SLOs of one id, whatever document and format they come from."""
        first: dict[str, Mark] = {}
        for places, one in self.of(Slo):
            own = one.mark is not None and one.mark != places.document
            mark = one.mark if own and one.mark is not None else places.name
            other = first.setdefault(one.id, mark)
            if other != mark and mark not in self._repeated:
                _tell_of_duplicate(f"SLO `{one.id}`", other, mark, problems)


def read_files(paths: Iterable[Path], problems: Problems) -> Documents:
    """All documents under these paths, joined."""
    found = Documents()
    for file in _files(paths, problems):
        text = _text_of(file, problems)
        for node in documents(text, str(file), problems) if text is not None else ():
            found.read(node, problems)
    found.join(problems)
    return found


def _tell_of_duplicate(what: str, first: Mark, mark: Mark, problems: Problems) -> None:
    message = f"{what} is also defined in {first}; rename or remove one"
    problems.error(mark, message, Code.DUPLICATE)


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
            problems.error(
                Mark(str(path), 1, 1), "there is no such file or folder", Code.UNREADABLE
            )
        elif (real := path.resolve()) not in above:  # else a link that leads back up
            for entry in sorted(path.iterdir()):
                if _is_read(entry):
                    yield from _under(entry, problems, (*above, real))
    except OSError as error:
        problems.error(Mark(str(path), 1, 1), f"cannot be read: {error.strerror}", Code.UNREADABLE)


def _is_read(entry: Path) -> bool:
    """Whether an entry of a folder is one of Vigie's. What begins with a dot is not: Kubernetes
    mounts a ConfigMap as links into a folder `..data`, which holds the same files again.
    """
    return not entry.name.startswith(".") and (entry.suffix in SUFFIXES or entry.is_dir())


def _text_of(file: Path, problems: Problems) -> str | None:
    start = Mark(str(file), 1, 1)
    try:
        if file.stat().st_size > MAX_BYTES:
            problems.error(start, f"the file is over {MAX_BYTES} bytes: split it", Code.TOO_LARGE)
            return None
        content = file.read_bytes()
    except OSError as error:
        problems.error(start, f"cannot be read: {error.strerror}", Code.UNREADABLE)
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        mark = place(before, len(before), str(file))
        problems.error(mark, "not UTF-8: save the file in this encoding", Code.UNREADABLE)
        return None


def _reader(node: Node, problems: Problems) -> Reader | None:
    """Who reads a document of this apiVersion and kind; a problem when nobody does."""
    version_node, kind_node = peek(node, "apiVersion"), peek(node, "kind")
    if load_scrape.is_prometheus(node):
        return load_scrape.read
    if version_node is None and peek(node, "version") is not None:
        return _sloth(node, problems)
    if version_node is None or kind_node is None:
        key = "apiVersion" if version_node is None else "kind"
        problems.error(node.mark, f"missing key `{key}`: {_NONE}", Code.MISSING_KEY)
        return None
    version, kind = str(version_node.raw.value), str(kind_node.raw.value)
    kinds = READERS.get(version)
    if kinds is None:
        hint = did_you_mean(version, READERS)
        message = f"unknown apiVersion `{version}`{hint or f': {_NONE}'}"
        problems.error(version_node.mark, message, Code.UNKNOWN_KIND)
        return None
    if kind not in kinds:
        known = f": {version} has {', '.join(sorted(kinds))}"
        message = f"unknown kind `{kind}`{did_you_mean(kind, kinds) or known}"
        problems.error(kind_node.mark, message, Code.UNKNOWN_KIND)
    return kinds.get(kind)


def _sloth(node: Node, problems: Problems) -> Reader | None:
    """Sloth's own files say `version` where all others say apiVersion and kind."""
    version = peek(node, "version") or node
    if version.raw.value == sloth.VERSION:
        return sloth.read
    message = (
        f"unknown version `{version.raw.value}`: Sloth's files say `version: {sloth.VERSION}`, all "
        "others `apiVersion` and `kind`"
    )
    problems.error(version.mark, message, Code.UNKNOWN_KIND)
    return None


def _mark(node: Node, *keys: str) -> Mark:
    return (peek(node, *keys) or node).mark


def _text(node: Node, *keys: str) -> str:
    found = peek(node, *keys)
    return "" if found is None else str(found.raw.value)
