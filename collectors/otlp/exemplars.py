"""Exemplars: for each SLO, a few traces of events that were bad for it.

A span is bad for an SLO when the SLO's own selectors count it among all events and not among the
good ones: it failed, or it was slower than the threshold. Selectors are asked once for each label
set and bucket, never for each span.
"""

import random
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from collectors.labels import Choice
from collectors.otlp.edges import Edges
from collectors.otlp.red import CALLS, CODES, DURATION, Bad
from slo import names
from slo.spec import CompositeSli, CountingSli, Events, RatioKind, Selector, Sli, Slo

SLICE_S: Final = 60
SLICES: Final = 120  # of an SLO: two hours
NEWEST: Final = 4  # of a slice
SAMPLED: Final = 4  # of a slice
_COUNT, _BUCKET = f"{DURATION}_count", f"{DURATION}_bucket"
_METRICS: Final = frozenset({CALLS, _COUNT, _BUCKET})


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One bad event of an SLO. `at` is when it arrived, Unix seconds."""

    trace_id: str
    span_id: str
    at: float
    service: str
    span_name: str
    duration_ms: float
    status: str  # STATUS_CODE_ERROR, ...

    @property
    def reason(self) -> str:
        """`error`, or `slow`: it was bad without a status that says so."""
        return "error" if self.status == CODES[2] else "slow"


@dataclass(slots=True)
class _Slice:
    """The bad events of one slice: the newest, and a sample in which each has the same chance."""

    start: int
    seen: int = 0
    newest: deque[Exemplar] = field(default_factory=lambda: deque(maxlen=NEWEST))
    sampled: list[Exemplar] = field(default_factory=list)


class Exemplars:
    """What is kept for each SLO: SLICES slices of NEWEST and SAMPLED traces at most."""

    def __init__(self, slos: Iterable[Slo] = (), seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a sample, no secret
        self._kept: dict[str, deque[_Slice]] = {}
        self.watch(slos)

    def watch(self, slos: Iterable[Slo]) -> None:
        """Keep exemplars of these SLOs, of those that count spans; others' are forgotten."""
        judged = {str(slo.id): _parts(slo.sli) for slo in slos}
        self._judged = {name: parts for name, parts in judged.items() if parts}
        texts: dict[str, list[str]] = {}
        selectors: set[Selector] = set()
        for name, parts in self._judged.items():
            for part in parts:
                selectors |= part.selectors
                for text in part.total:
                    texts.setdefault(text, []).append(name)
        self._choice = Choice({}, selectors)
        self._slos_of = texts
        self._kept = {name: self._kept.get(name, deque(maxlen=SLICES)) for name in self._judged}

    def judge(self, labels: Mapping[str, str], edges: Edges) -> Bad:
        """By bucket: the SLOs for which a span with these labels is bad; empty: none at all."""
        service = labels.get("service_name", "")
        every = {names.SERVICE: service, names.JOB: service, names.INSTANCE: "spans", **labels}
        weights = _weights(self._choice, every, edges)
        slos = sorted({name for text in weights[0] for name in self._slos_of.get(text, ())})
        found = tuple(
            tuple(name for name in slos if any(p.is_bad(of) for p in self._judged[name]))
            for of in weights
        )
        return found if any(found) else ()

    def offer(self, slos: Iterable[str], exemplar: Exemplar) -> None:
        """Take a bad event of these SLOs, or leave it."""
        start = int(exemplar.at // SLICE_S) * SLICE_S
        for name in slos:
            slices = self._kept.get(name)
            if slices is None:
                continue
            if not slices or slices[-1].start < start:
                slices.append(_Slice(start))
            self._keep(slices[-1], exemplar)

    def between(self, slo: str, start: float, end: float) -> list[Exemplar]:
        """What is kept of an SLO for events that arrived in [start, end], newest first."""
        found: dict[tuple[str, str], Exemplar] = {}
        for one in self._kept.get(slo, ()):
            for exemplar in (*one.newest, *one.sampled):
                if start <= exemplar.at <= end:
                    found[exemplar.trace_id, exemplar.span_id] = exemplar
        return sorted(found.values(), key=lambda exemplar: exemplar.at, reverse=True)

    def _keep(self, into: _Slice, exemplar: Exemplar) -> None:
        """Algorithm R of Vitter, "Random Sampling with a Reservoir", beside the newest."""
        into.seen += 1
        into.newest.append(exemplar)
        if len(into.sampled) < SAMPLED:
            into.sampled.append(exemplar)
        elif (place := self._random.randrange(into.seen)) < SAMPLED:
            into.sampled[place] = exemplar


@dataclass(frozen=True, slots=True)
class _Part:
    """An SLI that counts spans: how often a selector counts for all and for the part, by text."""

    kind: RatioKind
    selectors: frozenset[Selector]
    total: Mapping[str, int]
    part: Mapping[str, int]

    def is_bad(self, weights: Mapping[str, int]) -> bool:
        """Whether a span that the selectors count so often is bad."""
        total, part = (
            sum(times * weights.get(text, 0) for text, times in of.items())
            for of in (self.total, self.part)
        )
        if total <= 0:
            return False
        return part > 0 if self.kind is RatioKind.BAD else part < total


def _parts(sli: Sli) -> tuple[_Part, ...]:
    """What an SLI counts of spans; nothing where it counts anything else too."""
    if isinstance(sli, CompositeSli):
        return tuple(part for component in sli.components for part in _parts(component.sli))
    if not isinstance(sli, CountingSli) or sli.source:
        return ()
    selectors = frozenset(sli.selectors)
    if any(selector.metric not in _METRICS for selector in selectors):
        return ()
    return (_Part(sli.kind, selectors, _times(sli.total), _times(sli.part)),)


def _times(events: Events) -> dict[str, int]:
    found: Counter[str] = Counter(str(selector) for selector in events.selectors)
    found.subtract(str(selector) for selector in events.minus)
    return dict(found)


def _weights(choice: Choice, labels: Mapping[str, str], edges: Edges) -> list[dict[str, int]]:
    """By bucket that a span falls into: how often each selector names what it adds to. Buckets are
    cumulative, so that is its own and all above.
    """
    once = {text: 1 for metric in (CALLS, _COUNT) for text in choice.named_by(metric, labels)}
    found = []
    above: dict[str, int] = {}
    for le in reversed(edges.le):
        named = choice.named_by(_BUCKET, {**labels, "le": le})
        above = {**above, **{text: above.get(text, 0) + 1 for text in named}}
        found.append({**once, **above})
    return found[::-1]
