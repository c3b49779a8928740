"""Pages of targets that nobody scrapes: what probes found, what spans add up to.

They are written as text and read like any other page, so there is one way from a page to samples.
"""

from collections.abc import Mapping

from collectors.errors import ExpositionError
from collectors.exposition import Reader
from collectors.scrape import NO_GAUGES, Scrape
from collectors.targets import Target
from slo.spec import Selector

TEXT = "text/plain; version=0.0.4"


class Made:
    """A Reader for each target whose pages are made here. Not for two threads at once."""

    def __init__(self) -> None:
        self._targets: dict[str, Target] = {}
        self._readers: dict[str, Reader] = {}

    def watch(
        self,
        targets: Mapping[str, Target],
        selectors: Mapping[str, frozenset[Selector]],
        gauges: Mapping[str, frozenset[Selector]] = NO_GAUGES,
    ) -> None:
        """Read the pages of just these targets, each for its selectors and gauges, from now on."""
        readers: dict[str, Reader] = {}
        for name, target in targets.items():
            wanted = selectors.get(name, frozenset()), gauges.get(name, frozenset())
            known = self._readers.get(name)
            same = known is not None and (known.selectors, known.gauges) == wanted
            if same and known is not None and self._targets[name].labels == target.labels:
                readers[name] = known
            else:
                readers[name] = Reader(target.labels, *wanted)
        self._targets, self._readers = dict(targets), readers

    def scrape(
        self,
        target_id: str,
        at: float,
        body: bytes,
        duration_s: float = 0.0,
        content_type: str = TEXT,
    ) -> Scrape | None:
        """The page as a scrape of a target at a time; None: nobody watches this target."""
        reader = self._readers.get(target_id)
        if reader is None:
            return None
        try:
            page, samples = reader.read(body, content_type, at)
        except ExpositionError as error:
            return Scrape(target_id, at, duration_s, None, error=error.reason)
        return Scrape(target_id, at, duration_s, page, samples, len(body))
