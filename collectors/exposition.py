"""Reading exposition pages: from the bytes a target sent to the values of the wanted series.

Only lines of wanted metrics are looked at (`collectors.scan`), and a series is parsed when it is
first seen; after that its text is recognised as a whole. So that a page which looks right in the
few lines that matter is not taken for a sound one, the whole of it is also read by
prometheus_client from time to time, and both readings must agree. Pages in protobuf have no lines:
`collectors.proto_page` reads them.
"""

import math
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from collectors import strict
from collectors.errors import ExpositionError
from collectors.labels import Choice, as_seen, compatible
from collectors.limits import check_labels, check_samples, limits_labels
from collectors.lines import Format, format_of, key_of, parse_line, parse_series, shortened, split
from collectors.proto_page import Judge, Pages, Slot, edges_of
from collectors.scan import Needles, sample_lines
from collectors.scraping import AS_USUAL, Scraping
from collectors.sieve import Fate, Sieve
from slo.series import RULES, Floats, Ints, Layout, Page
from slo.spec import Selector

__all__ = ["ExpositionError", "Reader", "compatible"]

# Pages. A strict reading costs as much as 200 fast ones: every 100th would double the whole cost
# of scraping (measured), every 1000th is still several times a day.
STRICT_EVERY = 1000
PROCESS_START = "process_start_time_seconds"
# An increment is an int64, and a float64 has stopped counting single events long before.
_COUNTER_LIMIT = 2.0**63
_SPARE_SERIES = 1000


@dataclass(frozen=True, slots=True)
class Counts:
    """What the last good page held: sample lines, those that metric relabelling left, and how many
    of the wanted series were not on the page before.
    """

    scraped: int = 0
    kept: int = 0
    added: int = 0


class Reader:
    """The pages of one target, one after another. Not for two threads at once.

    `selectors` name counters, `gauges` series whose current value is wanted, whatever it is; a
    selector may be among both. They see names and labels as Prometheus would store them: under the
    target's `labels`, and after metric relabelling. A series keeps the name that the page gives it
    (`collectors.labels.as_seen` tells the other), so that other rules make no new series of it;
    its creation and the start of its process are read whatever the rules do to those lines.

    A refused page raises ExpositionError and is not remembered; the next one is then read
    strictly. Timestamps on the page are passed over, `honor_timestamps` or not: an increment lies
    between two scrapes, and a time from the page would move it out of the time that they measure.

    Label limits hold for every series after metric relabelling. Without rules only wanted series
    are looked at when first seen, and all of them on pages that are read strictly. `sample_limit`
    is exact on every page.
    """

    def __init__(
        self,
        labels: Mapping[str, str],
        selectors: frozenset[Selector],
        gauges: frozenset[Selector] = frozenset(),
        scraping: Scraping = AS_USUAL,
    ) -> None:
        self.selectors = selectors
        self.gauges = gauges
        self.counts = Counts()
        self._labels, self._scraping = dict(labels), scraping
        self._alters = bool(scraping.metric_relabel or scraping.honor_labels)
        self._honored = frozenset(labels) if scraping.honor_labels else frozenset()
        self._choice = Choice(labels, selectors, scraping)
        self._gauge_choice = Choice(labels, gauges, scraping)
        self._metrics = self._choice.metrics | self._gauge_choice.metrics
        self._read_for = frozenset(str(selector) for selector in selectors | gauges)
        if self._alters:
            self._read_for |= {_way_of(scraping)}
        # Bounds of buckets are spelt otherwise in protobuf: none of them is born by that.
        self._read_for_protobuf = self._read_for | {f"{RULES}{Format.PROTOBUF}"}
        self._accepted_type: str | None = None
        self._accepted = 0
        # Else all targets of a server would have their strict page in the same round for ever.
        self._stagger = zlib.crc32(",".join(sorted(labels.values())).encode()) % STRICT_EVERY
        self._known: dict[str, _Series] = {}
        self._prefixes: list[str] | None = None  # of the lines that the plan is for
        self._plan = self._shown = _EMPTY_PLAN
        self._needles = self._needles_for(Format.TEXT)
        # They outlive a refused page: rules asked of 100,000 series anew are seconds.
        self._sieves = {
            Format.TEXT: Sieve(self._fate),
            Format.OPENMETRICS: Sieve(self._fate_in_openmetrics),
        }
        edges, self._vague = edges_of(selectors | gauges)
        self._pages = Pages(Judge(self._slot, self._creation, self._asks_vaguely), edges)
        self._series_shown: list[_Series] | None = None  # those that the plan is for

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
        format_ = format_of(content_type, self._scraping.fallback)
        if content_type != self._accepted_type:
            self._forget(format_)
        self._accepted_type = None
        if format_ is Format.PROTOBUF:
            page, scraped, kept = self._read_protobuf(body, at, strictly=strictly)
        else:
            page, scraped, kept = self._read_text(body, format_, at, strictly=strictly)
        self._accepted_type = content_type
        self._accepted += 1
        self.counts = Counts(scraped, kept, self._newly_shown())
        return page, scraped

    def _read_text(
        self, body: bytes, format_: Format, at: float, *, strictly: bool
    ) -> tuple[Page, int, int]:
        _check_end(body, format_)
        lines, scraped, kept = self._wanted_lines(body, format_)
        check_samples(self._scraping, kept)
        page = self._page(self._values(lines, format_), at, self._read_for)
        if strictly:
            all_of_it = self._scraping.metric_relabel or limits_labels(self._scraping)
            samples = strict.read(body, format_, None if all_of_it else self._metrics)
            self._compare(page, samples)
        return page, scraped, kept

    def _read_protobuf(self, body: bytes, at: float, *, strictly: bool) -> tuple[Page, int, int]:
        """Nothing on such a page can be read in two ways; strictly, all of it is decoded."""
        every = self._scraping.metric_relabel or (strictly and limits_labels(self._scraping))
        found = self._pages.read(
            body, None if every else {*self._metrics, PROCESS_START}, thorough=strictly
        )
        check_samples(self._scraping, found.kept)
        if found.series != self._series_shown:
            self._plan = _plan(found.series, self._plan)
            self._series_shown = found.series
        return self._page(found.values, at, self._read_for_protobuf), found.scraped, found.kept

    def _wanted_lines(self, body: bytes, format_: Format) -> tuple[list[str], int, int]:
        """The lines that matter, the count of samples, and of those that the rules leave."""
        if not self._scraping.metric_relabel:
            found = self._needles.find(body)
            return found.lines, found.samples, found.samples
        every = sample_lines(body)
        lines, kept = self._sieves[format_].sift(every, format_)
        return lines, len(every), kept

    def _newly_shown(self) -> int:
        """How many wanted series the page shows that the one before did not."""
        before, self._shown = self._shown, self._plan
        if before is self._shown:
            return 0
        known = {*before.layout.keys, *before.gauge_layout.keys}
        return len({*self._shown.layout.keys, *self._shown.gauge_layout.keys} - known)

    def _forget(self, format_: Format) -> None:
        """The same text may mean another series, or none, in the other format."""
        self._accepted = 0
        self._known, self._prefixes, self._series_shown = {}, None, None
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
        key = key_of(metric, labels, self._honored)
        seen = self._seen(metric, labels)
        if seen is None:
            return _Series(key, (), b"", (), key)
        named_by, read_by = self._choice.naming(*seen), self._gauge_choice.naming(*seen)
        if named_by or read_by:
            check_labels(self._scraping, *seen)
        created = created_key(metric, labels, self._honored) if named_by else b""
        return _Series(key, named_by, created, read_by, key_of(*seen) if self._alters else key)

    def _seen(self, metric: str, labels: Mapping[str, str]) -> tuple[str, dict[str, str]] | None:
        """Name and labels as Prometheus would store them; None: the rules drop the series."""
        seen = as_seen(self._labels, self._scraping, metric, labels)
        if seen is not None and metric and not seen[0]:
            raise ExpositionError(f"metric relabelling leaves no name to {shortened(metric)}")
        return seen

    def _fate(self, metric: str, labels: Mapping[str, str]) -> Fate:
        """What the rules do to a series, and whether its lines are to be read."""
        seen, tells = self._seen(metric, labels), metric == PROCESS_START
        if seen is None:
            return Fate(kept=False, wanted=tells)
        check_labels(self._scraping, *seen)
        named = self._choice.naming(*seen) or self._gauge_choice.naming(*seen)
        return Fate(kept=True, wanted=tells or bool(named))

    def _fate_in_openmetrics(self, metric: str, labels: Mapping[str, str]) -> Fate:
        """The same where creations are told: of whom, is found out where all lines are at hand."""
        fate = self._fate(metric, labels)
        return replace(fate, wanted=True) if metric.endswith(_CREATED) else fate

    # -- series of pages in protobuf --------------------------------------------------------------

    def _slot(self, metric: str, labels: Mapping[str, str]) -> Slot["_Series"]:
        """What the rules do to a series, and what it is when its values are to be read."""
        fate, series = self._fate(metric, labels), self._series(metric, labels)
        return Slot(fate.kept, series if fate.wanted else None)

    def _creation(self, metric: str, labels: Mapping[str, str]) -> "_Series":
        """The series that tells when another one was created, of which nothing else is wanted."""
        key = created_key(metric, labels, self._honored)
        return _Series(key, (), b"", (), key)

    def _asks_vaguely(self, metric: str, labels: Mapping[str, str]) -> bool:
        """Whether a series is one of the buckets that are asked for otherwise than by `le`."""
        seen = self._seen(metric, labels)
        return seen is not None and seen[0] in self._vague

    # -- from values to a page ------------------------------------------------------------------

    def _page(self, numbers: list[float], at: float, read_for: frozenset[str]) -> Page:
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
            read_for=read_for,
            gauge_layout=plan.gauge_layout,
            gauges=known[plan.gauges] if plan.gauge_layout.keys else _NO_GAUGES,
        )

    def _compare(self, page: Page, samples: Iterable[strict.Sample]) -> None:
        """Refuse the page when prometheus_client reads its wanted series otherwise."""
        counters: dict[bytes, float] = {}
        gauges: dict[bytes, float] = {}
        for sample in samples:
            seen = self._seen(sample.metric, sample.labels)
            if seen is None:
                continue
            check_labels(self._scraping, *seen)
            key = key_of(sample.metric, sample.labels, self._honored)
            if self._choice.naming(*seen):
                counters[key] = sample.value
            if self._gauge_choice.naming(*seen):
                gauges[key] = sample.value
        _check_same(page.layout, page.values, counters)
        _check_same(page.gauge_layout, page.gauges, gauges)


@dataclass(frozen=True, slots=True)
class _Series:
    """A series of a wanted metric. `named_by` is empty when no selector names it, `read_by` when
    none reads it as a gauge; `created` is the key of the sample that says when it was created.
    Two of one `identity` are one series to Prometheus.
    """

    key: bytes
    named_by: tuple[str, ...]
    created: bytes
    read_by: tuple[str, ...]
    identity: bytes


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
    wanted_of: dict[bytes, int] = {}
    for row, one in enumerate(series):
        row_of.setdefault(one.key, row)
        if not (one.named_by or one.read_by):
            continue
        if wanted_of.setdefault(one.identity, row) != row:
            raise ExpositionError(f"duplicate series {shortened(one.identity.decode())}")
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


def _values_of_same(lines: Sequence[str], prefixes: Sequence[str] | None) -> list[float] | None:
    """The values when the lines hold the same series, spelt alike, as last time; else None.

    A line that begins otherwise keeps its name and is no number.
    """
    if prefixes is None or len(lines) != len(prefixes):
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


def _way_of(scraping: Scraping) -> str:
    """A text for how labels are read, so that of two pages one knows whether it was alike."""
    rules = repr((scraping.honor_labels, scraping.metric_relabel)).encode()
    return f"{RULES}{zlib.crc32(rules):08x}"


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
_CREATED = "_created"


def created_metric(metric: str) -> str:
    """The OpenMetrics sample that says when a counter or a histogram was created."""
    for suffix in _FAMILY_SUFFIXES:
        if metric.endswith(suffix):
            return metric.removesuffix(suffix) + _CREATED
    return metric + _CREATED


def created_key(metric: str, labels: Mapping[str, str], kept: Collection[str] = ()) -> bytes:
    of_series = {label: value for label, value in labels.items() if label != "le"}
    named = of_series if metric.endswith("_bucket") else labels
    return key_of(created_metric(metric), named, kept)
