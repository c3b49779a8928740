"""Reading exposition pages: from the bytes a target sent to the values of the wanted series.

Only lines of wanted metrics are looked at (`collectors.scan`), and a series is parsed when it is
first seen; after that its text is recognised as a whole. So that a page which looks right in the
few lines that matter is not taken for a sound one, the whole of it is also read by
prometheus_client from time to time, and both readings must agree.
"""

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from collectors import strict
from collectors.errors import ExpositionError
from collectors.labels import Choice, compatible
from collectors.lines import Format, format_of, key_of, parse_line, parse_series, shortened, split
from collectors.scan import Needles
from slo.series import Floats, Ints, Layout, Page
from slo.spec import Selector

__all__ = ["ExpositionError", "Reader", "compatible"]

# Pages. A strict reading costs as much as 200 fast ones: every 100th would double the whole cost
# of scraping (measured), every 1000th is still several times a day.
STRICT_EVERY = 1000
PROCESS_START = "process_start_time_seconds"
# An increment is an int64, and a float64 has stopped counting single events long before.
_COUNTER_LIMIT = 2.0**63
_SPARE_SERIES = 1000


class Reader:
    """The pages of one target, one after another. Not for two threads at once.

    `selectors` name counters, `gauges` series whose current value is wanted, whatever it is; a
    selector may be among both. A refused page raises ExpositionError and is not remembered; the
    next one is then read strictly. Timestamps on the page are passed over: a sample is as old as
    its scrape.
    """

    def __init__(
        self,
        labels: Mapping[str, str],
        selectors: frozenset[Selector],
        gauges: frozenset[Selector] = frozenset(),
    ) -> None:
        self.selectors = selectors
        self.gauges = gauges
        self._choice = Choice(labels, selectors)
        self._gauge_choice = Choice(labels, gauges)
        self._metrics = self._choice.metrics | self._gauge_choice.metrics
        self._read_for = frozenset(str(selector) for selector in selectors | gauges)
        self._accepted_type: str | None = None
        self._accepted = 0
        # Else all targets of a server would have their strict page in the same round for ever.
        self._stagger = zlib.crc32(",".join(sorted(labels.values())).encode()) % STRICT_EVERY
        self._known: dict[str, _Series] = {}
        self._prefixes: list[str] = []
        self._plan = _EMPTY_PLAN
        self._needles = self._needles_for(Format.TEXT)

    def reads_strictly(self, content_type: str) -> bool:
        """Whether the next page is read by prometheus_client too, which takes 200 times as long."""
        if content_type != self._accepted_type:
            return True
        return (self._accepted + self._stagger) % STRICT_EVERY == 0

    def read(self, body: bytes, content_type: str, at: float) -> tuple[Page, int]:
        """The wanted series of the page of a scrape that began `at`, and its count of samples.

        ExpositionError names why the page is refused, always as a whole.
        """
        strictly = self.reads_strictly(content_type)
        format_ = format_of(content_type)
        if content_type != self._accepted_type:
            self._forget(format_)
        self._accepted_type = None
        _check_end(body, format_)
        found = self._needles.find(body)
        page = self._page(self._values(found.lines, format_), at)
        if strictly:
            self._compare(page, strict.read(body, format_, self._metrics))
        self._accepted_type = content_type
        self._accepted += 1
        return page, found.samples

    def _forget(self, format_: Format) -> None:
        """The same text may mean another series, or none, in the other format."""
        self._accepted = 0
        self._known, self._prefixes = {}, []
        self._needles = self._needles_for(format_)

    def _needles_for(self, format_: Format) -> Needles:
        names = {*self._metrics, PROCESS_START}
        if format_ is Format.OPENMETRICS:
            names |= {created_metric(metric) for metric in self._choice.metrics}
        return Needles(names)

    # -- values of lines ------------------------------------------------------------------------

    def _values(self, lines: Sequence[str], format_: Format) -> list[float]:
        """The value of each line; `self._plan` then says what they belong to."""
        values = _values_of_same(lines, self._prefixes)
        if values is not None:
            return values
        samples = [self._sample(line, format_) for line in lines]
        self._plan = _plan([series for _, series, _ in samples], self._plan)
        self._prefixes = [f"{raw} " for raw, _, _ in samples]
        if len(self._known) > 2 * len(samples) + _SPARE_SERIES:
            self._known = {raw: series for raw, series, _ in samples}
        return [value for _, _, value in samples]

    def _sample(self, line: str, format_: Format) -> tuple[str, "_Series", float]:
        raw, _, tail = line.rpartition(" ")
        known = self._known.get(raw)
        if known is not None and (value := _number(tail)) is not None:
            return raw, known, value
        plain = split(line, format_)
        if plain is None:
            metric, labels, value = parse_line(line, format_)
            return line, self._series(metric, labels), value
        raw, value = plain
        known = self._known.get(raw)
        if known is None:
            known = self._known[raw] = self._series(*parse_series(raw, format_))
        return raw, known, value

    def _series(self, metric: str, labels: Mapping[str, str]) -> "_Series":
        named_by = self._choice.named_by(metric, labels)
        key = key_of(metric, labels)
        created = created_key(metric, labels) if named_by else b""
        return _Series(key, named_by, created, self._gauge_choice.named_by(metric, labels))

    # -- from values to a page ------------------------------------------------------------------

    def _page(self, numbers: list[float], at: float) -> Page:
        plan = self._plan
        known = np.array([*numbers, math.nan])  # row -1: what the page does not say
        values = known[plan.wanted]
        check_counters(plan.layout, values)
        created = known[plan.created]
        created[np.isinf(created)] = math.nan
        start = float(known[plan.process_start])
        return Page(
            at=at,
            layout=plan.layout,
            values=values,
            created=created,
            process_start=start if math.isfinite(start) else None,
            read_for=self._read_for,
            gauge_layout=plan.gauge_layout,
            gauges=known[plan.gauges] if plan.gauge_layout.keys else _NO_GAUGES,
        )

    def _compare(self, page: Page, samples: Iterable[strict.Sample]) -> None:
        """Refuse the page when prometheus_client reads its wanted series otherwise."""
        counters: dict[bytes, float] = {}
        gauges: dict[bytes, float] = {}
        for sample in samples:
            key = key_of(sample.metric, sample.labels)
            if self._choice.named_by(sample.metric, sample.labels):
                counters[key] = sample.value
            if self._gauge_choice.named_by(sample.metric, sample.labels):
                gauges[key] = sample.value
        _check_same(page.layout, page.values, counters)
        _check_same(page.gauge_layout, page.gauges, gauges)


@dataclass(frozen=True, slots=True)
class _Series:
    """A series of a wanted metric. `named_by` is empty when no selector names it, `read_by` when
    none reads it as a gauge; `created` is the key of the sample that says when it was created.
    """

    key: bytes
    named_by: tuple[str, ...]
    created: bytes
    read_by: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class _Plan:
    """Which lines of a page hold what: indices into the lines found, -1 where there is none."""

    layout: Layout
    wanted: Ints
    created: Ints
    process_start: int
    gauge_layout: Layout
    gauges: Ints


_EMPTY_LAYOUT = Layout((), ())
_NO_ROWS = np.empty(0, np.int64)
_NO_GAUGES = np.empty(0)
_EMPTY_PLAN = _Plan(_EMPTY_LAYOUT, _NO_ROWS, _NO_ROWS, -1, _EMPTY_LAYOUT, _NO_ROWS)


def _plan(series: Sequence[_Series], last: _Plan) -> _Plan:
    """What the lines hold; the last layouts when the wanted series are the same."""
    row_of: dict[bytes, int] = {}
    for row, one in enumerate(series):
        if row_of.setdefault(one.key, row) != row and (one.named_by or one.read_by):
            raise ExpositionError(f"duplicate series {shortened(one.key.decode())}")
    wanted = [row for row, one in enumerate(series) if one.named_by]
    gauges = [row for row, one in enumerate(series) if one.read_by]
    named_by = tuple(series[row].named_by for row in wanted)
    read_by = tuple(series[row].read_by for row in gauges)
    return _Plan(
        layout=_layout(tuple(series[row].key for row in wanted), named_by, last.layout),
        wanted=np.array(wanted, dtype=np.int64),
        created=np.array([row_of.get(series[row].created, -1) for row in wanted], dtype=np.int64),
        process_start=row_of.get(PROCESS_START.encode(), -1),
        gauge_layout=_layout(tuple(series[row].key for row in gauges), read_by, last.gauge_layout),
        gauges=np.array(gauges, dtype=np.int64),
    )


def _layout(keys: tuple[bytes, ...], named_by: tuple[tuple[str, ...], ...], last: Layout) -> Layout:
    same = keys == last.keys and named_by == last.named_by
    return last if same else Layout(keys, named_by)


def _values_of_same(lines: Sequence[str], prefixes: Sequence[str]) -> list[float] | None:
    """The values when the lines hold the same series, spelt alike, as last time; else None.

    A line that begins otherwise keeps its name and is no number.
    """
    if len(lines) != len(prefixes):
        return None
    tails = list(map(str.removeprefix, lines, prefixes))
    if "_" in "".join(tails):
        return None  # Python takes 1_000 for a number, the formats don't
    try:
        return list(map(float, tails))
    except ValueError:
        return None


def _number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _check_end(body: bytes, format_: Format) -> None:
    """Refuse a page that was visibly cut short."""
    if format_ is Format.OPENMETRICS:
        if not (b"\n" + body[-8:]).endswith((b"\n# EOF", b"\n# EOF\n")):
            raise ExpositionError("truncated page: no # EOF")
    elif body and not body.endswith(b"\n"):
        last = body[body.rfind(b"\n") + 1 :].decode(errors="replace").strip()
        if last and not last.startswith("#") and split(last, format_) is None:
            parse_line(last, format_)


def _check_same(layout: Layout, values: Floats, peer: Mapping[bytes, float]) -> None:
    """Refuse what prometheus_client reads otherwise; NaN is NaN to both."""
    ours = dict(zip(layout.keys, values.tolist(), strict=True))
    if ours == peer:
        return
    for key in sorted(ours.keys() | peer.keys()):
        # repr() also makes NaN equal to itself.
        if repr(ours.get(key)) != repr(peer.get(key)):
            raise ExpositionError(f"ambiguous line: two parsers differ about {key.decode()}")


def check_counters(layout: Layout, values: Floats) -> None:
    """Refuse what cannot be counted."""
    fine = (values >= 0) & (values < _COUNTER_LIMIT)
    if fine.all():
        return
    row = int(np.argmin(fine))
    value = float(values[row])
    if math.isnan(value):
        fault = "is NaN"
    elif math.isinf(value):
        fault = "is infinite"
    else:
        fault = "is negative" if value < 0 else "is too large to count"
    raise ExpositionError(f"counter {shortened(layout.keys[row].decode())} {fault}")


_FAMILY_SUFFIXES = ("_total", "_bucket", "_count", "_sum")


def created_metric(metric: str) -> str:
    """The OpenMetrics sample that says when a counter or a histogram was created."""
    for suffix in _FAMILY_SUFFIXES:
        if metric.endswith(suffix):
            return metric.removesuffix(suffix) + "_created"
    return metric + "_created"


def created_key(metric: str, labels: Mapping[str, str]) -> bytes:
    of_series = {label: value for label, value in labels.items() if label != "le"}
    return key_of(created_metric(metric), of_series if metric.endswith("_bucket") else labels)
