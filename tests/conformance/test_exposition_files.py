"""Real pages, and the bad ones of the OpenMetrics test suite, as prometheus_client reads them."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from collectors import strict
from collectors.exposition import ExpositionError, Reader
from collectors.lines import REFUSALS, Format, families, key_of
from slo.series import Page
from slo.spec import Selector

TEXT = "text/plain; version=0.0.4"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
FORMATS = {TEXT: Format.TEXT, OPENMETRICS: Format.OPENMETRICS}
FILES = Path(__file__).parents[3] / "shared" / "data" / "exposition"

pytestmark = pytest.mark.skipif(
    not FILES.is_dir(), reason=f"the pages of other exporters are not at {FILES}"
)
CASES = sorted(FILES.glob("openmetrics/*"))


def fast(body: bytes, content_type: str, *metrics: str) -> Page:
    """What a reader past its strict first page finds of these metrics."""
    reader = Reader({}, frozenset(map(Selector, metrics)))
    reader.read(b"" if content_type == TEXT else b"# EOF\n", content_type, 0.0)
    return reader.read(body, content_type, 1.0)[0]


def compare(body: bytes, content_type: str) -> int:
    """Read every metric of a page that prometheus_client accepts, those that are no counters
    each for itself; how many series agreed.
    """
    format_ = FORMATS[content_type]
    names = {s.name for family in families(body.decode(), format_) for s in family.samples}
    values: dict[str, dict[bytes, float]] = defaultdict(dict)
    for sample in strict.read(body, format_, names):
        values[sample.metric][key_of(sample.metric, sample.labels)] = sample.value
    counters = {name for name in values if all(0 <= v < 2**63 for v in values[name].values())}
    for name in names - counters:
        with pytest.raises(ExpositionError, match=r"^(counter|unreadable line)"):
            fast(body, content_type, name)
    page = fast(body, content_type, *counters)
    peer = {key: value for name in counters for key, value in values[name].items()}
    assert dict(zip(page.layout.keys, page.values.tolist(), strict=True)) == peer
    return len(peer)


@pytest.mark.parametrize(
    ("name", "content_type", "least"),
    [
        ("alltypes.237mfs.prom.txt", TEXT, 1800),
        ("alltypes.237mfs.nometa.prom.txt", TEXT, 1800),
        ("alltypes.5mfs.om.txt", TEXT, 40),
        ("1histogram.om.txt", OPENMETRICS, 30),
    ],
)
def test_every_series_of_a_real_page_is_read_as_prometheus_client_does(
    name: str, content_type: str, least: int
) -> None:
    assert compare((FILES / name).read_bytes(), content_type) >= least


def test_a_page_that_only_prometheus_client_refuses_can_still_be_read_fast() -> None:
    """A histogram of positive and negative values has a negative sum, which it does not accept."""
    body = (FILES / "alltypes.5mfs.om.txt").read_bytes()
    with pytest.raises(ExpositionError, match="Counter-like samples cannot be negative"):
        Reader({}, frozenset({Selector("rpc_requests_total")})).read(body, OPENMETRICS, 1.0)
    page = fast(body, OPENMETRICS, "rpc_requests_total")
    assert page.values.tolist() == [22.0, 15.0, 11.0]
    assert page.created.tolist() == [1.726839813016893e9, 1.726839813016717e9, 1.7268398130168471e9]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_page_of_the_openmetrics_suite_is_read_or_refused_as_it_should_be(case: Path) -> None:
    body = (case / "metrics").read_bytes()
    reader = Reader({}, frozenset({Selector("nobody_has_this")}))
    if json.loads((case / "test.json").read_text())["shouldParse"]:
        reader.read(body, OPENMETRICS, 1.0)
        if case.name == "duplicate_timestamps_0":
            # Two values of one series, told apart by their times: which of them counts?
            with pytest.raises(ExpositionError, match=r"^duplicate series a"):
                fast(body, OPENMETRICS, "a")
        else:
            compare(body, OPENMETRICS)
        return
    with pytest.raises(ExpositionError):
        reader.read(body, OPENMETRICS, 1.0)
    with pytest.raises(REFUSALS):
        list(families(body.decode(), Format.OPENMETRICS))
