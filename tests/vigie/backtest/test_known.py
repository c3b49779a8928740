"""Known incidents: read from YAML and CSV, and set against the pages of a replay."""

from collections.abc import Iterable

import pytest

from histories import AVAILABILITY
from incidents.model import IncidentType, Severity, Urgency
from slo.load.yaml import LoadError, Mark
from vigie.backtest.incidents import Incident
from vigie.backtest.known import Detection, Known, of_all, of_slo, read, within

MARK = Mark("known.csv", 2, 1)
CSV = """\
start,end,service,slo
2026-10-03T22:00:00Z,2026-10-03T23:00:00+01:00,shop,availability
1790000000, 1790000060.5, shop
"""
YAML = """\
- {start: 2026-10-03T22:00:00Z, end: "2026-10-03T23:00:00+01:00", service: shop, slo: availability}
- start: 1790000000
  end: 1790000060.5
  service: shop
"""


@pytest.mark.parametrize(("path", "text"), [("a.csv", CSV), ("a.yaml", YAML), ("a.yml", YAML)])
def test_yaml_and_csv_say_the_same(path: str, text: str) -> None:
    found = [(one.start, one.end, one.service, one.slo) for one in read(text, path)]
    assert found == [
        (1791064800.0, 1791064800.0, "shop", "availability"),
        (1790000000.0, 1790000060.5, "shop", ""),
    ]


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("a.csv", "start,service\n1,shop\n", "a.csv:1:1: error[V103] no column `end`"),
        ("a.csv", "start,end,service,sol\n", "a.csv:1:1: error[V101] unknown column `sol`"),
        ("a.csv", "start,end,service\nx,2,shop\n", "a.csv:2:1: error[V113] `start`: `x` is no"),
        ("a.csv", "start,end,service\n3,2,shop\n", "a.csv:2:1: error[V113] `end` lies before"),
        ("a.csv", "start,end,service\n1,2,\n", "a.csv:2:1: error[V107] `service` has no value"),
        ("a.csv", "start,end,service\n1,2,a,b,c\n", "a.csv:2:1: error[V104] more values than"),
        ("a.yaml", "- {start: 1, end: 2, services: shop}", "unknown key `services`; did you mean"),
        ("a.yaml", "- {start: 1, end: 2026-10-03, service: a}", "a.yaml:1:19: error[V113] `end`"),
        ("a.yaml", "- {start: 1", "not YAML"),
    ],
)
def test_every_mistake_is_told_with_its_place(path: str, text: str, said: str) -> None:
    with pytest.raises(LoadError) as error:
        read(text, path)
    assert said in str(error.value)


def known(start: float, end: float, slo: str = "", service: str = "shop") -> Known:
    return Known(start, end, service, slo, MARK)


def page(at: float | None, over: float | None, slo: str = "availability") -> Incident:
    return Incident(
        type=IncidentType.SLO_BURN if slo else IncidentType.NO_DATA,
        service="shop",
        slo=slo,
        title="burns",
        urgency=Urgency.HIGH,
        severity=Severity.SEV2,
        opened_at=0.0 if at is None else at,
        paged_at=at,
        resolved_at=over,
    )


PAGES = (page(100.0, 200.0), page(500.0, None), page(None, 700.0), page(50.0, 60.0, ""))


@pytest.mark.parametrize(
    ("incidents", "expected"),
    [
        # Met after 20 s by the first page; the second goes on to the end and meets nothing.
        ([known(80.0, 300.0)], Detection(1, 1, 2, 1, 20.0)),
        # A page that was out already takes no time; one that ends as it begins still meets it.
        ([known(150.0, 160.0), known(200.0, 210.0)], Detection(2, 2, 2, 1, 0.0)),
        # 20 s and 100 s: 60 s in the middle. The third one nobody was paged for.
        (
            [known(80.0, 90.5), known(80.0, 100.0), known(400.0, 600.0), known(220.0, 400.0)],
            Detection(4, 2, 2, 2, 60.0),
        ),
        # Of another SLO or service: not asked of this one.
        ([known(100.0, 200.0, "latency"), known(1.0, 999.0, "", "x")], Detection(0, 0, 2, 0, None)),
        ([], Detection(0, 0, 2, 0, None)),
    ],
)
def test_pages_and_known_incidents_meet_where_they_have_a_moment_in_common(
    incidents: list[Known], expected: Detection
) -> None:
    assert of_slo(incidents, PAGES, AVAILABILITY, 1000.0) == expected


def test_a_page_about_silence_tells_of_its_service_and_of_every_slo() -> None:
    incidents = [known(55.0, 58.0, "latency"), known(100.0, 200.0, "availability")]
    assert of_all(incidents, PAGES, 1000.0) == Detection(2, 2, 3, 2, 0.0)


def test_ratios_of_nothing_are_unknown() -> None:
    nothing = Detection(0, 0, 0, 0, None)
    assert (nothing.precision, nothing.recall) == (None, None)
    some = Detection(4, 1, 2, 1, 1.0)
    assert (some.precision, some.recall) == (0.5, 0.25)


@pytest.mark.parametrize(
    ("incident", "inside"), [((0.0, 9.9), False), ((0.0, 10.0), True), ((20.1, 30.0), False)]
)
def test_only_what_lies_in_the_history_counts(incident: Iterable[float], inside: bool) -> None:
    start, end = incident
    assert bool(within([known(start, end)], 10.0, 20.0)) is inside
