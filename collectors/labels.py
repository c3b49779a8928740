"""Which series an SLI wants: the labels of a page under those of its target, and selectors."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias

import re2

from slo.spec import Matcher, MatchOp, Selector

_Test: TypeAlias = Callable[[str], bool]
_EXPORTED = "exported_"


def compatible(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Whether a series of a target with these labels could fulfil the selector.

    Matchers on labels that the target sets decide; any other label is up to the page.
    """
    return all(
        _test(matcher)(labels[matcher.label])
        for matcher in selector.matchers
        if labels.get(matcher.label)
    )


def laid_over(target: Mapping[str, str], page: Mapping[str, str]) -> dict[str, str]:
    """The labels of a series as Prometheus sees them with `honor_labels: false`.

    The target's label wins; the page's goes on as `exported_<label>`, with the prefix repeated
    while that name is taken. An empty value is an absent label.
    Source: scrape/scrape.go, resolveConflictingExposedLabels.
    """
    merged = {name: value for name, value in page.items() if value}
    own = {name: value for name, value in target.items() if value}
    conflicts = sorted(merged.keys() & own.keys(), key=lambda name: (len(name), name))
    exposed = [(name, merged[name]) for name in conflicts]
    merged.update(own)
    for name, value in exposed:
        renamed = _EXPORTED + name
        while renamed in merged:
            renamed = _EXPORTED + renamed
        merged[renamed] = value
    return merged


class Choice:
    """The series of one target's pages that its selectors name.

    re2.error when the pattern of a selector is none that RE2 knows.
    """

    def __init__(self, labels: Mapping[str, str], selectors: Iterable[Selector]) -> None:
        self._labels = dict(labels)
        self._of_metric: dict[str, list[tuple[str, list[tuple[str, _Test]]]]] = {}
        for selector in sorted(selectors):
            tests = [(matcher.label, _test(matcher)) for matcher in selector.matchers]
            if compatible(selector, labels):
                self._of_metric.setdefault(selector.metric, []).append((str(selector), tests))

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics of which a series may be wanted."""
        return frozenset(self._of_metric)

    def named_by(self, metric: str, labels: Mapping[str, str]) -> tuple[str, ...]:
        """The texts of the selectors that name this series of the page; none: it isn't wanted."""
        selectors = self._of_metric.get(metric)
        if not selectors:
            return ()
        merged = laid_over(self._labels, labels)
        return tuple(
            text
            for text, tests in selectors
            if all(test(merged.get(label, "")) for label, test in tests)
        )


@lru_cache(maxsize=4096)
def _test(matcher: Matcher) -> _Test:
    """The condition of a matcher on a label's value, compiled once."""
    wanted = matcher.value
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
