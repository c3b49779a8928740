"""The label sets that contribute most bad events: what the generator made, by its labels, since
the last values that were put aside.
"""

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.promql import compile_events
from slo.spec import Component, CompositeSli, CountingSli, Policy, RatioKind, Slo
from vigie.clock import SetClock
from vigie.config import Config, Watch
from vigie.pipeline.contributors import EVERY_S, KEPT, contributors
from world import ARM, TEXT, Core, config_for

pytestmark = pytest.mark.simulation

T0 = 1_790_000_000 // 3600 * 3600.0
POLICY = Policy("test", no_data_after_s=1e9)
BAD = CountingSli(
    RatioKind.BAD,
    compile_events('sum(http_requests_total{code=~"5.."})'),
    compile_events("sum(http_requests_total)"),
)
GOOD = replace(
    BAD, kind=RatioKind.GOOD, part=compile_events('sum(http_requests_total{code!~"5.."})')
)
FAST = CountingSli(
    RatioKind.GOOD,
    compile_events('sum(seconds_bucket{le="0.5"})'),
    compile_events("sum(seconds_count)"),
)
BOTH = CompositeSli((Component("a", BAD, 0.9, 1.0), Component("b", FAST, 0.9, 1.0)))
SLIS = {"bad": BAD, "good": GOOD, "fast": FAST, "both": BOTH}

Labels = tuple[tuple[str, str], ...]
Made = tuple[str, str, bool]  # path, code, slow


def config() -> Config:
    slos = [Slo("shop", name, 0.99, 3600.0, sli) for name, sli in SLIS.items()]
    return replace(config_for(2), watches={slo.id: Watch(slo, POLICY, (ARM,)) for slo in slos})


@dataclass
class Served:
    """One process: all that it was asked for."""

    started: float
    made: Counter[Made] = field(default_factory=Counter)

    def page(self) -> bytes:
        """Counters by path and code, and a histogram by path."""
        lines = [f"process_start_time_seconds {self.started!r}"]
        codes: Counter[tuple[str, str]] = Counter()
        fast: Counter[str] = Counter()
        paths: Counter[str] = Counter()
        for (path, code, slow), number in self.made.items():
            codes[path, code] += number
            paths[path] += number
            fast[path] += 0 if slow else number
        for (path, code), number in sorted(codes.items()):
            lines.append(f'http_requests_total{{path="{path}",code="{code}"}} {number}')
        for path, number in sorted(paths.items()):
            lines.append(f'seconds_bucket{{path="{path}",le="0.5"}} {fast[path]}')
            lines.append(f'seconds_bucket{{path="{path}",le="+Inf"}} {number}')
            lines.append(f'seconds_count{{path="{path}"}} {number}')
        return "\n".join([*lines, ""]).encode()


class Story:
    """Two instances, and what each committed page has shown."""

    def __init__(self) -> None:
        self.clock = SetClock(T0)
        self.core = Core(config(), self.clock)
        self.processes = {name: Served(T0 - 100.0) for name in self.core.config.targets}
        self.pages: dict[str, list[tuple[float, Served, Counter[Made]]]] = {
            name: [] for name in self.processes
        }

    def live(self, by: float, made: list[Made], dies: str) -> None:
        self.clock.set(self.clock.now() + by)
        for number, name in enumerate(self.processes):
            if dies == "both" or dies == str(number):
                self.processes[name] = Served(self.clock.now() - 2.0)
            self.processes[name].made.update(made[number:])
            process, target = self.processes[name], self.core.config.targets[name]
            self.core.deliver(target, process.page(), TEXT)
            self.pages[name].append((self.clock.now(), process, Counter(process.made)))
        self.core.tick()

    def since_then(self, name: str) -> Counter[Made]:
        """What an instance made since the oldest page that was put aside; of the process that runs
        now, where there is a new one.
        """
        asides = [one.series[name].page_at for one in self.core.restored.state.snapshots]
        oldest = next((at for at in asides if at is not None), None)
        if oldest is None:
            return Counter()
        _, process, made = self.pages[name][-1]
        _, before, then = next(page for page in self.pages[name] if page[0] == oldest)
        return made - then if before is process else made

    def bad(self, name: str) -> Counter[Labels]:
        """Bad events by the labels that an SLI's series have."""
        found: Counter[Labels] = Counter()
        for target in self.core.config.targets.values():
            own = {"job": "shop", "instance": target.instance}
            for (path, code, slow), number in self.since_then(target.id).items():
                by_code = tuple(sorted({**own, "path": path, "code": code}.items()))
                by_path = tuple(sorted({**own, "path": path}.items()))
                if name != "fast" and code.startswith("5"):
                    found[by_code] += number
                if name in ("fast", "both") and slow:
                    found[by_path] += number
        return found

    def told(self, name: str, most: int = 100) -> list[tuple[Labels, int, float]]:
        state = self.core.restored.state
        index = next(i for slo, i in state.plan.index.items() if slo == f"shop/{name}")
        col = int(state.plan.col_of_slo[index])
        found = contributors(
            state.plan,
            state.memories,
            state.snapshots,
            expected=state.expected,
            col=col,
            most=most,
        )
        return [(tuple(sorted(one.labels.items())), one.bad, one.share) for one in found]


made = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["200", "500", "503"]), st.booleans()),
    max_size=12,
)
steps = st.lists(
    st.tuples(
        st.sampled_from([5.0, 5.0, 60.0, 450.0, 900.0, 2000.0]),
        made,
        st.sampled_from(["", "", "", "0", "1", "both", "Vigie"]),
    ),
    min_size=1,
    max_size=15,
)


@settings(max_examples=settings().max_examples // 12)
@given(made, steps)
def test_contributors_are_the_bad_events_that_were_made_by_their_labels(
    first: list[Made], moves: list[tuple[float, list[Made], str]]
) -> None:
    story = Story()
    story.live(0.0, first, "")
    for by, some, dies in moves:
        if dies == "Vigie":
            story.core.start()
        story.live(by, some, dies)
    for name in SLIS:
        expected = story.bad(name)
        found = story.told(name)
        assert {labels: bad for labels, bad, _ in found} == dict(expected)
        assert [bad for _, bad, _ in found] == sorted(expected.values(), reverse=True)
        assert all(share == bad / expected.total() for _, bad, share in found)
    story.core.close()


def test_what_was_counted_before_anybody_watched_is_nobodys_contribution() -> None:
    story = Story()
    for process in story.processes.values():
        process.made.update([("a", "500", True)] * 1000)
    story.live(0.0, [], "")
    story.live(5.0, [("b", "500", False), ("b", "503", False)], "")
    assert [bad for _, bad, _ in story.told("bad")] == [1, 1, 1]  # the second made but one
    story.core.close()


def test_the_worst_come_first_and_their_shares_are_of_all() -> None:
    story = Story()
    story.live(0.0, [], "")
    story.live(5.0, [], "")
    story.live(5.0, [("a", "500", False)] * 6 + [("b", "503", False)] * 3, "")
    (worst, bad, share), *_ = story.told("bad", most=1)
    assert (dict(worst)["path"], dict(worst)["code"], bad) == ("a", "500", 6)
    assert share == 6 / (6 + 3 + 5 + 3)  # the second instance made one less
    assert len(story.told("bad", most=1)) == 1
    story.core.close()


def test_values_are_put_aside_every_quarter_of_an_hour_for_an_hour() -> None:
    story = Story()
    for _ in range(40):
        story.live(EVERY_S / 3, [], "")
    snapshots = story.core.restored.state.snapshots
    assert len(snapshots) == KEPT
    ages = [story.clock.now() - one.at for one in snapshots]
    assert ages[0] >= 3600.0 - EVERY_S / 3
    assert ages[-1] < EVERY_S
    story.core.close()


def test_contributors_are_told_while_an_arm_fires() -> None:
    story = Story()
    story.live(0.0, [], "")
    assert story.core.of("bad").contributors == ()
    for _ in range(30):
        story.live(5.0, [("a", "500", True)] * 3, "")
    figures = story.core.of("bad")
    assert [one.labels["path"] for one in figures.contributors] == ["a", "a"]
    assert sum(one.bad for one in figures.contributors) == figures.window.total
    story.core.close()
