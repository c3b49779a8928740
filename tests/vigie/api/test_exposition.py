"""The page of metrics as text."""

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from vigie.api.exposition import Family, labels, page

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def families() -> list[Family]:
    good = Family("vigie_sli_good_total", "counter", "Good events counted.")
    good.add(labels(service="a", slo='odd "name"\\\n'), 12)
    burn = Family("vigie_burn_rate", "gauge", "Burn rate.")
    burn.add(labels(service="a", window="1h"), 14.4)
    burn.add(labels(service="b", window="1h"), None)
    size = Family("vigie_database_bytes", "gauge", "Size.")
    size.add("", 4096)
    return [good, burn, size, Family("vigie_empty", "gauge", "Nothing.")]


def registry() -> CollectorRegistry:
    own = CollectorRegistry()
    Counter("vigie_tick_total", "Ticks committed.", registry=own).inc(3)
    return own


def test_both_formats_say_the_same() -> None:
    plain, plain_type = page(families(), registry(), "")
    strict, strict_type = page(families(), registry(), OPENMETRICS)
    assert plain_type.startswith("text/plain; version=0.0.4")
    assert strict_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    wanted = {
        ("vigie_sli_good_total", 12.0, (("service", "a"), ("slo", 'odd "name"\\\n'))),
        ("vigie_burn_rate", 14.4, (("service", "a"), ("window", "1h"))),
        ("vigie_database_bytes", 4096.0, ()),
        ("vigie_tick_total", 3.0, ()),
    }
    for found in (prometheus(plain.decode()), openmetrics(strict.decode())):
        samples = {
            (s.name, s.value, tuple(s.labels.items()))
            for family in found
            for s in family.samples
            if not s.name.endswith("_created")
        }
        assert samples == wanted


def test_unknown_and_empty_are_absent() -> None:
    text = page(families(), registry(), "")[0].decode()
    assert 'service="b"' not in text
    assert "vigie_empty" not in text


@pytest.mark.parametrize(
    ("accept", "is_openmetrics"),
    [
        ("", False),
        ("text/html,*/*", False),
        (OPENMETRICS, True),
        ("application/openmetrics-text;version=2.0.0", True),
        ("application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4", False),
    ],
)
def test_the_format_follows_what_is_accepted(accept: str, is_openmetrics: bool) -> None:
    body, content_type = page(families(), registry(), accept)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0") == is_openmetrics
    assert body.endswith(b"# EOF\n") == is_openmetrics
    assert body.count(b"# EOF") == int(is_openmetrics)
