"""Prometheus scrapes the same targets beside Vigie, and these crash: Vigie counts exactly what the
targets served to it, and agrees with increase() as far as that can be told.

The targets (`counting_target.py`) log every page that they serve, so that the truth is known. Two
minutes at 1 s; ten at 5 s with --soak. `pytest -rP` shows how far the two are apart.
"""

import json
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from collectors.scrape import next_turn
from components import ROOT, Process, eventually, free_port, start
from conftest import StartProcess
from peers import LOCAL, Prometheus, Reading, counting
from served_pages import MAX_GAP, History, histories, served

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]

JOBS = ("steady", "crashing", "restarting", "plain", "late")
TURNS, QUIET_TURNS = 95, 25  # scrapes while all is counting, and after that
LOOK_EVERY = 4  # scrapes, while all is counting
WINDOWS = (80, 20, 60, 15)  # long and short ones of two arms, in scrapes
# What happens when to whom, in scrapes after the start.
STORY = (
    (20.3, "crashing", "kill"),
    (24.1, "crashing", "start"),
    (25.0, "restarting", "restart"),
    (30.0, "late", "find"),
    (33.6, "late", "start"),
    (41.7, "crashing", "kill"),
    (41.9, "crashing", "start"),  # a scrape or none fails
    (45.0, "plain", "restart"),
    (52.0, "crashing", "tear"),  # half of a page is sent
    (58.4, "crashing", "start"),
    (60.2, "restarting", "restart"),
    (71.5, "plain", "restart"),
    (76.8, "crashing", "kill"),
    (83.9, "crashing", "start"),
)
ENOUGH = 500  # events of a window, for shares of them to be worth telling
EXTRAPOLATED = 2.2  # intervals between samples, at both ends of a window together
EDGES = 4  # pages by which the two may see an edge of a window otherwise


# By job and series: what increase() says, and of how many samples.
Increases: TypeAlias = dict[tuple[str, str], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Counters:
    """Series of one metric: as a query picks them, and by what their names in the log hold."""

    metric: str
    matcher: str = ""
    holds: str = ""

    def query(self, job: str) -> str:
        of = f'job="{job}"' if job != "all" else 'job!=""'
        return f"sum({self.metric}{{{of}{self.matcher and ','}{self.matcher}}})"

    def has(self, series: str) -> bool:
        return series.partition("{")[0] == self.metric and self.holds in series


BUCKET = "request_duration_seconds_bucket"
# By name of the SLI, of which there is one for each job and one for all: what its part is, and
# what is counted of that and of the whole.
SLIS: Mapping[str, tuple[str, Counters, Counters]] = {
    "requests": (
        "bad",
        Counters("requests_total", 'code=~"5.."', 'code="5'),
        Counters("requests_total"),
    ),
    "fast": (
        "good",
        Counters(BUCKET, 'le="0.1"', 'le="0.1"'),
        Counters(BUCKET, 'le="+Inf"', 'le="+Inf"'),
    ),
    "work": ("bad", Counters("work_failed_seconds_total"), Counters("work_seconds_total")),
}


def slos(interval_s: int) -> str:
    made = []
    for job in (*JOBS, "all"):
        for name, (kind, part, total) in SLIS.items():
            good, bad = (part.query(job) if kind == one else "" for one in ("good", "bad"))
            made.append(
                counting(f"{job}-{name}", "shop", good=good, bad=bad, total=total.query(job))
            )
    long, short, other_long, other_short = (f"{window * interval_s}s" for window in WINDOWS)
    arms = [
        {"kind": "page", "burn_rate": 9, "long": long, "short": short},
        {"kind": "ticket", "burn_rate": 8, "long": other_long, "short": other_short},
    ]
    policy = {
        "apiVersion": "vigie.dev/v1",
        "kind": "Policy",
        "metadata": {"name": "all"},
        "spec": {"arms": arms},
    }
    return f"{''.join(made)}---\n{json.dumps(policy)}\n"


class Targets:
    """The targets, and what is done to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {job: free_port() for job in JOBS}
        self.running: dict[str, Process] = {}
        self.found = folder / "found.json"
        self.found.write_text("[]")
        for job in JOBS[:-1]:
            self.start(job)

    def log(self, job: str) -> Path:
        return self.folder / f"{job}.pages"

    def address(self, job: str) -> str:
        return f"{LOCAL}:{self.ports[job]}"

    def start(self, job: str) -> None:
        if job in self.running:
            self.running[job].wait()
        program = ROOT / "tests" / "counting_target.py"
        argv = [sys.executable, str(program), str(self.ports[job]), str(self.log(job))]
        more = ["--without-start"] if job == "plain" else []
        self.running[job] = start([*argv, *more], self.folder / f"{job}.log")

    def restart(self, job: str) -> None:
        assert self.running[job].stop() == 0
        self.start(job)

    def kill(self, job: str) -> None:
        self.running[job].kill()

    def tear(self, job: str) -> None:
        self.running[job].popen.send_signal(signal.SIGUSR2)

    def find(self, job: str) -> None:
        beside = self.found.with_suffix(".new")
        beside.write_text(json.dumps([{"targets": [self.address(job)]}]))
        beside.rename(self.found)

    def freeze(self) -> None:
        for process in self.running.values():
            process.popen.send_signal(signal.SIGUSR1)

    def last_served(self) -> list[float]:
        """When each was last asked by Vigie."""
        return [served(self.log(job), "vigie")[0][-1].at for job in JOBS]

    def stop(self) -> None:
        for process in self.running.values():
            process.stop()

    def scrape_configs(self, interval_s: int) -> dict[str, Any]:
        """For Prometheus and for Vigie."""
        jobs: list[dict[str, Any]] = [
            {"job_name": job, "static_configs": [{"targets": [self.address(job)]}]}
            for job in JOBS[:-1]
        ]
        found = {"files": [str(self.found)], "refresh_interval": "1s"}
        jobs.append({"job_name": JOBS[-1], "file_sd_configs": [found]})
        every = f"{interval_s}s"
        return {
            "global": {"scrape_interval": every, "scrape_timeout": every},
            "scrape_configs": jobs,
        }


@dataclass(frozen=True, slots=True)
class Looked:
    """The figures of one SLO over one window, as Vigie shows them."""

    job: str
    name: str
    window: dict[str, Any]
    quiet: bool  # all that was counted is told: only the beginning of the window moves

    @property
    def start(self) -> float:
        return datetime.fromisoformat(self.window["from"]).timestamp()

    @property
    def end(self) -> float:
        return datetime.fromisoformat(self.window["to"]).timestamp()

    @property
    def group(self) -> str:
        return self.job if self.job in ("steady", "all") else "others"

    @property
    def jobs(self) -> tuple[str, ...]:
        return JOBS if self.job == "all" else (self.job,)

    def told(self) -> Iterator[tuple[Counters, int]]:
        """What was counted of the part, and of the whole."""
        kind, part, total = SLIS[self.name]
        yield part, self.window[kind]
        yield total, self.window["total"]


def look(vigie: Reading, *, quiet: bool) -> list[Looked]:
    found = []
    for slo in vigie.get("/api/v1/slos")["items"]:
        job, _, name = slo["slo"].partition("-")
        windows = [arm[which] for arm in slo["arms"] for which in ("long", "short")]
        found += [Looked(job, name, window, quiet) for window in windows]
    return found


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[Targets]:
    folder = tmp_path / "targets"
    folder.mkdir()
    made = Targets(folder)
    yield made
    made.stop()


def test_vigie_and_prometheus_count_the_same_crashing_targets(
    targets: Targets, tmp_path: Path, start_process: StartProcess, soak: bool
) -> None:
    interval_s = 5 if soak else 1
    configs = targets.scrape_configs(interval_s)
    (tmp_path / "vigie").mkdir()
    vigie = Reading(tmp_path / "vigie", configs, slos(interval_s))
    prometheus = Prometheus(tmp_path / "prometheus", start_process, configs)
    try:
        vigie.start()
        eventually(lambda: all(total > 0 for _, total in of_jobs(vigie, JOBS[:-1])))
        began = time.time()
        looked = live_through(targets, vigie, interval_s)
        for job in JOBS:
            eventually(partial(history, vigie, targets, job, interval_s), 10.0 * interval_s)
        looked += watch_it_pass(vigie, interval_s)
        told = {job: history(vigie, targets, job, interval_s) for job in JOBS}
    finally:
        vigie.stop()
    truths = Truths(targets, told, interval_s)
    exact = truths.check_exact(looked)
    apart = truths.check_increase(prometheus, [one for one in looked if one.start > began])
    covered = truths.check_coverage([one for one in looked if one.start > began])
    print(json.dumps({"windows": len(looked), **exact, **apart, **covered}))


def of_jobs(vigie: Reading, jobs: tuple[str, ...]) -> list[tuple[int, int]]:
    return [vigie.counted(f"{job}-requests") for job in jobs]


def live_through(targets: Targets, vigie: Reading, interval_s: int) -> list[Looked]:
    """The story, and what Vigie showed meanwhile; in the end nothing counts any more."""
    began, looked = time.time(), []
    looks = [(float(turn), "", "look") for turn in range(0, TURNS, LOOK_EVERY)]
    for turn, job, deed in sorted([*STORY, *looks, (float(TURNS), "", "freeze")]):
        wait_until(began + turn * interval_s)
        if deed == "look":
            looked += look(vigie, quiet=False)
        elif deed == "freeze":
            freeze(targets, interval_s)
        else:
            if (job, deed) == ("late", "start"):  # it is found before it is there
                eventually(lambda: any(t["job"] == "late" for t in vigie.targets().values()))
            getattr(targets, deed)(job)
    return looked


def freeze(targets: Targets, interval_s: int) -> None:
    """Nothing counts any more, and a page has shown what was counted last."""
    targets.freeze()
    told_by = time.time() + interval_s
    eventually(lambda: min(targets.last_served()) > told_by, 30)


def history(vigie: Reading, targets: Targets, job: str, interval_s: int) -> History:
    """The history of a target that Vigie counts exactly, in all SLIs and since its beginning."""
    counted = {name: vigie.counted(f"{job}-{name}") for name in SLIS}
    others = []
    for one in histories(targets.log(job), "vigie", interval_s, found_later=job == "late"):
        happened = {name: expected(name, one) for name in SLIS}
        if counted == happened:
            return one
        others.append(happened)
    raise AssertionError(f"{job}: counted {counted}, and what was served is {others}")


def expected(name: str, one: History) -> tuple[int, int]:
    """Good and total."""
    kind, counters, whole = SLIS[name]
    part, total = one.count(counters.has), one.count(whole.has)
    return (part if kind == "good" else total - part), total


def watch_it_pass(vigie: Reading, interval_s: int) -> list[Looked]:
    """What Vigie shows while the beginnings of windows move over what happened."""
    began, looked = time.time(), []
    for turn in range(QUIET_TURNS):
        wait_until(began + turn * interval_s)
        looked += look(vigie, quiet=True)
    return looked


def wait_until(at: float) -> None:
    threading.Event().wait(max(0.0, at - time.time()))


class Truths:
    """What the targets say, against which figures are held."""

    def __init__(self, targets: Targets, told: dict[str, History], interval_s: int) -> None:
        self.told, self.interval_s = told, interval_s
        ids = {job: f"{job}/{targets.address(job)}" for job in JOBS}
        self.phases = {job: next_turn(ids[job], interval_s, 0.0) % interval_s for job in JOBS}
        self.most: Counter[tuple[str, str]] = Counter()  # of one page, by job and series
        for job in JOBS:
            (theirs, *_) = histories(
                targets.log(job), "prometheus", interval_s, found_later=job == "late"
            )
            for one in (*told[job].grown, *theirs.grown):
                key = job, one.series
                self.most[key] = max(self.most[key], one.count)

    # -- exactly ----------------------------------------------------------------------------------

    def check_exact(self, looked: list[Looked]) -> dict[str, int]:
        """Windows hold what was served in them. A page was asked for at its turn, or a little
        later: one that was late over the beginning of a window may lie on either side.
        """
        checked = sure = 0
        for one in looked:
            for counters, counted in one.told() if one.quiet else ():
                least, most = 0, 0
                for job in one.jobs:
                    history, phase_s = self.told[job], self.phases[job]
                    least += history.count(counters.has, one.start, phase_s)
                    most += history.count(counters.has, one.start)
                assert least <= counted <= most, one
                checked, sure = checked + 1, sure + (least == most)
        assert sure > 0.9 * checked > 0
        return {"exact": sure, "of": checked}

    # -- as Prometheus ----------------------------------------------------------------------------

    def check_increase(self, prometheus: Prometheus, looked: list[Looked]) -> dict[str, float]:
        """Counts agree with sums of increase() over the same window."""
        asked: dict[tuple[str, float, float], Increases] = {}
        apart: dict[str, float] = defaultdict(float)
        for one in looked:
            both = []
            for counters, counted in one.told():
                key = counters.metric, one.start, one.end
                if key not in asked:
                    asked[key] = increases(prometheus, *key)
                theirs, bound = self._theirs(asked[key], one, counters)
                assert abs(counted - theirs) <= bound, (one, counters, theirs, bound)
                apart["of_bound"] = max(apart["of_bound"], abs(counted - theirs) / bound)
                both.append((counted, theirs))
            (part, their_part), (total, their_total) = both
            if total > ENOUGH and not one.quiet:
                between = abs(total - their_total) / their_total
                apart[one.group] = max(apart[one.group], between)
                sli = abs(part / total - their_part / their_total)
                apart[f"{one.group} sli"] = max(apart[f"{one.group} sli"], sli)
        return {f"apart {name}": round(most, 4) for name, most in apart.items()}

    def _theirs(
        self,
        asked: Increases,
        one: Looked,
        counters: Counters,
    ) -> tuple[float, float]:
        """What Prometheus counts, and how far the truth may be from it.

        Of n samples it takes the growth from the first to the last, and stretches that to the edges
        of the window: at each of them by at most 1.1 mean intervals (promql/functions.go,
        extrapolatedRate). So it is at most 2.2 / (n - 1) too much. And the two scrape at other
        moments: by a page at each edge, and one at each death, they see more or less than the
        other, and the first value of a series that was born is none to increase().
        """
        theirs = bound = 0.0
        for job in one.jobs:
            runs = {page.run for page in self.told[job].pages if self._near(page.at, one)}
            for series in (s for own, s in self.most if own == job and counters.has(s)):
                increase, samples = asked.get((job, series), (0.0, 0.0))
                theirs += increase
                stretched = EXTRAPOLATED / (samples - 1) * increase if samples > 1 else 0.0
                bound += stretched + self.most[job, series] * (EDGES + len(runs))
        return theirs, bound

    def _near(self, at: float, one: Looked) -> bool:
        return one.start - MAX_GAP * self.interval_s <= at <= one.end

    # -- coverage ---------------------------------------------------------------------------------

    def check_coverage(self, looked: list[Looked]) -> dict[str, float]:
        """What was not measured shows, by target."""
        shown: dict[str, list[float]] = defaultdict(list)
        for one in looked:
            if one.job == "all" or one.start < self.told[one.job].pages[0].at:
                continue
            coverage = self.told[one.job].coverage(one.start, one.end)
            assert one.window["coverage"] == pytest.approx(coverage, abs=0.05), one
            shown[one.job].append(one.window["coverage"])
        assert min(shown["steady"]) > 0.98
        assert min(shown["crashing"]) < 0.9
        return {f"coverage_{job}": round(min(shares), 3) for job, shares in shown.items()}


def increases(prometheus: Prometheus, metric: str, start: float, end: float) -> Increases:
    """What increase() says of every series of a metric, and of how many samples."""
    window = f"{metric}[{round((end - start) * 1000)}ms]"
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for function in ("increase", "count_over_time"):
        for one in prometheus.asked(f"{function}({window})", end):
            labels = dict(one["metric"])
            job, _ = labels.pop("job"), labels.pop("instance")
            rest = ",".join(f'{name}="{value}"' for name, value in labels.items())
            found[job, f"{metric}{{{rest}}}" if rest else metric].append(float(one["value"][1]))
    return {key: (told[0], told[1]) for key, told in found.items() if len(told) == 2}
