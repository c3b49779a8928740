"""What rules compute and when their alerts fire and clear, by Prometheus's own promtool.

Each scenario is a unit test file for promtool: series, and expressions that must be true. Counters
start at 0; `up` says that their target answers.
"""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from components import need
from slo.load.yaml import Problems
from slo.policies import DEFAULT, arms_for
from slo.promql import compile_pair, compile_threshold
from slo.rules import exact, sloth, text
from slo.rules.model import Made, Watched
from slo.rules.resources import resources
from slo.spec import Alerting, Budgeting, Format, Method, Op, RatioKind, ServerSli, Slo

pytestmark = pytest.mark.system

DAY_S = 86400
HOUR_S = 3600
BAD = 'sum(rate(requests_total{code="500"}[{{.window}}]))'
ALL = "sum(rate(requests_total[{{.window}}]))"
SLI = compile_pair(BAD, ALL, RatioKind.BAD)
SEVERAL = compile_pair("sum(a) - sum(b)", "sum(a) + sum(c)", RatioKind.GOOD, counter=True)
SLO = Slo(
    "shop",
    "checkout",
    0.999,
    30.0 * DAY_S,
    SLI,
    format=Format.SLOTH,
    alerting=Alerting(name="Burns"),
)
TARGET = 'job="shop",instance="one"'
GOOD, FAILED, UP = (
    f'requests_total{{code="200",{TARGET}}}',
    f'requests_total{{code="500",{TARGET}}}',
    f"up{{{TARGET}}}",
)
PAGE_1H = '{alertname="Burns",alertstate="firing",arm="page-1h-5m"}'
SLOTH_PAGE = '{alertname="Burns",alertstate="firing",sloth_severity="page"}'
SLOTH_30D = "slo:sli_error:ratio_rate30d"
EXACT_30D = 'vigie:sli_error:ratio{window="30d"}'


@dataclass(frozen=True)
class Series:
    """What a counter or gauge shows: steps of (increase per sample, number of samples)."""

    name: str
    steps: tuple[tuple[int, int], ...]
    first: int = 0

    @property
    def written(self) -> dict[str, str]:
        values, value = [str(self.first)], self.first
        for increase, count in self.steps:
            sign = "+" if increase >= 0 else "-"
            values.append(f"{value + increase}{sign}{abs(increase)}x{count - 1}")
            value += increase * count
        return {"series": self.name, "values": " ".join(values)}


@dataclass(frozen=True)
class Scenario:
    """Series with one sample every `every_s`, as often as rules are evaluated."""

    folder: Path
    every_s: int
    series: list[dict[str, str]]
    slo: Slo = SLO

    def untrue(self, made: Made, truths: Iterable[tuple[int, str]]) -> str:
        """What promtool says of those expressions that don't have exactly one value, 1, at their
        time; nothing when all do.
        """
        rules, test = self.folder / "rules.yaml", self.folder / "test.yaml"
        rules.write_text(text.rule_file(made.groups, ""))
        checks = [
            {
                "expr": f"sum(({expr}) == bool 1)",
                "eval_time": f"{at}s",
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
            for at, expr in truths
        ]
        unit = {
            "rule_files": [str(rules)],
            "evaluation_interval": f"{self.every_s}s",
            "group_eval_order": [group.name for group in made.groups],
            "tests": [
                {
                    "interval": f"{self.every_s}s",
                    "input_series": self.series,
                    "promql_expr_test": checks,
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
        return done.stdout + done.stderr if done.returncode else ""


def of_sloth(slo: Slo = SLO) -> Made:
    problems = Problems()
    (made,) = sloth.rules([slo], sloth.Options(), problems)
    assert problems.items == []
    return made


def of_exact(slo: Slo = SLO) -> Made:
    problems = Problems()
    arms = arms_for(slo, DEFAULT, 15.0, Problems())
    (made,) = exact.rules([Watched(slo, DEFAULT, arms)], {}, problems)
    assert problems.items == []
    return made


def fires(labels: str) -> str:
    return f"count(ALERTS{labels})"


def quiet(labels: str) -> str:
    return f"absent(ALERTS{labels})"


def near(expr: str, value: float) -> str:
    return f"abs({expr} - {value!r}) < bool {abs(value) * 1e-6 + 1e-12!r}"


def outage(folder: Path) -> Scenario:
    """Six clean hours at 10 requests a second, ten minutes of errors only, then clean again."""
    clean, broken, after = 6 * 240, 40, 140
    return Scenario(
        folder,
        15,
        [
            Series(GOOD, ((150, clean), (0, broken), (150, after))).written,
            Series(FAILED, ((0, clean), (150, broken), (0, after))).written,
            Series(UP, ((0, clean + broken + after),), first=1).written,
        ],
    )


def test_an_outage_pages_as_fast_and_clears_sooner_in_exact(tmp_path: Path) -> None:
    began, ended = 6 * HOUR_S, 6 * HOUR_S + 600
    slow = '{alertname="Burns",alertstate="firing",arm="page-6h-30m"}'
    assert not outage(tmp_path).untrue(
        of_exact(),
        [
            (began, quiet(PAGE_1H)),
            (began + 45, quiet(PAGE_1H)),
            (began + 60, fires(PAGE_1H)),  # 14.4 x 0.001 x 3600 s = 51.84 s of errors
            (began + 120, quiet(slow)),
            (began + 135, fires(slow)),  # 6 x 0.001 x 21600 s = 129.6 s
            (ended, near('vigie:sli_total:sum{window="6h"}', 216_000)),
            (ended, near('vigie:sli_bad:sum{window="6h"}', 6_000)),
            (ended + 285, fires(PAGE_1H)),
            (ended + 300, quiet(PAGE_1H)),
            (ended + 1785, fires(slow)),
            (ended + 1800, quiet(slow)),
        ],
    )


def test_an_outage_pages_when_it_does_with_sloth(tmp_path: Path) -> None:
    began, ended = 6 * HOUR_S, 6 * HOUR_S + 600
    assert not outage(tmp_path).untrue(
        of_sloth(),
        [
            (began + 45, quiet(SLOTH_PAGE)),
            (began + 75, fires(SLOTH_PAGE)),
            (ended + 1740, fires(SLOTH_PAGE)),  # the arm of 6h and 30m holds it
            (ended + 1830, quiet(SLOTH_PAGE)),
        ],
    )


def test_a_day_weighs_by_events_in_exact_and_by_minutes_with_sloth(tmp_path: Path) -> None:
    """Half a day at 6000 requests a minute without errors, half a day at 2 of which 1 fails."""
    half = 12 * 60
    day = Scenario(
        tmp_path,
        60,
        [
            Series(GOOD, ((6000, half), (1, half))).written,
            Series(FAILED, ((0, half), (1, half))).written,
            Series(UP, ((0, 2 * half),), first=1).written,
        ],
    )
    truth = 720 / (6000 * 720 + 2 * 720)  # 0.0167 %
    assert not day.untrue(of_exact(), [(DAY_S, near(EXACT_30D, truth))])
    assert not day.untrue(
        of_sloth(), [(DAY_S, f"{SLOTH_30D} > bool 0.248"), (DAY_S, f"{SLOTH_30D} < bool 0.25")]
    )


def test_no_traffic_is_no_ratio_and_spoils_no_longer_window(tmp_path: Path) -> None:
    """An hour of which 1 % fails, an idle one, an hour of which 1 % fails."""
    parts = ((99, 60), (0, 60), (99, 60))
    idle = Scenario(
        tmp_path,
        60,
        [
            Series(GOOD, parts).written,
            Series(FAILED, tuple((i // 99, n) for i, n in parts)).written,
            Series(UP, ((0, 180),), first=1).written,
        ],
    )
    five = 'window="5m"'
    assert not idle.untrue(
        of_exact(),
        [
            (5400, f"absent(vigie:sli_error:ratio{{{five}}})"),
            (5400, f"count(vigie:sli_total:sum{{{five}}} == 0)"),  # measured, and zero
            (5400, near(EXACT_30D, 0.01)),
            (10800, near(EXACT_30D, 0.01)),
            (10800, near("vigie:error_budget_remaining:ratio", 1 - 0.01 / 0.001)),
        ],
    )
    not_a_number = f"count({SLOTH_30D} != {SLOTH_30D})"  # for 30 days
    assert not idle.untrue(of_sloth(), [(10800, not_a_number)])


def test_an_absent_error_series_is_no_error_and_its_first_value_counts(tmp_path: Path) -> None:
    late = {"series": FAILED, "values": "_x60 5 5+1x9"}  # appears after an hour, at 5
    series = [Series(GOOD, ((60, 70),)).written, late]
    up = Series(UP, ((0, 70),), first=1).written
    assert not Scenario(tmp_path, 60, [*series, up]).untrue(
        of_exact(),
        [
            (3540, near('vigie:sli_total:sum{window="1h"}', 3540)),
            (3540, 'count(vigie:sli_bad:sum{window="1h"} == 0)'),
            (3600, near('vigie:sli_bad:sum{window="6h"}', 5)),
            (4200, near('vigie:sli_bad:sum{window="6h"}', 14)),
        ],
    )
    assert not Scenario(tmp_path, 60, [*series, up]).untrue(
        of_sloth(), [(3540, "absent(slo:sli_error:ratio_rate1h)")]
    )


def test_what_a_target_counted_before_it_was_watched_does_not_count(tmp_path: Path) -> None:
    """It is found after ten minutes with 1,000 errors on it, and restarts after twenty."""
    found = [
        {"series": GOOD, "values": "_x10 9000+60x9 0+60x10"},
        {"series": FAILED, "values": "_x10 1000+0x9 2+0x10"},
        {"series": UP, "values": "_x10 1x20"},
    ]
    assert not Scenario(tmp_path, 60, found).untrue(
        of_exact(),
        [
            (1140, near('vigie:sli_total:sum{window="1h"}', 9 * 60)),
            (1140, 'count(vigie:sli_bad:sum{window="1h"} == 0)'),
            (1800, near('vigie:sli_total:sum{window="1h"}', 19 * 60 + 2)),
            (1800, near('vigie:sli_bad:sum{window="1h"}', 2)),
        ],
    )


def test_silence_is_no_recovery_and_is_told(tmp_path: Path) -> None:
    """Ten minutes of errors, an hour in which the target is gone, then clean traffic."""
    series = [
        {"series": GOOD, "values": "0+60x60 3600+0x9 stale _x59 3600+60x20"},
        {"series": FAILED, "values": "0+0x60 60+60x9 stale _x59 600+0x20"},
        {"series": UP, "values": "1x60 1x10 0x59 1x21"},
    ]
    gone, back = 4260, 7860
    told = '{alertname="SLONoData",alertstate="firing",severity="ticket"}'
    assert not Scenario(tmp_path, 60, series).untrue(
        of_exact(),
        [
            (gone - 60, fires(PAGE_1H)),
            (gone, "absent(vigie:sli_total:increase15s)"),
            (gone + 120, quiet(told)),
            (gone + 360, fires(told)),
            (gone + 360, "absent(vigie:sli_total:sum{window='5m'})"),
            (gone + 3540, fires(PAGE_1H)),
            (back + 120, quiet(told)),
            (back + 420, quiet(PAGE_1H)),
        ],
    )
    assert not Scenario(tmp_path, 60, series).untrue(of_sloth(), [(gone + 2400, quiet(SLOTH_PAGE))])


def test_two_failures_page_nobody(tmp_path: Path) -> None:
    """Ten requests an hour: one failure burns at 1,000 times the rate that may be."""
    few = Scenario(
        tmp_path,
        60,
        [
            {"series": GOOD, "values": "0+0x60 1+0x5 2+0x5 3+0x40"},
            {"series": FAILED, "values": "0+0x90 1+0x4 2+0x4 3+0x10"},
            Series(UP, ((0, 120),), first=1).written,
        ],
    )
    assert not few.untrue(of_exact(), [(5880, quiet(PAGE_1H)), (6120, fires(PAGE_1H))])
    assert not few.untrue(of_sloth(), [(5580, fires(SLOTH_PAGE))])


def test_slices_are_judged_one_by_one(tmp_path: Path) -> None:
    """Twenty good minutes, ten of which a tenth fails, ten without traffic."""
    slices = Scenario(
        tmp_path,
        60,
        [
            Series(GOOD, ((100, 20), (90, 10), (0, 10))).written,
            Series(FAILED, ((0, 20), (10, 10), (0, 10))).written,
            Series(UP, ((0, 40),), first=1).written,
        ],
    )
    for method, bad in ((Method.TIMESLICES, 10.0), (Method.RATIO_TIMESLICES, 1.0)):
        made = of_exact(replace(SLO, budgeting=Budgeting(method, 0.95, 60.0)))
        assert not slices.untrue(
            made,
            [
                (2400, near('vigie:sli_total:sum{window="30d"}', 30)),
                (2400, near('vigie:sli_bad:sum{window="30d"}', bad)),
            ],
        )


def test_groups_are_told_apart(tmp_path: Path) -> None:
    parts = [("a", 200, 99), ("a", 500, 1), ("b", 200, 50)]
    series = [
        Series(f'requests_total{{handler="{h}",code="{code}",{TARGET}}}', ((n, 30),)).written
        for h, code, n in parts
    ]
    made = of_exact(replace(SLO, group_by=("handler",)))
    assert not Scenario(tmp_path, 60, [*series, Series(UP, ((0, 30),), first=1).written]).untrue(
        made,
        [
            (1800, near('vigie:sli_error:ratio{handler="a",window="1h"}', 0.01)),
            (1800, 'count(vigie:sli_error:ratio{handler="b",window="1h"} == 0)'),
            (1800, 'count(ALERTS{handler="a",arm="ticket-3d-6h",alertstate="firing"})'),
        ],
    )


def test_gauges_are_told_apart_by_group(tmp_path: Path) -> None:
    up = [
        {"series": f'up{{place="{place}",instance="{name}"}}', "values": values}
        for place, name, values in (("a", "1", "1x60"), ("a", "2", "0x60"), ("b", "3", "1x60"))
    ]
    sli = compile_pair("sum(up)", "count(up)", RatioKind.GOOD)
    assert not Scenario(tmp_path, 15, up).untrue(
        of_exact(replace(SLO, sli=sli, group_by=("place",))),
        [
            (900, near('vigie:sli_error:ratio{place="a",window="1h"}', 0.5)),
            (900, 'count(vigie:sli_error:ratio{place="b",window="1h"} == 0)'),
        ],
    )


def test_current_values_are_judged_each_minute(tmp_path: Path) -> None:
    """A latency of 1 s for ten minutes, of 3 s for five, none for five; 15 s apart."""
    gauge = [{"series": "lag_seconds", "values": "1x40 3x19 stale _x19"}]
    for sli in (
        compile_threshold("max(lag_seconds)", Op.LT, 2.0),
        ServerSli(RatioKind.GOOD, "max(lag_seconds)", "", "north", Op.LT, 2.0),
    ):
        assert not Scenario(tmp_path, 15, gauge).untrue(
            of_exact(replace(SLO, sli=sli)),
            [
                (1200, near('vigie:sli_total:sum{window="1h"}', 61 * 0.25)),
                (1200, near('vigie:sli_bad:sum{window="1h"}', 20 * 0.25)),
            ],
        )


@pytest.mark.parametrize("slo", [
    SLO,
    replace(SLO, group_by=("handler",)),
    replace(SLO, budgeting=Budgeting(Method.TIMESLICES, 0.95, 60.0)),
    replace(SLO, sli=SEVERAL),
    replace(SLO, sli=compile_pair("sum(up)", "count(up)", RatioKind.GOOD)),
    replace(SLO, sli=compile_threshold("max(lag_seconds)", Op.LT, 2.0)),
    replace(SLO, sli=ServerSli(RatioKind.BAD, "topk(1, idelta(a[{{.window}}]))", "", "north")),
    replace(SLO, sli=ServerSli(RatioKind.BAD, "sum(rate(a[{{.window}}])) # note", "b", "north")),
])  # fmt: skip
def test_promtool_takes_the_rules_of_every_kind_of_slo(slo: Slo, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    plain = slo.budgeting.method is Method.OCCURRENCES and not slo.group_by
    groups = [*of_exact(slo).groups, *(of_sloth(slo).groups if plain else ())]
    file.write_text(text.rule_file(groups, "# made by a test\n"))
    command = [need("promtool"), "check", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (one,) = resources([of_exact(slo)], {})
    assert one.groups == of_exact(slo).groups
