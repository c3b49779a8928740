"""Reading recorded metrics: OpenMetrics text with timestamps, as promtool makes blocks from.

Such a file is usually grouped by series and a backtest needs it by time, so it is sorted. Until
then 20 bytes are kept of a sample, and lines of metrics that nobody wants are not looked at.
"""

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from collectors.errors import ExpositionError
from collectors.exposition import PROCESS_START, created_metric
from collectors.lines import REFUSALS, Format, as_float, families, parse_series, shortened, split
from collectors.scan import Needles
from collectors.scrape import Scrape
from collectors.source_pages import UP, Catalogue
from slo.series import Ints, Page
from slo.spec import Selector

SOURCE: Final = "file"
_READ_BYTES: Final = 8_000_000
_SORTED_AT_ONCE: Final = 500_000  # samples
_TAIL_BYTES: Final = 16


class Recording:
    """The wanted samples of one file, to be gone through as often as one likes.

    `samples` are kept. `duplicates` are left out: of two samples of a series at one time the first
    holds; `conflicts` are those of them with another value. `out_of_order` came after a later
    sample of their series, and are put in their place.
    """

    def __init__(
        self, blocks: Iterable[bytes], selectors: frozenset[Selector], gauges: frozenset[Selector]
    ) -> None:
        self.duplicates = self.conflicts = self.out_of_order = 0
        created = frozenset(created_metric(selector.metric) for selector in selectors)
        about = created | {PROCESS_START, UP}
        self._catalogue = Catalogue(SOURCE, selectors, gauges, about)
        self._row_of: dict[str, int | None] = {}  # by the series as it is written
        self._latest: list[float] = []
        rows, at, values = array("I"), array("d"), array("d")
        needles = Needles(about | {selector.metric for selector in selectors | gauges})
        for block in blocks:
            for line in needles.find(block).lines:
                row, time, value = self._sample(line)
                if row is not None and not math.isnan(value):  # NaN: the series went stale
                    rows.append(row)
                    at.append(time)
                    values.append(value)
                    self._note_order(row, time)
        self._rows = np.frombuffer(rows, dtype=np.uint32) if rows else np.empty(0, np.uint32)
        self._at = np.frombuffer(at) if at else np.empty(0)
        self._values = np.frombuffer(values) if values else np.empty(0)
        self._order = self._sorted()

    @property
    def samples(self) -> int:
        return len(self._order)

    @property
    def targets(self) -> Mapping[str, Mapping[str, str]]:
        """The labels (job, instance) of every virtual target, by id."""
        return dict(zip(self._catalogue.target_ids, self._catalogue.labels, strict=True))

    def __iter__(self) -> Iterator[tuple[str, Mapping[str, str], Page]]:
        """Target id, labels of the target and page of every good scrape, in time order."""
        catalogue = self._catalogue
        for scrape in self.scrapes():
            if scrape.page is not None:
                index = catalogue.index_of(scrape.target_id)
                yield scrape.target_id, catalogue.labels[index], scrape.page

    def scrapes(self) -> Iterator[Scrape]:
        """The scrapes, in time order; those that failed are there where the file has `up`."""
        for part in self._parts():
            rows = self._rows[part].astype(np.int64)
            yield from self._catalogue.scrapes(rows, self._at[part], self._values[part])

    # -- reading --------------------------------------------------------------------------------

    def _sample(self, line: str) -> tuple[int | None, float, float]:
        """The row, time and value of a line; no row: nobody wants it."""
        head, _, time = line.rpartition(" ")
        series, _, value = head.rpartition(" ")
        if series in self._row_of and "_" not in head[len(series) :] and "_" not in time:
            try:
                return self._row_of[series], _time(float(time), line), float(value)
            except ValueError:
                pass  # what it is then, is for the parser to say
        return self._sample_of_new(line)

    def _sample_of_new(self, line: str) -> tuple[int | None, float, float]:
        plain = split(line, Format.OPENMETRICS)
        if plain is None:
            return self._sample_of_odd(line)
        series, value = plain
        rest = line[len(series) + 1 :].split(" ")
        if len(rest) < 2 or rest[1] == "#":
            raise ExpositionError(f"no timestamp in `{shortened(line)}`: a recording needs them")
        if series not in self._row_of:
            self._row_of[series] = self._row(*parse_series(series, Format.OPENMETRICS))
        return self._row_of[series], _time(float(rest[1]), line), value

    def _sample_of_odd(self, line: str) -> tuple[int | None, float, float]:
        try:
            found = [s for f in families(line, Format.OPENMETRICS, alone=True) for s in f.samples]
        except REFUSALS as error:
            raise ExpositionError(f"unreadable line `{shortened(line)}`") from error
        sample = found[0] if found else None
        if sample is None or sample.timestamp is None:
            raise ExpositionError(f"no sample with a timestamp in `{shortened(line)}`")
        row = self._row(sample.name, sample.labels)
        return row, _time(float(sample.timestamp), line), as_float(sample.value)

    def _row(self, metric: str, labels: Mapping[str, str]) -> int | None:
        row = self._catalogue.row({"__name__": metric, **labels})
        self._latest += [-math.inf] * (len(self._catalogue) - len(self._latest))
        return row

    def _note_order(self, row: int, time: float) -> None:
        if time < self._latest[row]:
            self.out_of_order += 1
        else:
            self._latest[row] = time

    # -- order ----------------------------------------------------------------------------------

    def _sorted(self) -> Ints:
        """The samples by time and row, without duplicates."""
        self._order = np.argsort(self._at, kind="stable").astype(np.int64)
        kept = [self._without_duplicates(part) for part in self._parts()]
        return np.concatenate(kept) if kept else self._order

    def _parts(self) -> Iterator[Ints]:
        """The order in pieces, cut between two times."""
        bounds, size = [0], len(self._order)
        while bounds[-1] < size:
            end = min(bounds[-1] + _SORTED_AT_ONCE, size)
            last = self._at[self._order[end - 1]]
            while end < size and self._at[self._order[end]] == last:
                end += 1
            bounds.append(end)
        for begin, end in pairwise(bounds):
            yield self._order[begin:end]

    def _without_duplicates(self, part: Ints) -> Ints:
        part = part[np.lexsort((self._rows[part], self._at[part]))]
        rows, at, values = self._rows[part], self._at[part], self._values[part]
        again = np.zeros(len(part), dtype=np.bool_)
        again[1:] = (rows[1:] == rows[:-1]) & (at[1:] == at[:-1])
        self.duplicates += int(again.sum())
        firsts = np.maximum.accumulate(np.where(again, 0, np.arange(len(part))))
        self.conflicts += int((values != values[firsts]).sum())
        return part[~again]


def read(
    file: str | Path | Iterable[str],
    selectors: frozenset[Selector],
    gauges: frozenset[Selector] = frozenset(),
) -> Recording:
    """The recording in a file, by its path or its lines. ExpositionError says what can't be read
    or is missing; OSError is for the caller.
    """
    blocks = _blocks(Path(file)) if isinstance(file, str | Path) else _joined(file)
    return Recording(_to_the_end(blocks), selectors, gauges)


def _blocks(path: Path) -> Iterator[bytes]:
    """The file in pieces that end with a line."""
    rest = b""
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            whole, feed, rest_of_block = (rest + block).rpartition(b"\n")
            rest = rest_of_block
            yield whole + feed
    yield rest


def _joined(lines: Iterable[str]) -> Iterator[bytes]:
    parts: list[bytes] = []
    size = 0
    for line in lines:
        parts.append(line.rstrip("\n").encode() + b"\n")
        size += len(parts[-1])
        if size > _READ_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
    yield b"".join(parts)


def _to_the_end(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks, which must end as the format says: else the file was cut short."""
    tail = b"\n"
    for block in blocks:
        tail = (tail + block[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        yield block
    if not tail.endswith((b"\n# EOF", b"\n# EOF\n")):
        raise ExpositionError("truncated file: no # EOF at its end")


def _time(seconds: float, line: str) -> float:
    """A time to the millisecond, as Prometheus keeps it."""
    if not math.isfinite(seconds):
        raise ExpositionError(f"no time in `{shortened(line)}`")
    return round(seconds * 1000) / 1000
