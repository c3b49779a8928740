"""Traces of bad events as every reader sees them: of an SLO, and those since an incident began."""

from collections.abc import Sequence
from math import inf
from typing import Final

from collectors.otlp.exemplars import Exemplar
from slo.spec import SloId
from vigie.live import Collected, Live
from vigie.views.shape import Object, listing, when

TRACE_ID: Final = "{trace_id}"  # what the setting `traces_url` holds for the id
MOST: Final = 10  # of an incident


def exemplars(
    live: Live, collected: Collected, slo: str, start: float = -inf, end: float = inf
) -> Object | None:
    """What is kept of an SLO (`service/slo`) for events that arrived in [start, end], newest first;
    None if there is no such SLO.
    """
    if SloId(slo) not in live.config.watches:
        return None
    return listing(_shown(collected, collected.exemplars(slo, start, end)))


def since_onset(
    collected: Collected, slo: str, onset: float, end: float | None = None
) -> list[Object]:
    """The first MOST traces with bad events of an SLO from `onset` on, to `end` (None: it goes on),
    oldest first; a trace counts once, by the first of its bad events.
    """
    found = collected.exemplars(slo, onset, inf if end is None else end)
    first = {one.trace_id: one for one in sorted(found, key=lambda one: one.at, reverse=True)}
    return _shown(collected, sorted(first.values(), key=lambda one: one.at)[:MOST])


def _shown(collected: Collected, found: Sequence[Exemplar]) -> list[Object]:
    template = collected.traces_url
    return [
        {
            "trace_id": one.trace_id,
            "span_id": one.span_id,
            "at": when(one.at),
            "service": one.service,
            "span_name": one.span_name,
            "duration_seconds": one.duration_ms / 1000,
            "reason": one.reason,
            "url": template.replace(TRACE_ID, one.trace_id) if template is not None else None,
        }
        for one in found
    ]
