"""Which series an SLI wants: the labels of a page under those of its target, and selectors."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Final, TypeAlias

import re2

from collectors.relabel import relabel
from collectors.scraping import AS_USUAL, Scraping
from slo.spec import Matcher, MatchOp, Selector

_Test: TypeAlias = Callable[[str], bool]
UP: Final = "up"
SCRAPE_DURATION: Final = "scrape_duration_seconds"
SAMPLES_SCRAPED: Final = "scrape_samples_scraped"
SAMPLES_KEPT: Final = "scrape_samples_post_metric_relabeling"
SERIES_ADDED: Final = "scrape_series_added"
# What a scrape itself says of its target, under Prometheus' names.
SYNTHETIC: Final = frozenset({UP, SCRAPE_DURATION, SAMPLES_SCRAPED, SAMPLES_KEPT, SERIES_ADDED})
NAME: Final = "__name__"
_EXPORTED = "exported_"
_EDGE = "le"


def compatible(
    selector: Selector, labels: Mapping[str, str], scraping: Scraping = AS_USUAL
) -> bool:
    """Whether a series of a target with these labels could fulfil the selector.

    Matchers on labels that the target sets decide; any other label is up to the page, and all are
    where the page's labels are honored or metric relabelling may change them.
    """
    if scraping.honor_labels or scraping.metric_relabel:
        return True
    for matcher in selector.matchers:
        value = labels.get(matcher.label)
        if not value:
            continue
        if matcher.op is MatchOp.EQUAL and matcher.label != _EDGE:
            if value != matcher.value:
                return False
        elif not _test(matcher)(value):
            return False
    return True


def laid_over(
    target: Mapping[str, str], page: Mapping[str, str], *, honor: bool = False
) -> dict[str, str]:
    """The labels of a series as Prometheus sees them before metric relabelling.

    With `honor_labels: false` the target's label wins; the page's goes on as `exported_<label>`,
    with the prefix repeated while that name is taken. With `honor` the page's wins, an empty one
    too: that is how the pushgateway keeps its own instance off a group. An empty value is an
    absent label. Source: scrape/scrape.go, mutateSampleLabels and resolveConflictingExposedLabels.
    """
    merged = {name: value for name, value in page.items() if value}
    own = {name: value for name, value in target.items() if value}
    if honor:
        return {**{name: value for name, value in own.items() if name not in page}, **merged}
    conflicts = sorted(merged.keys() & own.keys(), key=lambda name: (len(name), name))
    exposed = [(name, merged[name]) for name in conflicts]
    merged.update(own)
    for name, value in exposed:
        renamed = _EXPORTED + name
        while renamed in merged:
            renamed = _EXPORTED + renamed
        merged[renamed] = value
    return merged


def as_seen(
    own: Mapping[str, str], scraping: Scraping, metric: str, page: Mapping[str, str]
) -> tuple[str, dict[str, str]] | None:
    """Name and labels of a series of the page as Prometheus would store it, by the labels of its
    target and how it is scraped; None: metric relabelling drops it.

    The name is empty when a rule took it away. What a scrape says of itself has its target's
    labels and is not relabelled.
    """
    if metric in SYNTHETIC and not page:
        return metric, {name: value for name, value in own.items() if value}
    seen = laid_over(own, page, honor=scraping.honor_labels)
    if not scraping.metric_relabel:
        return metric, seen
    after = relabel(scraping.metric_relabel, {**seen, NAME: metric})
    return None if after is None else (after.pop(NAME, ""), after)


class Choice:
    """The series of one target's pages that its selectors name.

    re2.error when the pattern of a selector is none that RE2 knows.
    """

    def __init__(
        self,
        labels: Mapping[str, str],
        selectors: Iterable[Selector],
        scraping: Scraping = AS_USUAL,
    ) -> None:
        self._labels, self._scraping = dict(labels), scraping
        fitting: dict[str, list[Selector]] = {}
        for selector in sorted(selectors):
            if compatible(selector, labels, scraping):
                fitting.setdefault(selector.metric, []).append(selector)
        self._of_metric = {metric: _Index(some) for metric, some in fitting.items()}

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics of which a series may be wanted, as they are called after relabelling."""
        return frozenset(self._of_metric)

    def named_by(self, metric: str, labels: Mapping[str, str]) -> tuple[str, ...]:
        """The texts of the selectors that name this series of the page; none: it isn't wanted."""
        if metric not in self._of_metric and not self._scraping.metric_relabel:
            return ()
        seen = as_seen(self._labels, self._scraping, metric, labels)
        return self.naming(*seen) if seen is not None else ()

    def naming(self, metric: str, labels: Mapping[str, str]) -> tuple[str, ...]:
        """The same for a series with the name and the labels that `as_seen` gives it."""
        index = self._of_metric.get(metric)
        return index.naming(labels) if index is not None else ()


class _Index:
    """The selectors of one metric, by the value that they ask of the label that most of their
    values tell apart: a page of 1,000 routes with an SLO each is not 1,000,000 comparisons.
    """

    def __init__(self, selectors: Sequence[Selector]) -> None:
        values: dict[str, set[str]] = {}
        for selector in selectors:
            for label, value in _equals(selector).items():
                values.setdefault(label, set()).add(value)
        self._label = max(values, key=lambda label: len(values[label]), default="")
        self._by_value: dict[str | None, list[tuple[int, str, list[tuple[str, _Test]]]]] = {}
        for place, selector in enumerate(selectors):
            tests = [(matcher.label, _test(matcher)) for matcher in selector.matchers]
            asked = _equals(selector).get(self._label)
            self._by_value.setdefault(asked, []).append((place, str(selector), tests))

    def naming(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """The texts of those that name a series with these labels, in their order."""
        value = labels.get(self._label, "")
        some = [*self._by_value.get(value, ()), *self._by_value.get(None, ())]
        return tuple(
            text
            for _, text, tests in sorted(some, key=itemgetter(0))
            if all(test(labels.get(label, "")) for label, test in tests)
        )


def _equals(selector: Selector) -> dict[str, str]:
    """The labels of which it asks one value; not `le`, whose values are spelt in many ways."""
    return {
        matcher.label: matcher.value
        for matcher in selector.matchers
        if matcher.op is MatchOp.EQUAL and matcher.label != _EDGE
    }


@lru_cache(maxsize=4096)
def _test(matcher: Matcher) -> _Test:
    """The condition of a matcher on a label's value, compiled once."""
    wanted = matcher.value
    if matcher.label == _EDGE and (edge := _edge(wanted)) is not None:
        if matcher.op is MatchOp.EQUAL:
            return lambda value: _edge(value) == edge
        if matcher.op is MatchOp.NOT_EQUAL:
            return lambda value: _edge(value) != edge
    if matcher.op is MatchOp.EQUAL:
        return lambda value: value == wanted
    if matcher.op is MatchOp.NOT_EQUAL:
        return lambda value: value != wanted
    options = re2.Options()
    options.dot_nl = True  # as Prometheus 3 does: (?s:...)
    options.log_errors = False
    fullmatch = re2.compile(wanted, options).fullmatch
    if matcher.op is MatchOp.MATCH:
        return lambda value: fullmatch(value) is not None
    return lambda value: fullmatch(value) is None


def _edge(text: str) -> float | None:
    """The edge of a bucket, which Prometheus 3 and OpenMetrics write as 1.0 and others as 1; None
    when it is no number.
    """
    try:
        edge = float(text)
    except ValueError:
        return None
    return None if "_" in text or math.isnan(edge) else edge  # Python takes 1_0 for 10
