"""Which protocols are asked for, as the keys of a scrape config say."""

import pytest

from collectors.load_scraping import KNOWN, PROTOBUF, scraping, shared
from collectors.scrape import accept
from collectors.scraping import AS_USUAL, PROTOCOLS, Scraping
from slo.load.yaml import Fields, Problems, documents

TEXT, OPENMETRICS = "PrometheusText0.0.4", "OpenMetricsText1.0.0"
NATIVE, CLASSIC = "scrape_native_histograms: true", "scrape_native_histograms: false"


def fields(text: str) -> tuple[Fields, Problems]:
    problems = Problems()
    (node,) = documents(text, "p.yml", problems)
    return Fields(node, problems), problems


def read(job: str, for_all: str = "a: b") -> Scraping:
    """What a job says under what is said for all."""
    shared_fields, problems = fields(for_all)
    found = scraping(fields(job)[0], shared(shared_fields))
    assert problems.errors == []
    return found


# What holds for all jobs, what one says, and what is asked for: as in Prometheus'
# ScrapeConfig.Validate (config/config.go).
PREFERRED = [
    ("a: b", "a: b", PROTOCOLS),
    ("a: b", NATIVE, (PROTOBUF, *PROTOCOLS)),
    (NATIVE, "a: b", (PROTOBUF, *PROTOCOLS)),
    (NATIVE, CLASSIC, PROTOCOLS),
    (f"scrape_protocols: [{TEXT}]", NATIVE, (TEXT,)),
    (NATIVE, f"scrape_protocols: [{TEXT}]", (TEXT,)),
    ("a: b", f"{NATIVE}\nscrape_protocols: [{OPENMETRICS}, {PROTOBUF}]", (OPENMETRICS, PROTOBUF)),
    ("a: b", f"scrape_protocols: [{PROTOBUF}]", (PROTOBUF,)),
]


@pytest.mark.parametrize(("for_all", "job", "expected"), PREFERRED)
def test_protobuf_comes_first_for_native_histograms_where_nobody_names_protocols(
    for_all: str, job: str, expected: tuple[str, ...]
) -> None:
    assert read(job, for_all).protocols == expected


def test_nothing_said_is_the_usual_way() -> None:
    assert read("a: b") is AS_USUAL


def test_every_protocol_may_be_the_fallback() -> None:
    assert {read(f"fallback_scrape_protocol: {word}").fallback for word in KNOWN} == {*KNOWN}
    wrong, problems = fields("fallback_scrape_protocol: Text")
    scraping(wrong)
    assert "`fallback_scrape_protocol`" in str(problems.errors[0])


def test_protobuf_is_asked_for_by_its_message_and_encoding() -> None:
    asked = accept(read(NATIVE).protocols)
    assert asked.startswith(
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
        "encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0"
    )
