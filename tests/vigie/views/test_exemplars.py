"""Traces of bad events as every reader sees them."""

from dataclasses import replace

import pytest

from collected import FAILED, JAEGER, SLOW, T0, collected
from collectors.otlp.exemplars import Exemplar
from fleet import CONFIG, Fleet, burn_signal, live, no_data_signal
from incidents.model import Signal
from vigie.commands import resolve
from vigie.views import exemplars, incident

CHECKOUT = "checkout/availability"


def at(seconds: float, trace: int = 1, span: int = 1) -> Exemplar:
    """A failure so many seconds after the onset of the incident of `burn_signal`."""
    onset = burn_signal().started_at
    return replace(FAILED, trace_id=f"{trace:032x}", span_id=f"{span:016x}", at=onset + seconds)


def shown(fleet: Fleet, found: list[Exemplar], signal: Signal | None = None) -> list[int]:
    """The traces on the page of an incident."""
    told = collected(exemplars={CHECKOUT: found, "payments/": found})
    whole = incident(fleet.db, live(), fleet.open(signal), told)
    assert whole is not None
    return [int(one["trace_id"], 16) for one in whole["exemplars"]]


def test_an_exemplar_says_why_it_was_bad_and_where_its_trace_is() -> None:
    told = collected(exemplars={CHECKOUT: [FAILED, SLOW]}, traces_url=JAEGER)
    found = exemplars(live(), told, CHECKOUT)
    assert found is not None
    slow, failed = found["items"]
    assert failed == {
        "trace_id": "ab" * 16,
        "span_id": "cd" * 8,
        "at": "2026-09-21T14:12:20.000Z",
        "service": "checkout",
        "span_name": "POST /pay",
        "duration_seconds": 0.0125,
        "reason": "error",
        "url": f"https://jaeger.example/trace/{'ab' * 16}?uiFind={{x}}",
    }
    assert (slow["reason"], slow["duration_seconds"]) == ("slow", 2.5)


def test_where_nobody_said_where_traces_are_an_exemplar_has_no_url() -> None:
    found = exemplars(live(), collected(exemplars={CHECKOUT: [FAILED]}), CHECKOUT)
    assert found is not None
    assert [one["url"] for one in found["items"]] == [None]


def test_exemplars_are_asked_by_time_and_of_slos_that_there_are() -> None:
    told = collected(exemplars={CHECKOUT: [FAILED, SLOW], "gone/x": [FAILED]})
    for start, end, traces in [
        (T0 - 60, T0 - 60, [FAILED]),
        (T0 - 59, T0, [SLOW]),
        (T0, T0 - 60, []),
    ]:
        found = exemplars(live(), told, CHECKOUT, start, end)
        assert found is not None
        assert [one["trace_id"] for one in found["items"]] == [one.trace_id for one in traces]
    assert exemplars(live(), told, "gone/x") is None


@pytest.mark.parametrize(
    ("found", "traces"),
    [
        ([at(-1, 1), at(0, 2), at(5, 3)], [2, 3]),  # not before its onset, oldest first
        ([at(3, 1, 1), at(1, 1, 2), at(2, 2)], [1, 2]),  # one trace once, by its first failure
        ([at(n, n) for n in range(15)], list(range(10))),  # ten at most: those of the onset
    ],
)
def test_an_incident_shows_the_first_traces_since_its_onset(
    fleet: Fleet, found: list[Exemplar], traces: list[int]
) -> None:
    assert shown(fleet, found) == traces


def test_an_incident_that_is_over_shows_none_from_later(fleet: Fleet) -> None:
    number = fleet.open()
    resolve(fleet.db, CONFIG, number, "ada", "done", at(100).at)
    told = collected(exemplars={CHECKOUT: [at(99, 1), at(101, 2)]})
    whole = incident(fleet.db, live(), number, told)
    assert whole is not None
    assert [int(one["trace_id"], 16) for one in whole["exemplars"]] == [1]


def test_an_incident_about_no_slo_shows_no_traces(fleet: Fleet) -> None:
    assert shown(fleet, [at(500)], no_data_signal()) == []
