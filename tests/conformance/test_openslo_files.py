"""OpenSLO's own example files: every one is read into the model.

They lie beside the repository, in ../shared/data/openslo, and are not part of it.
"""

from datetime import datetime
from pathlib import Path

import pytest

from slo.calendar import Calendar, Unit
from slo.spec import Budgeting, CountingSli, ForeignSli, Method, Op, SampledSli, Slo
from vigie.config import Config, load

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "openslo"
MISSING = f"OpenSLO's example files are not there: {FOLDER} is missing"
D = 86400.0
NOON = datetime(2022, 1, 1, 12, 0)  # noqa: DTZ001 - wall-clock time, as it is written
OCCURRENCES = Budgeting()


def _aligned(unit: Unit) -> Calendar:
    return Calendar(1, unit, NOON, "America/New_York")


def _slices(target: float) -> Budgeting:
    return Budgeting(Method.TIMESLICES, target, 60.0)


# File -> its SLOs: id, objective, window, calendar, budgeting, SLI.
SLOS = {
    "low-traffic-timeslices.yaml": [
        ("web-availability/service-availability", 0.9995, 7 * D, _aligned(Unit.WEEK),
            _slices(0.95), ForeignSli),
    ],
    "occurences-slo.yaml": [
        ("web-shop/search-slo", 0.99, 14 * D, None, OCCURRENCES, ForeignSli),
    ],
    "ratio-timeslices.yaml": [
        ("web-shop/main-page", 0.99, 14 * D, None,
            Budgeting(Method.RATIO_TIMESLICES, 0.0, 60.0), ForeignSli),
    ],
    "timeslices-slo.yaml": [
        ("web-availability/service-availability-internal-objective", 0.995, 60.0,
            _aligned(Unit.MINUTE), _slices(0.99), ForeignSli),
        ("web-availability/service-availability-sla", 0.99, 60.0,
            _aligned(Unit.MINUTE), _slices(0.99), ForeignSli),
    ],
    "v1-slos.yaml": [
        ("web/web-availability", 0.995, 7 * D, _aligned(Unit.WEEK), _slices(0.95), CountingSli),
    ],
    "v1alpha-slos.yaml": [
        ("web/web-latency-threshold", 0.98, 7 * D, _aligned(Unit.WEEK), OCCURRENCES, SampledSli),
        ("web/web-availability-ratio", 0.995, 7 * D, _aligned(Unit.WEEK), _slices(0.95),
            ForeignSli),
    ],
}  # fmt: skip
# File -> what it is worth a warning for, by line; all but that it stands there alone.
WARNINGS = {
    "low-traffic-timeslices.yaml": {16: "`Any` is no source that Vigie can ask"},
    "occurences-slo.yaml": {17: "`Any` is no source that Vigie can ask"},
    "ratio-timeslices.yaml": {18: "`Any` is no source that Vigie can ask"},
    "timeslices-slo.yaml": {18: "`Any` is no source", 27: "did you mean `1M`, months?"},
    "v1-alert_conditions.yaml": {17: "it is read as `gte`"},
    "v1-alert_notification_targets.yaml": {},
    "v1-alert_policies.yaml": {
        16: "there is no AlertCondition `cpu-usage-breach`",
        18: "there is no AlertNotificationTarget `on-call-mail-notification`",
        50: "there is no AlertNotificationTarget `on-call-pd-notification`",
        66: "there is no AlertCondition `cpu-usage-breach`",
    },
    "v1-data_sources.yaml": {},
    "v1-slis.yaml": {
        19: "`Datadog` is no source that Vigie can ask",
        45: "`AppDynamics` is no source that Vigie can ask",
        73: "there is no DataSource `prometheus`",
        99: "there is no DataSource `my-prometheus`",
    },
    "v1-slos.yaml": {40: "`op` and `value` say nothing about a ratio"},
    "v1alpha-slos.yaml": {
        25: "`op: gt` calls `api_server_requestMsec` good when it is high",
        51: "`datadog` is no source that Vigie can ask",
    },
}
# One file says one name twice, as no set of files may.
TWICE = "v1-services.yaml"
ALONE = ("no Channel receives", "there is no Runbook", "there is no SLO", "has no targets")


@pytest.fixture
def folder() -> Path:
    if not FOLDER.is_dir():
        pytest.skip(MISSING)
    return FOLDER


def test_every_example_file_is_known_here(folder: Path) -> None:
    assert {path.name for path in folder.glob("*.yaml")} == {*WARNINGS, TWICE}


@pytest.mark.parametrize("name", WARNINGS)
def test_an_example_is_read_and_its_oddities_are_named(name: str, folder: Path) -> None:
    config = load([folder / name], need_slo=False)
    said = {
        problem.mark.line: problem.message
        for problem in config.warnings
        if not any(reason in problem.message for reason in ALONE)
    }
    assert said.keys() == WARNINGS[name].keys()
    for line, reason in WARNINGS[name].items():
        assert reason in said[line]


@pytest.mark.parametrize("name", SLOS)
def test_an_example_says_these_slos(name: str, folder: Path) -> None:
    slos = [watch.slo for watch in load([folder / name]).watches.values()]
    assert [
        (slo.id, slo.objective, slo.window_s, slo.calendar, slo.budgeting, type(slo.sli))
        for slo in slos
    ] == SLOS[name]


def test_the_queries_of_an_example_are_compiled(folder: Path) -> None:
    slos = _slos(load([folder / "v1-slos.yaml"]))
    assert slos["web/web-availability"].labels == {"env": "prod", "team": "team-a,team-b"}
    assert str(slos["web/web-availability"].sli.part.selectors[0]) == (
        'http_requests{code=~"2xx|4xx",component="web",k8s_cluster="prod"}'
    )
    sli = _slos(load([folder / "v1alpha-slos.yaml"]))["web/web-latency-threshold"].sli
    assert (sli.op, sli.value) == (Op.GT, 200.0)


def test_a_service_that_stands_there_twice_is_told_and_the_first_holds(folder: Path) -> None:
    config = load([folder / TWICE], need_slo=False)
    (twice,) = [problem for problem in config.warnings if problem.code == "V201"]
    assert twice.mark.line == 24
    assert config.services["example-service"].labels["env"] == "prod"


ALL = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: all}
spec:
  service: web
  indicatorRef: INDICATOR
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99OBJECTIVE}]
  alertPolicies: [medium-priority]
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: my-prometheus}
spec: {type: Prometheus, connectionDetails: {url: 'http://p'}}
"""
JOINED = [
    ("search-availability", "", ForeignSli),
    ("end-user-response", "", ForeignSli),
    ("wifi-client-satisfaction", "", SampledSli),
    ("annotator-throughput", ", op: lt, value: 1000", SampledSli),
]


@pytest.mark.parametrize(("indicator", "objective", "kind"), JOINED)
def test_the_parts_of_several_examples_make_an_slo(
    indicator: str, objective: str, kind: type, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "slo.yaml"
    text = ALL.replace("INDICATOR", indicator).replace("OBJECTIVE", objective)
    file.write_text(text, encoding="utf-8")
    parts = ("slis", "data_sources", "alert_policies", "alert_conditions")
    slo = _slos(load([file, *(folder / f"v1-{part}.yaml" for part in parts)]))["web/all"]
    assert isinstance(slo.sli, kind)
    assert slo.alerting.arms is not None
    assert [(arm.name, arm.burn_rate) for arm in slo.alerting.arms] == [("page-1h-5m", 2.0)]
    assert slo.alerting.channels == ("on-call-slack-notification",)


def _slos(config: Config) -> dict[str, Slo]:
    return {watch.slo.id: watch.slo for watch in config.watches.values()}
