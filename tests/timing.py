"""When alerts come and go: the engine that runs live, and Sloth's rules in promtool.

Both see the same counters, scraped every 15 s; nothing is timed, the clock is set. The tables of
docs/reference/alerting.md are made here.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import yaml

from collectors.exposition import Reader
from collectors.scrape import Scrape
from collectors.targets import Target
from components import need
from incidents.model import IncidentType
from slo import windows
from slo.ledger import DAY_S, HOUR_S, MICROSECONDS, MINUTE_S, Addition, Ledger, empty
from slo.load.marks import Problems
from slo.policies import DEFAULT, arms_for
from slo.promql import compile_pair
from slo.rules import sloth, text
from slo.series import unseen
from slo.spans import no_spans
from slo.spec import Alerting, AlertState, ArmKind, Format, RatioKind, Service, Slo
from vigie.backtest.incidents import Incident, Incidents
from vigie.config import Config, Watch
from vigie.pipeline.decide import decide, next_deadline
from vigie.pipeline.fresh import fresh
from vigie.pipeline.plan import compile_plan
from vigie.pipeline.state import Batch, State

T0 = 1_790_000_000 // HOUR_S * HOUR_S
SCRAPE_S = 15
SLICE_S = 10
SLO = Slo(
    "shop",
    "checkout",
    0.999,
    30.0 * DAY_S,
    compile_pair(
        'sum(rate(requests_total{code="500"}[{{.window}}]))',
        "sum(rate(requests_total[{{.window}}]))",
        RatioKind.BAD,
    ),
    format=Format.SLOTH,
    alerting=Alerting(name="Burns"),
)
TARGET = Target("shop", "10.0.0.1:80", "http://10.0.0.1/metrics", "shop", interval_s=SCRAPE_S)
PAGES = 'ALERTS{alertname="Burns",alertstate="firing",sloth_severity="page"}'


@dataclass(frozen=True)
class Traffic:
    """Requests at an even pace. From `began` to `ended`, in seconds, one of every `one_in` fails
    (with `fails` False: is answered, and the others fail), the middle one of each so many first.
    """

    period_s: float
    one_in: int
    began: int
    ended: int
    fails: bool = True

    def until(self, at: float) -> tuple[int, int]:
        """Requests that were answered, and that failed, up to this time."""
        total = self._requests(at)
        spoilt = max(0, self._requests(min(at, self.ended)) - self._requests(self.began))
        marked = (spoilt + self.one_in - 1 - self.one_in // 2) // self.one_in
        bad = marked if self.fails else spoilt - marked
        return total - bad, bad

    def _requests(self, at: float) -> int:
        return int(at / self.period_s + 0.5)


@dataclass(frozen=True)
class Story:
    """One row of the table: so many requests a minute of which a share fails for so long, after
    six clean hours; it is watched for another `after_s`.
    """

    per_minute: int
    share: float
    lasts_s: int
    after_s: int = 4 * HOUR_S
    clean_s: int = 6 * HOUR_S

    @property
    def traffic(self) -> Traffic:
        ended = self.clean_s + self.lasts_s
        return Traffic(60 / self.per_minute, round(1 / self.share), self.clean_s, ended)

    @property
    def until_s(self) -> int:
        return self.clean_s + self.lasts_s + self.after_s


STORIES = [
    Story(per_minute, share, lasts_s)
    for share, lasts_s in ((1.0, 600), (0.1, HOUR_S), (0.01, 6 * HOUR_S))
    for per_minute in (1, 10, 600)
]


@dataclass(frozen=True)
class Times:
    """When something began and was over, in seconds since the story began."""

    began: float
    over: float = float("inf")


# -- Vigie ------------------------------------------------------------------------------------


class Vigie:
    """The tick over one SLO with Vigie's own arms, and incidents that nobody acknowledges."""

    def __init__(self, traffic: Traffic, history: Ledger | None = None) -> None:
        self.traffic, self.now = traffic, float(T0)
        self.incidents = Incidents()
        arms = arms_for(SLO, DEFAULT, SCRAPE_S, Problems())
        config = Config(
            services={"shop": Service("shop")},
            watches={SLO.id: Watch(SLO, DEFAULT, arms)},
            targets={TARGET.id: TARGET},
            channels={},
            runbooks=(),
        )
        self.state: State = fresh(compile_plan(config, SLICE_S), {TARGET.id: unseen(None)}, T0)
        if history is not None:
            self.state = replace(self.state, ledger=history)
        self.firing: dict[str, list[Times]] = {arm.name: [] for arm in arms}
        self.pages = [arm.name for arm in arms if arm.kind is ArmKind.PAGE]
        self._reader = Reader({}, self.state.plan.selectors[TARGET.id], frozenset())

    def scrapes(self) -> Iterator[float]:
        """One scrape after the other, with the ticks between them; the seconds since T0."""
        while True:
            self._tick(Batch((self._scrape(),)))
            yield self.now - T0
            following = self.now + SCRAPE_S
            while (deadline := next_deadline(self.state, self.now)) < following:
                self.now = deadline
                self._tick(Batch())
            self.now = following

    def page(self) -> Incident | None:
        """The incident that paged first."""
        return next((one for one in self.incidents.all if one.paged_at is not None), None)

    def _scrape(self) -> Scrape:
        good, bad = self.traffic.until(self.now - T0)
        lines = (
            f"process_start_time_seconds {T0 - DAY_S}",
            f'requests_total{{code="200"}} {good}',
            f'requests_total{{code="500"}} {bad}\n',
        )
        body = "\n".join(lines).encode()
        page, samples = self._reader.read(body, "text/plain; version=0.0.4", self.now)
        return Scrape(TARGET.id, self.now, 0.0, page, samples, len(body))

    def _tick(self, batch: Batch) -> None:
        self.state, effects = decide(self.state, batch, self.incidents.open, self.now)
        for change in effects.alerts:
            times, since = self.firing[change.arm], change.since - T0
            if change.state == AlertState.FIRING:
                times.append(Times(since))
            elif times and times[-1].over == float("inf"):
                times[-1] = Times(times[-1].began, since)
        for event in effects.events:
            self.incidents.apply(event)
        self.incidents.refresh(effects.figures)


@dataclass(frozen=True)
class Told:
    """What Vigie did in a story: each time that an arm fired, by arm that pages, and each incident
    that paged.
    """

    fast: list[Times]
    slow: list[Times]
    incidents: list[Times]


def told_by_vigie(story: Story) -> Told:
    """A story as Vigie tells it."""
    vigie = Vigie(story.traffic)
    for at in vigie.scrapes():
        if at >= story.until_s:
            break
    fast, slow = (vigie.firing[name] for name in vigie.pages)
    paged = [one for one in vigie.incidents.all if one.paged_at is not None]
    assert all(one.type is IncidentType.SLO_BURN and one.resolved_at for one in paged), paged
    return Told(fast, slow, [Times(one.paged_at - T0, one.resolved_at - T0) for one in paged])


# -- Sloth ------------------------------------------------------------------------------------


def told_by_sloth(story: Story, folder: Path) -> list[Times]:
    """Each time that Sloth's page fires.

    promtool says what it got where a test expected something else: so one run that expects no
    alert at any evaluation names all of those that had one.
    """
    problems = Problems()
    (made,) = sloth.rules([SLO], sloth.Options(), problems)
    assert not problems.items
    rules, test = folder / "rules.yaml", folder / "test.yaml"
    rules.write_text(text.rule_file(made.groups, ""))
    moments = range(story.clean_s, story.until_s, SCRAPE_S)
    unit = {
        "rule_files": [str(rules)],
        "evaluation_interval": f"{SCRAPE_S}s",
        "group_eval_order": [group.name for group in made.groups],
        "tests": [
            {
                "interval": f"{SCRAPE_S}s",
                "input_series": _series(story),
                "promql_expr_test": [
                    {"expr": PAGES, "eval_time": f"{at}s", "exp_samples": []} for at in moments
                ],
            }
        ],
    }
    test.write_text(yaml.safe_dump(unit, width=100_000))
    done = subprocess.run(
        [need("promtool"), "test", "rules", str(test)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    said = done.stdout + done.stderr
    fires = [windows.parse(at) for at in re.findall(r"^ +expr: .+?, time: (\w+),", said, re.M)]
    assert fires or done.returncode == 0, said
    assert moments[-1] not in fires, "it is watched for long enough"
    firsts = [at for at in fires if at - SCRAPE_S not in fires]
    lasts = [at for at in fires if at + SCRAPE_S not in fires]
    return [Times(one, last + SCRAPE_S) for one, last in zip(firsts, lasts, strict=True)]


def _series(story: Story) -> list[dict[str, str]]:
    counts = [story.traffic.until(at) for at in range(0, story.until_s + 1, SCRAPE_S)]
    return [
        {
            "series": f'requests_total{{code="{code}",job="shop",instance="one"}}',
            "values": " ".join(str(count[which]) for count in counts),
        }
        for which, code in enumerate(("200", "500"))
    ]


# -- few requests -----------------------------------------------------------------------------

PACES = {
    "1 an hour": 3600.0,
    "10 an hour": 360.0,
    "1 a minute": 60.0,
    "10 a minute": 6.0,
    "1 a second": 1.0,
    "100 a second": 0.01,
    "1,000 a second": 0.001,
}


def outage_pages(period_s: float, *, idle: bool) -> tuple[int, float]:
    """At which failure, and how many seconds after the failing began, 90 % failing pages, where in
    the hours before no request came (`idle`), or as many as now, and all were answered.
    """
    traffic = Traffic(period_s, 10, 0, DAY_S, fails=False)
    vigie = Vigie(traffic, _hours(None if idle else period_s))
    for at in vigie.scrapes():
        if vigie.page() is not None:
            return traffic.until(at)[1], at
    raise AssertionError("scrapes never end")


def _hours(period_s: float | None) -> Ledger:
    """Seven measured hours before T0 without a failure, as long as any arm that pages looks back.

    Minute by minute: a window takes in whole slices, so wider ones would leave it at once.
    """
    ledger = empty(SLICE_S, 1, T0 - 7 * HOUR_S)
    for start, end in pairwise(range(-7 * HOUR_S, 1, MINUTE_S)):
        total = 0 if period_s is None else round(end / period_s) - round(start / period_s)
        sums = np.array([[total], [total], [MINUTE_S * MICROSECONDS]], dtype=np.int64)
        ledger, _ = ledger.add(Addition({T0 + start: sums}, no_spans())).seal(T0 + start)
    return ledger


# -- the tables -------------------------------------------------------------------------------


def named(story: Story) -> str:
    """How the row of a story begins."""
    share = f"{story.share:.0%}".replace("%", " %")
    return f"| {share} | {windows.show(story.lasts_s)} | {story.per_minute}/min |"


def vigie_cells(story: Story) -> str:
    """Seconds since the errors began until each arm first fires; and since they ended until each
    clears for good, and the last incident is over.
    """
    told = told_by_vigie(story)
    began = [_began(story, times) for times in (told.fast, told.slow)]
    over = [_over(story, times) for times in (told.fast, told.slow, told.incidents)]
    several = f" ({len(told.incidents)} incidents)" if len(told.incidents) > 1 else ""
    return f" {' | '.join([*began, *over])}{several} |"


def sloth_cells(story: Story, folder: Path) -> str:
    """The same of Sloth's page."""
    spells = told_by_sloth(story, folder)
    return f" {_began(story, spells)} | {_over(story, spells)} |"


def _began(story: Story, spells: list[Times]) -> str:
    if not spells:
        return "never"
    often = f", {len(spells)} times" if len(spells) > 1 else ""
    return f"{spells[0].began - story.clean_s:,.0f}{often}"


def _over(story: Story, spells: list[Times]) -> str:
    """Of several, the last."""
    return f"{spells[-1].over - story.clean_s - story.lasts_s:,.0f}" if spells else ""


def quiet_table() -> str:
    """Every pace as a row."""
    head = "| requests | failure, after idling | after | failure, after clean traffic | after |"
    rows = [head, "|---|---|---|---|---|"]
    for name, period_s in PACES.items():
        (one, soon), (other, late) = (outage_pages(period_s, idle=idle) for idle in (True, False))
        cells = [name, f"{one:,}", windows.show(soon), f"{other:,}", windows.show(late)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"
