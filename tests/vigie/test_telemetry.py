"""Logs that carry ids, and spans of what the server does, off by default."""

import json
import logging
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from vigie.telemetry import Telemetry, log_ids, setup_logs


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_json_line_carries_the_ids_of_what_it_is_about(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    setup_logs("json")
    with log_ids(tick=7), log_ids(incident=12):
        logging.getLogger("vigie.pipeline.tick").info("incident changed")
    logging.getLogger("vigie").warning("outside")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["message"], first["tick"], first["incident"]) == ("incident changed", 7, 12)
    assert first["level"] == "info"
    assert "tick" not in second


def test_a_text_line_says_the_same_to_a_person(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    setup_logs("text")
    with log_ids(job=3):
        logging.getLogger("vigie").error("lost")
    assert capsys.readouterr().err.rstrip().endswith("error   lost job=3")


def test_an_exception_is_logged_whole(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    setup_logs("json")
    try:
        raise ValueError("bad")
    except ValueError:
        logging.getLogger("vigie").exception("failed")
    assert "ValueError: bad" in json.loads(capsys.readouterr().err)["error"]


def test_spans_are_sent_where_an_exporter_is_given() -> None:
    exporter = InMemorySpanExporter()
    telemetry = Telemetry(exporter=exporter)
    with telemetry.span("tick", tick=1):
        telemetry.record("scrape", 100.0, 0.25, target="shop/a", error="")
    telemetry.stop()
    scrape, tick = exporter.get_finished_spans()
    assert (tick.name, dict(tick.attributes or {})) == ("tick", {"tick": 1})
    assert scrape.name == "scrape"
    assert scrape.parent is not None
    assert scrape.end_time is not None
    assert scrape.start_time is not None
    assert scrape.end_time - scrape.start_time == 250_000_000


def test_nothing_is_recorded_by_default() -> None:
    telemetry = Telemetry()
    with telemetry.span("tick"):
        telemetry.record("scrape", 100.0, 0.25)
    assert not telemetry.on
    telemetry.stop()
