"""What a scrape says of its own target: `up`, how long it took, how much was on the page.

These series stand on no page. Where a gauge selector asks for one it is laid beside those that do.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from collectors.exposition import Counts
from collectors.labels import (
    SAMPLES_KEPT,
    SAMPLES_SCRAPED,
    SCRAPE_DURATION,
    SERIES_ADDED,
    SYNTHETIC,
    UP,
    Choice,
)
from collectors.lines import key_of
from slo.series import Floats, Ints, Layout, Page
from slo.spec import Selector

_EMPTY = Layout((), ())


class Synthetic:
    """The series of one target's scrapes themselves, as far as `gauges` ask for them.

    They are never counted. `scrape_series_added` counts wanted series only: others are not kept,
    and not known.
    """

    def __init__(self, labels: Mapping[str, str], gauges: frozenset[Selector]) -> None:
        asked = frozenset(selector for selector in gauges if selector.metric in SYNTHETIC)
        choice = Choice(labels, asked)
        named = {metric: choice.named_by(metric, {}) for metric in sorted(choice.metrics)}
        self._named = {metric: texts for metric, texts in named.items() if texts}
        self._read_for_up = frozenset(str(s) for s in asked if s.metric == UP)
        self._down = self._layout([UP] if UP in self._named else [])
        self._below = _EMPTY
        self._rows: Ints = np.empty(0, dtype=np.int64)
        self._whole = self._layout(list(self._named))

    def over(self, page: Page, duration_s: float, counts: Counts) -> Page:
        """The page of a good scrape with what is asked of the scrape itself. A series of the page
        that would be one of them gives way.
        """
        if not self._named:
            return page
        if page.gauge_layout is not self._below:
            self._lay_over(page.gauge_layout)
        values = {
            UP: 1.0,
            SCRAPE_DURATION: duration_s,
            SAMPLES_SCRAPED: float(counts.scraped),
            SAMPLES_KEPT: float(counts.kept),
            SERIES_ADDED: float(counts.added),
        }
        own = np.array([values[metric] for metric in self._named])
        gauges: Floats = np.concatenate([page.gauges[self._rows], own])
        return replace(page, gauge_layout=self._whole, gauges=gauges)

    def down(self, at: float) -> Page | None:
        """The page of a scrape that failed: `up 0`, and read for the selectors of `up` only. None
        where nobody measures it.
        """
        if UP not in self._named:
            return None
        none = np.empty(0)
        return Page(
            at=at,
            layout=_EMPTY,
            values=none,
            created=none,
            process_start=None,
            read_for=self._read_for_up,
            gauge_layout=self._down,
            gauges=np.zeros(1),
        )

    def _lay_over(self, below: Layout) -> None:
        ours = {key_of(metric, {}) for metric in self._named}
        rows = [row for row, key in enumerate(below.keys) if key not in ours]
        kept = Layout(
            tuple(below.keys[row] for row in rows), tuple(below.named_by[row] for row in rows)
        )
        self._below, self._rows = below, np.array(rows, dtype=np.int64)
        self._whole = self._layout(list(self._named), kept)

    def _layout(self, metrics: list[str], kept: Layout = _EMPTY) -> Layout:
        """A layout of the kept series and these metrics."""
        return Layout(
            (*kept.keys, *(key_of(metric, {}) for metric in metrics)),
            (*kept.named_by, *(self._named[metric] for metric in metrics)),
        )
