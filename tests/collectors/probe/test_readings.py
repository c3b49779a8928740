"""Readings as a page, read back by prometheus_client."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from collectors.probe.readings import Counters, Readings


def test_a_page_has_every_value_under_its_family() -> None:
    readings = Readings()
    readings.phases("probe_http_duration_seconds", "resolve", "tls")
    readings.add("probe_http_duration_seconds", 0.25, phase="tls")
    readings.add("probe_http_duration_seconds", 0.5, phase="tls")
    readings.set("probe_success", True)
    readings.set("probe_http_ssl", 1)
    readings.drop("probe_http_ssl", "probe_never_set")
    assert readings.page().decode() == (
        "# TYPE probe_http_duration_seconds gauge\n"
        'probe_http_duration_seconds{phase="resolve"} 0.0\n'
        'probe_http_duration_seconds{phase="tls"} 0.75\n'
        "# TYPE probe_success gauge\n"
        "probe_success 1.0\n"
    )


def test_a_block_that_fails_is_timed_too() -> None:
    readings = Readings()
    with pytest.raises(ValueError, match="no"), readings.timing("d", "connect"):
        raise ValueError("no")
    assert (readings.get("d", phase="connect") or 0) > 0


@given(st.text(), st.floats(allow_nan=False))
def test_any_value_and_label_is_read_back_as_it_was(label: str, value: float) -> None:
    readings = Readings()
    readings.set("probe_x", value, version=label)
    (family,) = text_string_to_metric_families(readings.page().decode())
    ((_, labels, found, *_),) = family.samples
    assert (labels, found) == ({"version": label}, value)


def test_counters_tell_when_they_began() -> None:
    counters = Counters(1e9).after(success=True).after(success=False)
    assert counters.page().decode() == (
        "# TYPE probe_attempts_total counter\nprobe_attempts_total 2.0\n"
        "# TYPE probe_failures_total counter\nprobe_failures_total 1.0\n"
        "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1000000000.0\n"
    )
