"""What a backtest goes through: recorded scrapes in time order, whoever made them."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

from collectors.scrape import Scrape
from collectors.targets import Target
from slo.series import MAX_GAP_INTERVALS
from slo.spec import Births

DEFAULT_INTERVAL_S: Final = 60.0  # Prometheus' own default, for a target that was scraped once
LEFT_AFTER_S: Final = 300.0  # as `collectors.source_reader` has it for a server that is polled
GATHER_S: Final = 0.03  # as `vigie.pipeline.tick`: scrapes of one moment make one tick


class History(Protocol):
    """Recorded scrapes. `collectors.openmetrics.Recording` is one."""

    @property
    def targets(self) -> Mapping[str, Mapping[str, str]]:
        """The labels (job, instance) of every target, by id."""
        ...

    def scrapes(self) -> Iterator[Scrape]:
        """The scrapes in time order, failed ones too; as often as one likes."""
        ...


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look through a history finds: its targets by their ids in it, and its ends."""

    targets: Mapping[str, Target]
    first: float
    last: float

    @property
    def slowest_s(self) -> float:
        """The longest interval of its targets."""
        return max((target.interval_s for target in self.targets.values()), default=0.0)


def survey(history: History, births: Mapping[str, Births]) -> Survey | None:
    """The targets of a history, each with the median distance of its scrapes for an interval; None
    when it holds no scrape. `births` are those that the configuration states, by `job/instance`.
    """
    times: dict[str, array[float]] = {}
    for scrape in history.scrapes():
        times.setdefault(scrape.target_id, array("d")).append(scrape.at)
    if not times:
        return None
    labels = history.targets
    return Survey(
        targets={name: _target(labels[name], _median_s(at), births) for name, at in times.items()},
        first=min(at[0] for at in times.values()),
        last=max(at[-1] for at in times.values()),
    )


def renamed(scrapes: Iterable[Scrape], targets: Mapping[str, Target]) -> Iterator[Scrape]:
    """The scrapes under the ids of their targets."""
    names = {known: target.id for known, target in targets.items()}
    for scrape in scrapes:
        yield replace(scrape, target_id=names[scrape.target_id])


def between(scrapes: Iterable[Scrape], start: float, end: float) -> Iterator[Scrape]:
    """The scrapes of [start, end]."""
    for scrape in scrapes:
        if scrape.at > end:
            return
        if scrape.at >= start:
            yield scrape


def moments(scrapes: Iterable[Scrape]) -> Iterator[tuple[Scrape, ...]]:
    """The scrapes of one moment together."""
    together: list[Scrape] = []
    for scrape in scrapes:
        if together and scrape.at > together[0].at + GATHER_S:
            yield tuple(together)
            together = []
        together.append(scrape)
    if together:
        yield tuple(together)


def left_after_s(target: Target) -> float:
    """How long after its last scrape, good or failed, a target is still expected."""
    return max(LEFT_AFTER_S, MAX_GAP_INTERVALS * target.interval_s)


def _target(labels: Mapping[str, str], interval_s: float, births: Mapping[str, Births]) -> Target:
    job, instance = labels.get("job", ""), labels.get("instance", "")
    return Target(
        job=job,
        instance=instance,
        url="",
        service="",
        labels=labels,
        interval_s=interval_s,
        births=births.get(f"{job}/{instance}", Births.ZERO),
    )


def _median_s(times: "array[float]") -> float:
    return float(np.median(np.diff(times))) if len(times) > 1 else DEFAULT_INTERVAL_S
