"""OpenSLO's own example files: each is served or refused with a place and a reason.

They lie beside the repository, in ../shared/data/openslo, and are not part of it.
"""

from pathlib import Path

import pytest

from slo.load.yaml import LoadError
from vigie.config import load

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "openslo"
MISSING = f"OpenSLO's example files are not there: {FOLDER} is missing"

# File -> the reasons of which each must be given, by line.
REFUSED = {
    "low-traffic-timeslices.yaml": {
        14: "counter` must be `true`",
        16: "`Any`; it must be `Prometheus`",
        27: "`spec.timeWindow[0].calendar` is not served yet",
        30: "`Timeslices` are not served yet",
    },
    "occurences-slo.yaml": {15: "`spec.indicator.spec.thresholdMetric` is not served yet"},
    "ratio-timeslices.yaml": {29: "`RatioTimeslices` are not served yet"},
    "timeslices-slo.yaml": {
        32: "`Timeslices` are not served yet",
        39: "several objectives are not served yet",
    },
    "v1-alert_conditions.yaml": {
        2: "kind `AlertCondition` is not served yet",
        22: "kind `AlertCondition` is not served yet",
    },
    "v1-alert_notification_targets.yaml": {
        2: "kind `AlertNotificationTarget` is not served yet",
        15: "kind `AlertNotificationTarget` is not served yet",
    },
    "v1-alert_policies.yaml": {
        2: "kind `AlertPolicy` is not served yet",
        20: "kind `AlertPolicy` is not served yet",
        52: "kind `AlertPolicy` is not served yet",
    },
    "v1-data_sources.yaml": {
        2: "kind `DataSource` is not served yet",
        16: "kind `DataSource` is not served yet",
    },
    "v1-services.yaml": {24: "Service `example-service` is also defined in"},
    "v1-slis.yaml": {2: "kind `SLI` is not served yet", 83: "kind `SLI` is not served yet"},
    "v1-slos.yaml": {
        34: "`spec.timeWindow[0].calendar` is not served yet",
        37: "`Timeslices` are not served yet",
    },
    "v1alpha-slos.yaml": {
        1: "unknown apiVersion `openslo/v1alpha`; did you mean `openslo/v1`?",
        27: "unknown apiVersion `openslo/v1alpha`",
    },
}


@pytest.fixture
def folder() -> Path:
    if not FOLDER.is_dir():
        pytest.skip(MISSING)
    return FOLDER


def test_every_example_file_is_known_here(folder: Path) -> None:
    assert {path.name for path in folder.glob("*.yaml")} == set(REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_an_example_is_refused_for_each_of_its_reasons(name: str, folder: Path) -> None:
    with pytest.raises(LoadError) as refused:
        load([folder / name])
    said: dict[int, str] = {}
    for problem in refused.value.problems:
        said[problem.mark.line] = said.get(problem.mark.line, "") + problem.message
    for line, reason in REFUSED[name].items():
        assert reason in said.get(line, ""), said


def test_an_example_is_served_once_it_asks_for_what_is(folder: Path, tmp_path: Path) -> None:
    text = (folder / "v1-slos.yaml").read_text(encoding="utf-8")
    start, end = text.index("        isRolling"), text.index("    budgetingMethod")
    text = f"{text[:start]}        isRolling: true\n{text[end:]}"
    for old, new in (
        ("Timeslices", "Occurrences"),
        ("        timeSliceTarget: 0.95\n", ""),
        ("        timeSliceWindow: 1m", ""),
    ):
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "slo.yaml"
    file.write_text(text, encoding="utf-8")
    (watch,) = load([file]).watches.values()
    assert watch.slo.id == "web/web-availability"
    assert watch.slo.objective == 0.995
    assert watch.slo.labels == {"env": "prod", "team": "team-a,team-b"}
    assert str(watch.slo.sli.part.selectors[0]) == (
        'http_requests{code=~"2xx|4xx",component="web",k8s_cluster="prod"}'
    )
