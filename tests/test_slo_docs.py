"""The examples of docs/reference/slos.md are whole files that mean what their headings say."""

import re
from pathlib import Path

import pytest

from components import ROOT
from slo import budget
from slo.spec import (
    CompositeSli,
    CountingSli,
    Method,
    Op,
    SampledSli,
    Slo,
)
from slo.stated import window_name
from vigie.config import Config, load

PAGE = (ROOT / "docs" / "reference" / "slos.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?^```yaml\n(.*?)^```", PAGE, re.M | re.S))
# What each SLO of an example is: its kind of SLI, and what tells it from others.
STATED: dict[str, dict[str, object]] = {
    "Bad of total": {"checkout/availability": (CountingSli, 0.999, "30d")},
    "Good of total": {"billing/jobs-done": (CountingSli, 0.995, "28d")},
    "Latency": {"checkout/latency": (CountingSli, 0.99, "30d")},
    "Threshold": {"search/freshness": (SampledSli, 0.99, "30d")},
    "Several objectives": {
        "search/latency-fast": (SampledSli, 0.95, "30d"),
        "search/latency-slow": (SampledSli, 0.999, "30d"),
    },
    "Raw ratio": {"search/cache-hits": (CountingSli, 0.9, "30d")},
    "Current values": {"search/replicas": (SampledSli, 0.99, "30d")},
    "Timeslices": {"checkout/good-minutes": (CountingSli, 0.999, "30d")},
    "RatioTimeslices": {"checkout/even": (CountingSli, 0.999, "30d")},
    "Calendar window": {"checkout/monthly": (CountingSli, 0.999, "1M")},
    "Composite": {"checkout/journey": (CompositeSli, 0.99675, "30d")},
    "Groups": {"checkout/errors": (CountingSli, 0.995, "28d")},
    "Pyrra": {"latency/latency": (CountingSli, 0.99, "28d")},
    "Sloth": {"checkout/requests-availability": (CountingSli, 0.999, "30d")},
    "DataSource": {"checkout/availability": (CountingSli, 0.999, "30d")},
    "Exclusions": {},
}


def _load(heading: str, folder: Path) -> Config:
    path = folder / "example.yaml"
    path.write_text(EXAMPLES[heading], encoding="utf-8")
    return load([path], need_slo=False)


def _slo(heading: str, folder: Path) -> Slo:
    (watch,) = _load(heading, folder).watches.values()
    return watch.slo


def test_every_example_is_known() -> None:
    assert list(EXAMPLES) == list(STATED)
    assert PAGE.count("```yaml") == len(EXAMPLES)


@pytest.mark.parametrize("heading", STATED)
def test_an_example_states_what_its_heading_says(heading: str, tmp_path: Path) -> None:
    found = {
        watch.slo.id: (type(watch.slo.sli), watch.slo.objective, window_name(watch.slo))
        for watch in _load(heading, tmp_path).watches.values()
    }
    assert found == STATED[heading]


def test_what_examples_have_of_their_own_is_read(tmp_path: Path) -> None:
    threshold = _slo("Threshold", tmp_path).sli
    assert isinstance(threshold, SampledSli)
    assert (threshold.op, threshold.value) == (Op.LTE, 300.0)
    sliced = _slo("Timeslices", tmp_path).budgeting
    assert (sliced.method, sliced.slice_target, sliced.slice_s) == (Method.TIMESLICES, 0.95, 60.0)
    assert _slo("RatioTimeslices", tmp_path).budgeting.method is Method.RATIO_TIMESLICES
    calendar = _slo("Calendar window", tmp_path).calendar
    assert calendar is not None
    assert calendar.zone == "Europe/Paris"
    assert _slo("Groups", tmp_path).group_by == ("tenant",)
    served = _slo("DataSource", tmp_path).sli
    assert isinstance(served, CountingSli)
    assert served.source == "prometheus"
    (window,) = _load("Exclusions", tmp_path).maintenance
    assert (window.duration_s, window.zone) == (7200.0, "Europe/Paris")


def test_the_two_budgets_of_the_example_are_those_of_the_formulas() -> None:
    """10 of 10,000 failed at 99.9 %, in a month that is expected to have 100,000."""
    assert budget.remaining(9_990, 10_000, 0.999) == pytest.approx(0.0, abs=1e-9)
    assert budget.remaining_of(10, 100_000, 0.999) == pytest.approx(0.9)
