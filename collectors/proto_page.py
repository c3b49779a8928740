"""Pages in protobuf, one after another: the values of the series that somebody wants.

Only wanted families are taken apart. A series is judged when it is first seen; after that its
labels are recognised, and where its value is all that changes, all of its bytes but that.
"""

import math
import struct
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from collectors.errors import ExpositionError
from collectors.lines import shortened
from collectors.proto import Kind, Message, families, metric_of, place_of
from collectors.proto_samples import (
    BUCKET,
    EXTRA,
    HISTOGRAMS,
    Native,
    Part,
    counted,
    created,
    is_native,
    names,
    samples,
    spelt,
    value_of,
)
from slo.spec import MatchOp, Selector

S = TypeVar("S")
_number: Final = struct.Struct("<d").unpack_from
_SIZE: Final = 8  # of a double
_MOST_TAILS: Final = 4
_SPARE_SERIES: Final = 1000
# The fields that lead to the value, of those that have one.
_PLAIN: Final = {Kind.COUNTER: (3, 1), Kind.GAUGE: (2, 1), Kind.UNTYPED: (5, 1)}


@dataclass(frozen=True, slots=True)
class Slot(Generic[S]):
    """A series of the page: whether metric relabelling keeps it, and what it is to whoever wants
    it, None: nobody does.
    """

    kept: bool
    series: S | None


@dataclass(frozen=True, slots=True)
class Judge(Generic[S]):
    """Who knows what is wanted, asked of a name and labels. Each may refuse the page with an
    ExpositionError. `creation` is the series that tells when another one was created;
    `asks_vaguely` whether buckets are asked for otherwise than by the value of `le`.
    """

    slot: Callable[[str, Mapping[str, str]], Slot[S]]
    creation: Callable[[str, Mapping[str, str]], S]
    asks_vaguely: Callable[[str, Mapping[str, str]], bool]


@dataclass(slots=True)
class Found(Generic[S]):
    """The wanted series of a page and their values, and how many samples it has as a page in text
    would: `kept` of them after metric relabelling.
    """

    series: list[S] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    scraped: int = 0
    kept: int = 0


class Pages(Generic[S]):
    """The pages of one target. `edges` are the bounds that somebody asks of buckets."""

    def __init__(self, judge: Judge[S], edges: Iterable[float]) -> None:
        self._judge = judge
        self._edges = tuple(sorted({*edges} - {math.inf}))
        self._known: dict[tuple[str, Kind], _Family[S]] = {}

    def read(self, body: bytes, metrics: Set[str] | None, *, thorough: bool) -> Found[S]:
        """The series of these metrics, None: of all; `thorough` decodes the others too.

        ExpositionError names why the page is refused, always as a whole.
        """
        found: Found[S] = Found()
        seen: dict[tuple[str, Kind], _Family[S]] = {}
        for message in families(body):
            kind = Kind(message.type)
            if metrics is None or not metrics.isdisjoint(names(kind, message.name)):
                key = (message.name, kind)
                family = seen.get(key) or self._known.get(key) or self._family(*key)
                seen[key] = family
                family.read(message.metric, found, thorough=thorough)
            else:
                plain = kind in _PLAIN and not thorough
                size = len(message.metric)
                count = size if plain else counted(message.metric, kind, message.name)
                found.scraped += count
                found.kept += count
        self._known = seen  # families that are gone are forgotten, none because of a refused page
        return found

    def _family(self, name: str, kind: Kind) -> "_Family[S]":
        return _Family(name, kind, self._judge, self._edges)


def edges_of(selectors: Iterable[Selector]) -> tuple[frozenset[float], frozenset[str]]:
    """The bounds that selectors ask of buckets by `le="..."`, and the metrics whose buckets some
    ask for in another way: a pattern, or none.
    """
    edges: set[float] = set()
    vague: set[str] = set()
    for selector in selectors:
        asked = [
            matcher.value
            for matcher in selector.matchers
            if matcher.label == EXTRA[BUCKET] and matcher.op is MatchOp.EQUAL
        ]
        edges.update(edge for text in asked if (edge := _edge(text)) is not None)
        if not asked:
            vague.add(selector.metric)
    return frozenset(edges), frozenset(vague)


def _edge(text: str) -> float | None:
    try:
        edge = float(text)
    except ValueError:
        return None
    return None if "_" in text or math.isnan(edge) else edge  # Python takes 1_0 for 10


@dataclass(slots=True)
class _Cell(Generic[S]):
    """What is known of one metric: its samples, and who tells when it was created."""

    labels: Mapping[str, str]
    slots: dict[Part, Slot[S]] = field(default_factory=dict)
    creation: S | None = None
    checked: bool = False  # whether somebody asks vaguely for its native buckets


class _Family(Generic[S]):
    """The metrics of one name and type, from page to page."""

    def __init__(self, name: str, kind: Kind, judge: Judge[S], edges: tuple[float, ...]) -> None:
        self._name, self._kind, self._judge, self._edges = name, kind, judge, edges
        self._cells: dict[tuple[tuple[str, str], ...], _Cell[S]] = {}
        # By how many bytes follow the value: all other bytes of a metric that nothing but its
        # value tells from the one before.
        self._plain: dict[int, dict[bytes, tuple[Slot[S], int, float, S | None]]] = {}

    def read(self, metrics: Collection[bytes], found: Found[S], *, thorough: bool) -> None:
        """Add what these metrics say."""
        known = max(len(self._cells), *map(len, self._plain.values()), 0)
        if known > 2 * len(metrics) + _SPARE_SERIES:
            self._cells, self._plain = {}, {}
        for raw in metrics:
            one = None if thorough else self._known(raw)
            if one is None:
                self._read(raw, found)
                continue
            slot, at, since, creation = one
            found.scraped += 1
            found.kept += slot.kept
            if slot.series is not None:
                found.series.append(slot.series)
                found.values.append(_number(raw, at)[0])
                if creation is not None:
                    found.series.append(creation)
                    found.values.append(since)

    def _known(self, raw: bytes) -> tuple[Slot[S], int, float, S | None] | None:
        """What is known of a metric that was seen with another value."""
        for tail, known in self._plain.items():
            at = len(raw) - tail - _SIZE
            one = known.get(raw[:at] + raw[at + _SIZE :]) if at >= 0 else None
            if one is not None:
                return one
        return None

    def _read(self, raw: bytes, found: Found[S]) -> None:
        metric = metric_of(raw, self._name)
        value = value_of(metric, self._kind, self._name)
        cell = self._cell(metric)
        begun = len(found.series)
        for part, number in samples(value, self._kind):
            slot = cell.slots.get(part) or self._slot(cell, part)
            found.scraped += 1
            found.kept += slot.kept
            if slot.series is not None:
                found.series.append(slot.series)
                found.values.append(number)
        if self._kind in HISTOGRAMS and is_native(value):
            self._read_native(value, cell, found)
        since, creation = created(value, self._kind), None
        if len(found.series) > begun and not math.isnan(since):
            creation = cell.creation = cell.creation or self._creation(cell)
            found.series.append(creation)
            found.values.append(since)
        if self._kind in _PLAIN:
            self._remember(raw, cell.slots["", None], since, creation)

    def _read_native(self, value: Message, cell: _Cell[S], found: Found[S]) -> None:
        """Add what the histogram counted up to the edges that are asked of it, for which it has no
        classic bucket.
        """
        bounds = {bucket.upper_bound for bucket in value.bucket} - {math.inf}
        if not (cell.checked or bounds):
            self._check_vague(cell)
            cell.checked = True
        native: Native | None = None
        for edge in self._edges:
            if edge in bounds:
                continue
            slot = cell.slots.get((BUCKET, edge)) or self._slot(cell, (BUCKET, edge))
            if slot.series is not None:
                native = native or Native(value, shortened(self._name, 60))
                found.series.append(slot.series)
                found.values.append(native.upto(edge))

    def _check_vague(self, cell: _Cell[S]) -> None:
        metric = f"{self._name}{BUCKET}"
        if self._judge.asks_vaguely(metric, {**cell.labels, EXTRA[BUCKET]: spelt(math.inf)}):
            name = shortened(self._name, 60)
            raise ExpositionError(f'native histogram {name}: ask for its buckets by le="..."')

    # -- at first sight ------------------------------------------------------------------------

    def _cell(self, metric: Message) -> _Cell[S]:
        pairs = tuple([(pair.name, pair.value) for pair in metric.label])
        cell = self._cells.get(pairs)
        if cell is None:
            labels = dict(pairs)
            if len(labels) < len(pairs):
                raise self._refused("has a label twice")
            for label in labels:
                if not label or label.startswith("__"):
                    raise self._refused(f"has the label `{shortened(label, 60)}`, which is no name")
            cell = self._cells[pairs] = _Cell(labels)
        return cell

    def _slot(self, cell: _Cell[S], part: Part) -> Slot[S]:
        suffix, number = part
        labels = cell.labels
        if number is not None:
            extra = EXTRA[suffix]
            if extra in labels:
                raise self._refused(f"has a label {extra} of its own")
            labels = {**labels, extra: spelt(number)}
        slot = cell.slots[part] = self._judge.slot(self._name + suffix, labels)
        return slot

    def _creation(self, cell: _Cell[S]) -> S:
        metric = names(self._kind, self._name)[-1]  # with its suffix, where it has one
        return self._judge.creation(metric, cell.labels)

    def _refused(self, said: str) -> ExpositionError:
        return ExpositionError(f"malformed page: {shortened(self._name, 60)} {said}")

    def _remember(self, raw: bytes, slot: Slot[S], since: float, creation: S | None) -> None:
        """Remember all bytes of a metric but those of its value, if that has one place."""
        at = place_of(raw, *_PLAIN[self._kind])
        if at is None:
            return
        tail = len(raw) - at - _SIZE
        if tail in self._plain or len(self._plain) < _MOST_TAILS:
            known = self._plain.setdefault(tail, {})
            known[raw[:at] + raw[at + _SIZE :]] = (slot, at, since, creation)
