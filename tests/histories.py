"""Histories made by hand: what instances showed, scrape by scrape, and a backtest of them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from collectors.openmetrics import Recording, read
from slo.load.marks import Problems
from slo.policies import arms_for
from slo.promql import compile_events
from slo.spec import Arm, CountingSli, Policy, RatioKind, Service, Slo
from vigie.backtest.history import between, renamed, survey
from vigie.backtest.recorded import Wanted
from vigie.backtest.replay import Replayed, replay
from vigie.backtest.watched import watched
from vigie.config import Config, Watch

T0 = 1_790_000_000.0  # a whole slice of 10 s
STEP_S = 10.0
DAY_S = 86_400.0
BAD = 'sum(http_requests_total{code=~"5.."})'
TOTAL = "sum(http_requests_total)"
BOTH = CountingSli(RatioKind.BAD, compile_events(BAD), compile_events(TOTAL))
AVAILABILITY = Slo("shop", "availability", 0.999, 30 * DAY_S, BOTH)
POLICY = Policy("test")


@dataclass
class Record:
    """Counters of instances that grow, and their samples."""

    samples: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def grow(self, instance: str, good: int = 0, bad: int = 0) -> None:
        """So many requests are answered."""
        for code, more in (("200", good), ("500", bad)):
            if more:
                self.counts[instance, code] += more

    def restart(self, instance: str) -> None:
        """The counters of an instance begin at zero again."""
        for key in self.counts:
            if key[0] == instance:
                self.counts[key] = 0

    def scrape(self, at: float, instance: str = "a:1", good: int = 0, bad: int = 0) -> None:
        """A good scrape, of what has grown by so much."""
        self.grow(instance, good, bad)
        self.add(f"up{{{_labels(instance)}}}", at, 1)
        for (name, code), count in list(self.counts.items()):
            if name == instance:
                self.add(f'http_requests_total{{{_labels(instance)},code="{code}"}}', at, count)

    def fail(self, at: float, instance: str = "a:1") -> None:
        """A scrape that failed."""
        self.add(f"up{{{_labels(instance)}}}", at, 0)

    def add(self, series: str, at: float, value: float) -> None:
        self.samples[series].append((at, value))

    def lines(self) -> list[str]:
        """OpenMetrics text, grouped by series as such files are."""
        return [
            *(f"{key} {v!r} {at!r}" for key, one in self.samples.items() for at, v in one),
            "# EOF",
        ]

    def text(self) -> str:
        return "\n".join([*self.lines(), ""])


def config_of(*watches: Watch, services: Mapping[str, Service] | None = None) -> Config:
    named = {one.slo.service: Service(one.slo.service) for one in watches}
    return Config({**named, **(services or {})}, {w.slo.id: w for w in watches}, {}, {}, ())


def watch(slo: Slo = AVAILABILITY, policy: Policy = POLICY, *arms: Arm) -> Watch:
    """An SLO with these arms; without any, with Vigie's own for a scrape every 10 s."""
    return Watch(slo, policy, arms or arms_for(slo, policy, STEP_S, Problems()))


def recording_of(record: Record, config: Config) -> Recording:
    wanted = Wanted.by(watched(config), 10)
    return read(record.lines(), wanted.counters, wanted.gauges)


def backtested(
    record: Record,
    config: Config | None = None,
    *,
    end: float | None = None,
    every_tick: bool = False,
    slice_s: int = 10,
) -> Replayed:
    """A replay of a record, from its first scrape to its last one or to `end`."""
    config = config or config_of(watch())
    history = recording_of(record, config)
    found = survey(history, {name: one.births for name, one in config.targets.items()})
    assert found is not None, "a record has scrapes"
    end = found.last if end is None else end
    return replay(
        watched(config),
        renamed(between(history.scrapes(), found.first, end), found.targets),
        found.targets.values(),
        slice_s=slice_s,
        start=found.first,
        end=end,
        every_tick=every_tick,
    )


def totals(replayed: Replayed) -> tuple[float, float]:
    """Good and total of the first SLO."""
    whole = replayed.wholes[replayed.state.plan.watches[0].slo.id]
    return whole.good, whole.total


def grouped(*labels: str) -> Slo:
    return replace(AVAILABILITY, group_by=labels)


def _labels(instance: str) -> str:
    return f'job="shop",instance="{instance}"'
