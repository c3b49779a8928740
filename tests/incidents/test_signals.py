"""What the figures of an SLO or a service say about an incident."""

from dataclasses import replace

import pytest

from incidents.model import (
    HeardBeat,
    IncidentState,
    OpenIncident,
    Severity,
    SilentTarget,
    Urgency,
)
from incidents.signals import burn_signal, heartbeat_signal, no_data_signal
from slo.spec import AlertState, Arm, ArmKind, CountingSli, Events, Policy, RatioKind, Slo
from slo.status import ArmFigures, SloFigures, WindowFigures

NOW = 1_000_000.0
PAGE = Arm("page-1h-5m", ArmKind.PAGE, 14.4, 3600.0, 300.0)
SLOW = Arm("page-6h-30m", ArmKind.PAGE, 6.0, 21600.0, 1800.0)
TICKET = Arm("ticket-3d-6h", ArmKind.TICKET, 1.0, 259200.0, 21600.0)
EVENTS = Events("sum(x)", ())
SLO = Slo(
    "checkout",
    "availability",
    0.999,
    2_592_000.0,
    CountingSli(RatioKind.GOOD, EVENTS, EVENTS),
    labels={"tier": "1"},
)
POLICY = Policy("default", recover_after_s=120.0)


def window(length_s: float, bad: int, total: int, coverage: float = 1.0) -> WindowFigures:
    sli = (total - bad) / total if total else None
    burn = bad / total / 0.001 if total else None
    return WindowFigures(length_s, NOW - length_s, NOW, total - bad, total, coverage, sli, burn)


def arm(
    arm: Arm, state: AlertState, bad: int = 0, total: int = 10_000, since: float = NOW
) -> ArmFigures:
    return ArmFigures(
        arm, state, since, window(arm.long_s, bad, total), window(arm.short_s, bad, total)
    )


def figures(*arms: ArmFigures, no_data: bool = False, recent: float = 1.0) -> SloFigures:
    return SloFigures(
        slo=SLO,
        window=window(SLO.window_s, 10, 100_000),
        budget_remaining=0.9,
        arms=arms,
        burns={},
        good_total=99_990,
        total_total=100_000,
        recent=window(60.0, 0, 100, recent),
        no_data=no_data,
    )


def opened(urgency: Urgency = Urgency.HIGH, severity: Severity = Severity.SEV2) -> OpenIncident:
    return OpenIncident(7, "key", IncidentState.TRIAGE, urgency, severity, acknowledged=False)


FIRING, OK, FROZEN = AlertState.FIRING, AlertState.OK, AlertState.FROZEN


def test_a_quiet_slo_without_an_incident_says_nothing() -> None:
    assert burn_signal(figures(arm(PAGE, OK), arm(TICKET, FROZEN)), POLICY, None) is None


def test_a_page_arm_that_fires_demands_a_page_and_says_what_burns() -> None:
    signal = burn_signal(
        figures(arm(PAGE, FIRING, 210, since=NOW - 5), arm(TICKET, OK)), POLICY, None
    )
    assert signal is not None
    assert (signal.firing, signal.clear, signal.urgency) == (True, False, Urgency.HIGH)
    assert signal.key == "slo-burn:checkout/availability"
    assert signal.title == "checkout/availability burns 21x its error budget (1h/5m)"
    assert signal.started_at == NOW - 300  # all of it happened within the short window
    assert signal.recover_after_s == 120.0
    assert signal.labels == {"tier": "1", "service": "checkout", "slo": "availability"}


def test_the_detail_holds_every_figure_of_every_arm() -> None:
    signal = burn_signal(figures(arm(PAGE, FIRING, 210)), POLICY, None)
    assert signal is not None
    assert signal.detail == {
        "objective": 0.999,
        "sli": 0.9999,
        "budget_remaining": 0.9,
        "arms": [
            {
                "name": "page-1h-5m",
                "kind": "page",
                "state": "firing",
                "burn_threshold": 14.4,
                "long": {
                    "window": "1h",
                    "window_seconds": 3600.0,
                    "burn_rate": pytest.approx(21.0),
                    "good": 9790,
                    "total": 10_000,
                    "bad": 210,
                    "coverage": 1.0,
                    "from": NOW - 3600,
                    "to": NOW,
                },
                "short": {
                    "window": "5m",
                    "window_seconds": 300.0,
                    "burn_rate": pytest.approx(21.0),
                    "good": 9790,
                    "total": 10_000,
                    "bad": 210,
                    "coverage": 1.0,
                    "from": NOW - 300,
                    "to": NOW,
                },
            }
        ],
    }


@pytest.mark.parametrize(
    ("firing", "bad", "severity"),
    [
        (PAGE, 5000, Severity.SEV1),
        (PAGE, 4999, Severity.SEV2),
        (PAGE, 1000, Severity.SEV2),
        (PAGE, 999, Severity.SEV3),
        (PAGE, 1, Severity.SEV3),
        (TICKET, 5000, Severity.SEV1),
        (TICKET, 100, Severity.SEV3),
        (TICKET, 99, Severity.SEV4),
    ],
)
def test_severity_is_the_share_of_requests_failing_now(
    firing: Arm, bad: int, severity: Severity
) -> None:
    signal = burn_signal(figures(arm(firing, FIRING, bad)), POLICY, None)
    assert signal is not None
    assert signal.severity is severity


def test_the_worst_firing_arm_gives_the_severity_and_the_fastest_page_the_title() -> None:
    signal = burn_signal(
        figures(arm(TICKET, FIRING, 6000), arm(SLOW, FIRING, 90), arm(PAGE, FIRING, 150)),
        POLICY,
        None,
    )
    assert signal is not None
    assert signal.severity is Severity.SEV1
    assert signal.title.endswith("burns 15x its error budget (1h/5m)")


def test_it_began_when_so_many_failures_take_at_this_rate() -> None:
    """60 in the last 5 min are 12 a minute: 90 took 7.5 min."""
    firing = replace(
        arm(PAGE, FIRING, since=NOW - 5),
        long=window(PAGE.long_s, 90, 1000),
        short=window(PAGE.short_s, 60, 100),
    )
    signal = burn_signal(figures(firing), POLICY, None)
    assert signal is not None
    assert signal.started_at == NOW - 450


def test_without_recent_failures_it_began_when_the_first_arm_fired() -> None:
    signal = burn_signal(
        figures(arm(TICKET, FIRING, since=NOW - 900), arm(PAGE, FIRING, since=NOW - 5)),
        POLICY,
        None,
    )
    assert signal is not None
    assert signal.started_at == NOW - 900


def test_only_ticket_arms_firing_is_no_reason_to_wake_anybody() -> None:
    signal = burn_signal(figures(arm(PAGE, OK), arm(TICKET, FIRING, 12)), POLICY, None)
    assert signal is not None
    assert signal.urgency is Urgency.LOW


def test_urgency_and_severity_never_fall_while_the_incident_is_open() -> None:
    signal = burn_signal(figures(arm(PAGE, OK), arm(TICKET, FIRING, 12)), POLICY, opened())
    assert signal is not None
    assert (signal.urgency, signal.severity) == (Urgency.HIGH, Severity.SEV2)


@pytest.mark.parametrize(
    ("urgency", "page", "ticket", "recent", "firing", "clear"),
    [
        pytest.param(Urgency.HIGH, OK, OK, 1.0, False, True, id="all is measured to be ok"),
        pytest.param(Urgency.HIGH, OK, FROZEN, 1.0, False, True, id="a young ticket arm is no bar"),
        pytest.param(Urgency.HIGH, OK, FIRING, 1.0, False, True, id="tickets keep nobody up"),
        pytest.param(Urgency.HIGH, OK, OK, 0.89, False, False, id="data vanished after it cleared"),
        pytest.param(Urgency.HIGH, FROZEN, FROZEN, 0.0, False, False, id="nothing is measured"),
        pytest.param(Urgency.HIGH, FIRING, FROZEN, 1.0, True, False, id="it burns"),
        pytest.param(Urgency.LOW, OK, FIRING, 1.0, True, False, id="a ticket burns"),
        pytest.param(Urgency.LOW, FIRING, FIRING, 1.0, True, False, id="a ticket becomes a page"),
    ],
)
def test_clear_means_that_nothing_fires_and_the_present_is_measured(
    urgency: Urgency,
    page: AlertState,
    ticket: AlertState,
    recent: float,
    firing: bool,
    clear: bool,
) -> None:
    short = window(PAGE.short_s, 0, 100, recent)
    slo = figures(replace(arm(PAGE, page), short=short), arm(TICKET, ticket))
    signal = burn_signal(slo, POLICY, opened(urgency))
    assert signal is not None
    assert (signal.firing, signal.clear) == (firing, clear)


def test_a_window_without_events_still_has_a_title() -> None:
    signal = burn_signal(figures(arm(PAGE, FIRING, 0, 0)), POLICY, None)
    assert signal is not None
    assert signal.title == "checkout/availability burns its error budget (1h/5m)"


# -- no data ----------------------------------------------------------------------------------


def target(name: str, health: str) -> SilentTarget:
    error = "timeout" if health == "down" else None
    return SilentTarget(f"checkout/{name}", health, error, NOW - 400)


def said(slos, targets, open_=None):
    return no_data_signal(
        "checkout",
        slos,
        targets,
        recover_after_s=60.0,
        coverage_floor=0.9,
        since=NOW - 300,
        open_=open_,
    )


UP, DOWN, NEW = target("a", "up"), target("b", "down"), target("c", "unknown")


def test_a_service_that_is_heard_says_nothing() -> None:
    assert said([figures()], [UP]) is None


def test_a_service_of_which_nothing_answers_pages_once_for_all_its_slos() -> None:
    signal = said([figures(no_data=True), figures(no_data=True)], [DOWN, DOWN, DOWN])
    assert signal.key == "no-data:checkout"
    assert signal.title == "checkout: no data from 3 of 3 targets"
    assert (signal.urgency, signal.severity) == (Urgency.HIGH, Severity.SEV2)
    assert (signal.firing, signal.started_at) == (True, NOW - 300)


def test_a_service_of_which_some_answer_gets_a_ticket_that_names_the_silent_first() -> None:
    signal = said([figures(no_data=True)], [UP, DOWN])
    assert signal.title == "checkout: no data from 1 of 2 targets"
    assert (signal.urgency, signal.severity) == (Urgency.LOW, Severity.SEV4)
    assert signal.detail == {
        "slos": ["availability"],
        "since": NOW - 300,
        "targets": [
            {
                "id": "checkout/b",
                "health": "down",
                "error": "timeout",
                "last_good_at": NOW - 400,
            },
            {"id": "checkout/a", "health": "up", "error": None, "last_good_at": NOW - 400},
        ],
    }


def test_a_target_that_was_not_asked_yet_does_not_count_as_dead() -> None:
    assert said([figures(no_data=True)], [DOWN, NEW]).urgency is Urgency.LOW


def test_a_service_without_targets_gets_a_ticket() -> None:
    signal = said([figures(no_data=True)], [])
    assert signal.urgency is Urgency.LOW
    assert signal.title == "checkout: no data, and no target to ask"


def test_the_ticket_becomes_a_page_when_the_rest_die_and_stays_one() -> None:
    ticket = opened(Urgency.LOW, Severity.SEV4)
    assert said([figures(no_data=True)], [DOWN, DOWN], ticket).urgency is Urgency.HIGH
    page = opened(Urgency.HIGH, Severity.SEV2)
    after = said([figures(no_data=True)], [UP, DOWN], page)
    assert (after.urgency, after.severity) == (Urgency.HIGH, Severity.SEV2)


@pytest.mark.parametrize(
    ("silent", "targets", "recent", "clear"),
    [
        (False, [UP, UP], 0.1, True),
        (True, [UP, UP], 1.0, False),
        (False, [UP, DOWN], 0.5, False),  # just restarted: nothing has been silent for long
        (False, [UP, DOWN], 0.95, True),  # one of many is still down, the floor is reached
        (False, [], 0.0, False),
    ],
)
def test_clear_only_when_coverage_is_measured_to_be_back(
    silent: bool, targets: list[SilentTarget], recent: float, clear: bool
) -> None:
    signal = said([figures(no_data=silent, recent=recent)], targets, opened())
    assert signal.clear is clear
    assert signal.firing is silent


def test_all_slos_must_be_heard_again() -> None:
    slos = [figures(recent=1.0), replace(figures(), recent=window(60.0, 0, 1, 0.2))]
    assert said(slos, [UP, DOWN], opened()).clear is False


def test_targets_that_answer_without_the_series_of_an_slo_are_told_by_the_slo() -> None:
    assert said([figures(no_data=True)], [UP]).title == "checkout: no data for availability"


# -- missed-heartbeat -------------------------------------------------------------------------

BACKUP = HeardBeat(
    "backup", "db", "missed", NOW - 60, "no beat came by its deadline", Urgency.HIGH,
    expected_at=NOW - 360, deadline=NOW - 60, last_at=NOW - 90_000, last_state="ok",
    labels={"tier": "1"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("state", "firing", "clear"),
    [
        ("missed", True, False),
        ("failed", True, False),
        ("ok", False, True),
        ("late", False, False),
        ("unknown", False, False),  # Vigie was silent itself: nothing is decided by that
    ],
)
def test_only_a_beat_in_time_clears_and_only_a_wrong_one_opens(
    state: str, firing: bool, clear: bool
) -> None:
    beat = replace(BACKUP, state=state)
    assert (heartbeat_signal(beat, None) is not None) == firing
    signal = heartbeat_signal(beat, opened())
    assert signal is not None
    assert (signal.firing, signal.clear, signal.recover_after_s) == (firing, clear, 0.0)


def test_a_missed_beat_says_which_and_since_when() -> None:
    signal = heartbeat_signal(BACKUP, None)
    assert signal is not None
    assert (signal.key, signal.type) == ("missed-heartbeat:backup", "missed-heartbeat")
    assert signal.title == "db: heartbeat backup missed, no beat came by its deadline"
    assert (signal.service, signal.slo, signal.started_at) == ("db", "", NOW - 60)
    assert signal.labels == {"tier": "1", "service": "db", "heartbeat": "backup"}
    assert signal.detail["last_at"] == NOW - 90_000


@pytest.mark.parametrize(
    ("urgency", "open_", "expected"),
    [
        (Urgency.HIGH, None, (Urgency.HIGH, Severity.SEV3)),
        (Urgency.LOW, None, (Urgency.LOW, Severity.SEV4)),
        (Urgency.LOW, opened(Urgency.HIGH, Severity.SEV2), (Urgency.HIGH, Severity.SEV2)),
    ],
)
def test_a_heartbeat_is_as_urgent_as_its_file_says_and_never_less_than_its_incident(
    urgency: Urgency, open_: OpenIncident | None, expected: tuple[Urgency, Severity]
) -> None:
    signal = heartbeat_signal(replace(BACKUP, urgency=urgency), open_)
    assert signal is not None
    assert (signal.urgency, signal.severity) == expected
