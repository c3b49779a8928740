"""Sloth's own example files: every one is read, and says what it says.

They lie beside the repository, in ../shared/data/sloth, and are not part of it.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from slo.load import sloth
from slo.load.yaml import Problem, Problems, documents
from slo.spec import (
    AlertText,
    ArmKind,
    CountingSli,
    Format,
    RatioKind,
    SampledSli,
    Slo,
)

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "sloth"
MISSING = f"Sloth's example files are not there: {FOLDER} is missing"


@dataclass(frozen=True, slots=True)
class Said:
    """What one SLO of a file states."""

    id: str
    objective: float
    kind: RatioKind
    form: type
    selectors: tuple[str, ...]
    without: frozenset[ArmKind] = frozenset()


def _requests(service: str, slo: str, objective: float, job: str, *off: ArmKind) -> Said:
    count = "http_request_duration_seconds_count"
    selectors = (f'{count}{{code=~"(5..|429)",job="{job}"}}', f'{count}{{job="{job}"}}')
    kind, form = RatioKind.BAD, CountingSli
    return Said(f"{service}/{slo}", objective, kind, form, selectors, frozenset(off))


def _wifi(slo: str, objective: float, kind: RatioKind) -> Said:
    satisfaction = "unifipoller_client_satisfaction_ratio{}"
    return Said(f"home-wifi/{slo}", objective, kind, SampledSli, (satisfaction, satisfaction))


GOLDEN = {
    "getting-started.yml": (_requests("myservice", "requests-availability", 0.999, "myservice"),),
    "home-wifi.yml": (
        _wifi("good-wifi-client-satisfaction", 0.95, RatioKind.BAD),
        _wifi("risk-wifi-client-satisfaction", 0.999, RatioKind.BAD),
    ),
    "k8s-getting-started.yml": (
        _requests("myservice", "requests-availability", 0.999, "myservice"),
    ),
    "multifile.yml": (
        _requests("myservice", "requests-availability", 0.999, "myservice"),
        _requests("myservice2", "requests-availability", 0.9999, "myservice"),
    ),
    "no-alerts.yml": (
        _requests("myapp", "http-availability", 0.9999, "myapp", ArmKind.PAGE, ArmKind.TICKET),
    ),
    # `1 - satisfied / all`, so that what it divides is good.
    "raw-home-wifi.yml": (_wifi("wifi-client-satisfaction", 0.95, RatioKind.GOOD),),
}


@pytest.fixture
def folder() -> Path:
    if not FOLDER.is_dir():
        pytest.skip(MISSING)
    return FOLDER


def test_every_example_file_is_known_here(folder: Path) -> None:
    assert {path.name for path in folder.glob("*.yml")} == set(GOLDEN)


@pytest.mark.parametrize("name", GOLDEN)
def test_an_example_says_what_it_says(name: str, folder: Path) -> None:
    slos, problems = _read(folder / name)
    assert problems == []
    assert tuple(_said(slo) for slo in slos) == GOLDEN[name]
    assert all(slo.window_s == 30 * 86_400 and slo.alerting.arms is None for slo in slos)


def test_labels_and_alerts_of_the_first_example(folder: Path) -> None:
    (slo,), _ = _read(folder / "getting-started.yml")
    assert slo.labels == {"owner": "myteam", "repo": "myorg/myservice", "tier": "2"}
    alerting = slo.alerting
    assert alerting.name == "MyServiceHighErrorRate"
    assert alerting.both == AlertText(
        {"category": "availability"},
        {"summary": "High error rate on 'myservice' requests responses"},
    )
    assert alerting.page == AlertText({"severity": "pageteam", "routing_key": "myteam"})
    assert alerting.ticket == AlertText({"severity": "slack", "slack_channel": "#alerts-myteam"})


def test_the_resource_says_the_same_as_the_file(folder: Path) -> None:
    (slo,), _ = _read(folder / "getting-started.yml")
    (resource,), _ = _read(folder / "k8s-getting-started.yml")
    assert resource.format is Format.SLOTH_KUBERNETES
    assert (resource.document, resource.namespace) == ("sloth-slo-my-service", "monitoring")
    for field in ("id", "objective", "sli", "labels", "description", "alerting"):
        assert getattr(resource, field) == getattr(slo, field)


def _read(path: Path) -> tuple[list[Slo], list[Problem]]:
    problems = Problems()
    slos: list[Slo] = []
    for node in documents(path.read_text(encoding="utf-8"), path.name, problems):
        kubernetes = path.name.startswith("k8s-")
        slos += (sloth.read_kubernetes if kubernetes else sloth.read)(node, problems) or []
    return slos, problems.items


def _said(slo: Slo) -> Said:
    sli = slo.sli
    assert isinstance(sli, CountingSli | SampledSli)
    selectors = tuple(str(selector) for selector in sli.selectors)
    without = slo.alerting.without
    return Said(slo.id, slo.objective, sli.kind, type(sli), selectors, without)
