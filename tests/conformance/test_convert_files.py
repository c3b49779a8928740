"""The example files of OpenSLO, Sloth and Pyrra, converted to each other and read again.

They lie beside the repository, in ../shared/data, and are not part of it.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from converting import differences, lost_silently, pairs, reread, slos_of
from slo.convert import kept
from slo.convert.model import Converted, Converter
from slo.convert.openslo import to_openslo
from slo.convert.pyrra import to_pyrra
from slo.convert.sloth import to_sloth
from vigie.config import Config, load

FOLDER = Path(__file__).parents[2].parent / "shared" / "data"
MISSING = f"the example files are not there: {FOLDER} is missing"
CONVERTERS: Mapping[str, Converter] = {
    "openslo": to_openslo,
    "sloth": to_sloth,
    "pyrra": to_pyrra,
}
NO_SLO = ("openslo/v1-services.yaml", "pyrra/crd.yaml")  # one name twice; a definition
# File -> the formats that it is converted to whole; an SLO of every other one is left out.
WHOLE = {
    "openslo/low-traffic-timeslices.yaml": ("openslo",),
    "openslo/occurences-slo.yaml": ("openslo",),
    "openslo/ratio-timeslices.yaml": ("openslo",),
    "openslo/timeslices-slo.yaml": ("openslo",),
    "openslo/v1-slos.yaml": ("openslo",),
    "openslo/v1alpha-slos.yaml": ("openslo",),
    "pyrra/prometheus-probe-success.yaml": ("openslo", "pyrra"),
    "pyrra/pyrra-connect-errors.yaml": ("openslo", "pyrra"),
    "pyrra/slo-apiserver-read-cluster-latency.yaml": ("openslo", "pyrra", "sloth"),
    "pyrra/slo-coredns-response-errors.yaml": ("openslo", "pyrra", "sloth"),
    "pyrra/slo-prometheus-query-errors.yaml": ("openslo", "pyrra"),
    "pyrra/thanos-grpc.yaml": ("openslo", "pyrra", "sloth"),
    "sloth/getting-started.yml": ("openslo", "pyrra", "sloth"),
    "sloth/home-wifi.yml": ("openslo", "sloth"),
    "sloth/k8s-getting-started.yml": ("openslo", "pyrra", "sloth"),
    "sloth/multifile.yml": ("openslo", "pyrra", "sloth"),
    "sloth/no-alerts.yml": ("openslo", "pyrra", "sloth"),
    "sloth/raw-home-wifi.yml": ("openslo", "sloth"),
}
# A conversion to the format that a file is in says the same, but for these.
SAME_FORMAT = {
    "openslo/occurences-slo.yaml": {"sli"},  # the threshold of a source that can't be asked
    "sloth/k8s-getting-started.yml": {"namespace"},  # prometheus/v1 is no resource
}


@pytest.fixture
def folder() -> Path:
    if not FOLDER.is_dir():
        pytest.skip(MISSING)
    return FOLDER


def converted(to: str, config: Config) -> Converted:
    return CONVERTERS[to](slos_of(config), config.sources, config.services)


def test_every_file_that_says_slos_is_converted_here(folder: Path) -> None:
    files = {path for kind in CONVERTERS for path in (folder / kind).glob("*.y*ml")}
    names = {f"{path.parent.name}/{path.name}" for path in files} - set(NO_SLO)
    said = {name for name in names if load([folder / name], need_slo=False).watches}
    assert said == set(WHOLE)


@pytest.mark.parametrize("to", CONVERTERS)
@pytest.mark.parametrize("name", WHOLE)
def test_nothing_is_lost_that_no_loss_names(
    name: str, to: str, folder: Path, tmp_path: Path
) -> None:
    config = load([folder / name])
    slos, found = slos_of(config), converted(to, config)
    left_out = {loss.slo for loss in found.losses if loss.whole}
    assert bool(left_out) is (to not in WHOLE[name])
    again = pairs(slos, found, reread(found, tmp_path))
    assert len(again) == len(slos) - len(left_out)
    for before, after in again:
        assert lost_silently(before, after, found.losses) == set()


@pytest.mark.parametrize("name", WHOLE)
def test_the_format_of_a_file_says_all_of_it(name: str, folder: Path, tmp_path: Path) -> None:
    config = load([folder / name])
    found = converted(name.partition("/")[0], config)
    assert {loss.what for loss in found.losses} == SAME_FORMAT.get(name, set())
    again = reread(found, tmp_path).watches
    for name_of, watch in config.watches.items():
        allowed = SAME_FORMAT.get(name, set())
        assert differences(watch.slo, again[name_of].slo) <= allowed


@pytest.mark.parametrize("name", [name for name in WHOLE if not name.startswith("openslo/")])
def test_a_way_there_and_back_over_openslo_changes_nothing(
    name: str, folder: Path, tmp_path: Path
) -> None:
    config = load([folder / name])
    there = reread(converted("openslo", config), tmp_path)
    back = reread(converted(name.partition("/")[0], there), tmp_path).watches
    assert set(back) == set(config.watches)
    for name_of, watch in config.watches.items():
        assert differences(watch.slo, back[name_of].slo) <= SAME_FORMAT.get(name, set())


def test_what_openslo_can_not_say_is_kept_in_its_annotation(folder: Path, tmp_path: Path) -> None:
    config = load([folder / "sloth" / "k8s-getting-started.yml"])
    (slo,), (again,) = slos_of(config), slos_of(reread(converted("openslo", config), tmp_path))
    assert differences(slo, again) == {
        "alerting.name", "alerting.both", "alerting.page", "alerting.ticket", "namespace",
    }  # fmt: skip
    assert differences(slo, kept.restored(again)) == set()
