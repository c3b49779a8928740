"""A certificate: when it opens an incident, pages, and is over; hand-worked."""

import pytest

from incidents.model import (
    Certificate,
    IncidentState,
    OpenIncident,
    Severity,
    Urgency,
)
from incidents.signals_certificate import certificate_key, certificate_signal

DAY = 86_400.0
END = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC
SHOP = Certificate("shop", "front", "https://shop", END, notice_s=14 * DAY, page_s=3 * DAY)
OPEN = OpenIncident(
    1, certificate_key(SHOP), IncidentState.TRIAGE, Urgency.LOW, Severity.SEV4, acknowledged=False
)


@pytest.mark.parametrize(
    ("before_s", "urgency", "severity", "words"),
    [
        (14 * DAY - 1, Urgency.LOW, Severity.SEV4, "ends in 13d, on 2026-09-21 14:13 UTC"),
        (3 * DAY - 1, Urgency.HIGH, Severity.SEV3, "ends in 2d"),
        (1.5 * DAY, Urgency.HIGH, Severity.SEV3, "ends in 1d12h"),
        (90.0, Urgency.HIGH, Severity.SEV3, "ends in under 2m"),
        (0.0, Urgency.HIGH, Severity.SEV2, "ended on 2026-09-21 14:13 UTC"),
        (-DAY, Urgency.HIGH, Severity.SEV2, "ended on"),
    ],
)
def test_it_is_the_more_urgent_the_nearer_its_end(
    before_s: float, urgency: Urgency, severity: Severity, words: str
) -> None:
    signal = certificate_signal(SHOP, None, END - before_s)
    assert signal is not None
    assert (signal.firing, signal.clear) == (True, False)
    assert (signal.urgency, signal.severity) == (urgency, severity)
    assert words in signal.title
    assert signal.started_at == END - 14 * DAY
    assert signal.detail["expires_at"] == END


def test_one_that_is_valid_for_longer_says_nothing() -> None:
    assert certificate_signal(SHOP, None, END - 14 * DAY) is None


def test_only_another_certificate_clears_it() -> None:
    renewed = Certificate("shop", "front", "https://shop", END + 90 * DAY, 14 * DAY, 3 * DAY)
    signal = certificate_signal(renewed, OPEN, END - DAY)
    assert signal is not None
    assert (signal.firing, signal.clear, signal.recover_after_s) == (False, True, 0.0)
    assert signal.key == OPEN.key


def test_a_probe_that_wants_no_word_of_it_gets_none() -> None:
    silent = Certificate("shop", "front", "https://shop", END, notice_s=0.0, page_s=0.0)
    assert certificate_signal(silent, None, END - 60.0) is None


def test_a_page_without_a_notice_before_it() -> None:
    late = Certificate("shop", "front", "https://shop", END, notice_s=0.0, page_s=3 * DAY)
    signal = certificate_signal(late, None, END - 2 * DAY)
    assert signal is not None
    assert (signal.urgency, signal.started_at) == (Urgency.HIGH, END - 3 * DAY)
