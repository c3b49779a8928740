"""The replay: what a record would have made the engine do, worked out by hand."""

from dataclasses import replace

import pytest

from collectors.targets import Target
from histories import (
    AVAILABILITY,
    BOTH,
    POLICY,
    STEP_S,
    T0,
    Record,
    backtested,
    config_of,
    grouped,
    totals,
    watch,
)
from incidents.model import IncidentType, Urgency
from slo.promql import compile_events, compile_threshold
from slo.spec import Arm, ArmKind, Births, CountingSli, Op, RatioKind, Slo

pytestmark = pytest.mark.simulation

PAGE = Arm("page-1h-5m", ArmKind.PAGE, 14.4, 3600.0, 300.0)
HOUR = 366  # scrapes: a minute more, for a window of an hour begins on a whole minute


def steady(record: Record, scrapes: int, start: float, good: int = 10, bad: int = 0) -> float:
    """Scrapes of one instance a step apart; the time of the one that would come next."""
    for turn in range(scrapes):
        record.scrape(start + turn * STEP_S, good=good, bad=bad)
    return start + scrapes * STEP_S


def test_a_total_outage_pages_with_the_first_scrape_after_51_84_seconds_of_it() -> None:
    """14.4 x 0.001 of an hour are 51.84 s. The fifth bad scrape tells of 50 s, the sixth of 60."""
    record = Record()
    broke = steady(record, HOUR, T0, good=100)
    mended = steady(record, 12, broke, good=0, bad=100)
    steady(record, 60, mended, good=100)
    replayed = backtested(record, config_of(watch(AVAILABILITY, POLICY, PAGE)))
    (alert,) = replayed.alerts
    assert alert.fired_at == broke + 5 * STEP_S
    # The windows begin at the whole minute and the whole slice before.
    assert alert.fired_at % 60.0 == 10.0
    assert alert.burn_long == pytest.approx(6 / (361 + 1) / 0.001)
    assert alert.burn_short == pytest.approx(6 / (30 + 1) / 0.001)
    # The last bad slice has left the short window 300 s after it ended.
    assert alert.resolved_at == mended - STEP_S + 310.0
    (incident,) = replayed.incidents
    assert (incident.opened_at, incident.paged_at) == (alert.fired_at, alert.fired_at)
    assert (incident.type, incident.urgency) == (IncidentType.SLO_BURN, Urgency.HIGH)
    # Clear for the policy's two minutes; looked at every 10 s.
    assert incident.resolved_at == alert.resolved_at + POLICY.recover_after_s


def test_what_burns_less_than_an_arm_asks_for_fires_nothing() -> None:
    """At 1.2 % errors the burn rate is 12."""
    record = Record()
    for turn in range(2 * HOUR):
        record.scrape(T0 + turn * STEP_S, good=988, bad=12)
    replayed = backtested(record, config_of(watch(AVAILABILITY, POLICY, PAGE)))
    assert replayed.alerts == replayed.incidents == ()
    assert totals(replayed) == ((2 * HOUR - 1) * 988, (2 * HOUR - 1) * 1000)


def test_the_first_page_is_a_baseline_and_a_reset_counts_from_zero() -> None:
    record = Record()
    record.scrape(T0, good=1000)
    record.scrape(T0 + 10.0, good=3, bad=1)
    record.restart("a:1")
    record.scrape(T0 + 20.0, good=2)
    replayed = backtested(record)
    # +3 +1 with the second page; the bad series was born under watch. Then 2 of the new process.
    assert totals(replayed) == (5, 6)


def test_a_relay_is_told_by_its_target_not_by_its_pages() -> None:
    record = Record()
    record.scrape(T0, good=5)
    record.scrape(T0 + 10.0, good=5, bad=7)
    relay = Target("shop", "a:1", "", "shop", births=Births.BASELINE)
    config = replace(config_of(watch()), targets={relay.id: relay})
    assert totals(backtested(record, config)) == (5, 5)
    assert totals(backtested(record)) == (5, 12)


def test_a_gap_counts_and_is_not_covered() -> None:
    """200 s of 400 s are measured: scrapes 10 s apart, then none for 200 s."""
    record = Record()
    after = steady(record, 11, T0)  # 100 s
    steady(record, 11, after + 190.0)
    replayed = backtested(record)
    whole = replayed.wholes[AVAILABILITY.id]
    assert (whole.good, whole.total) == (210, 210)
    assert replayed.end - replayed.start == 400.0
    assert whole.coverage == pytest.approx(0.5)


def test_scrapes_that_fail_open_a_no_data_incident_and_end_it() -> None:
    record = Record()
    silent = steady(record, 60, T0)
    for turn in range(60):
        record.fail(silent + turn * STEP_S)
    back = silent + 60 * STEP_S
    steady(record, 60, back)
    replayed = backtested(record)
    (incident,) = replayed.incidents
    assert (incident.type, incident.slo) == (IncidentType.NO_DATA, "")
    # Counted from the last good page, at a deadline of its own if need be.
    assert incident.opened_at == silent - STEP_S + POLICY.no_data_after_s
    assert incident.urgency is Urgency.HIGH  # every target is dead
    assert incident.resolved_at == back + POLICY.recover_after_s


def test_a_target_that_is_gone_is_no_longer_expected_and_counts_on_when_it_returns() -> None:
    record = Record()
    for turn in range(200):
        record.scrape(T0 + turn * STEP_S, "a:1", good=10)
        if not 50 <= turn < 150:
            record.scrape(T0 + turn * STEP_S + 1.0, "b:1", good=10)
    replayed = backtested(record)
    # Nothing of b's 100 steps is lost: its counter stood still while it was away.
    assert totals(replayed) == (199 * 10 + 99 * 10, 199 * 10 + 99 * 10)
    whole = replayed.wholes[AVAILABILITY.id]
    # b is expected for 300 s after its last scrape and from its return on; half of that is lost.
    assert whole.coverage == pytest.approx(1.0 - 150.0 / 1991.0, abs=0.01)
    assert replayed.incidents[0].type is IncidentType.NO_DATA  # one of two: under the floor
    gone = T0 + 49 * STEP_S + 1.0
    assert replayed.incidents[0].opened_at == gone + 300.0
    assert len(replayed.state.plan.config.targets) == 2


def test_every_group_is_an_slo_of_its_own_from_its_first_page() -> None:
    record = Record()
    for turn in range(30):
        at = T0 + turn * STEP_S
        record.scrape(at, "a:1", good=10, bad=1 if turn >= 10 else 0)
        if turn >= 20:  # a target that joins late shows its groups with its first page
            record.scrape(at + 2.0, "b:1", good=5)
    replayed = backtested(record, config_of(watch(grouped("instance", "code"))))
    told = {slo: (one.good, one.total) for slo, one in replayed.wholes.items()}
    name = "shop/availability"
    assert told == {
        name: (29 * 10 + 9 * 5, 29 * 10 + 20 + 9 * 5),
        f"{name}[instance=a:1,code=200]": (290, 290),
        f"{name}[instance=a:1,code=500]": (0, 20),
        f"{name}[instance=b:1,code=200]": (45, 45),
    }


def test_groups_beyond_the_policy_are_refused_and_counted_in_the_sum() -> None:
    record = Record()
    for turn in range(5):
        for instance in ("a:1", "b:1", "c:1"):
            record.scrape(T0 + turn * STEP_S, instance, good=1)
    policy = replace(POLICY, max_groups=2)
    replayed = backtested(record, config_of(watch(grouped("instance"), policy)))
    assert len(replayed.wholes) == 3
    assert totals(replayed) == (12, 12)
    assert list(replayed.state.plan.found.refused) == [AVAILABILITY.id]


def test_a_sampled_slo_goes_on_when_another_target_joins() -> None:
    sli = compile_threshold("max(queue_depth)", Op.LT, 10.0, "")
    slo = Slo("shop", "depth", 0.9, 3600.0, sli)
    record = Record()
    for turn in range(120):
        at = T0 + turn * STEP_S
        record.add('queue_depth{job="shop",instance="a:1"}', at, 20.0 if turn == 90 else 1.0)
        if turn >= 60:
            record.add('queue_depth{job="shop",instance="b:1"}', at + 1.0, 1.0)
    replayed = backtested(record, config_of(watch(slo)))
    whole = replayed.wholes[slo.id]
    # A sample at the end of each slice but the first, whose page is that very moment's; one is bad.
    assert (whole.total - whole.good, whole.total) == (1.0, 119.0)
    assert whole.coverage > 0.99
    assert set(replayed.state.yields) == {"shop/a:1", "shop/b:1"}


def test_slos_of_any_datasource_are_fed_from_the_one_history() -> None:
    record = Record()
    steady(record, 10, T0)
    elsewhere = replace(BOTH, source="main")
    slos = [AVAILABILITY, replace(AVAILABILITY, name="other", sli=elsewhere)]
    replayed = backtested(record, config_of(*(watch(slo) for slo in slos)))
    assert [(one.good, one.total) for one in replayed.wholes.values()] == [(90, 90), (90, 90)]


def test_time_goes_on_to_the_end_that_is_asked_for() -> None:
    record = Record()
    last = steady(record, 60, T0) - STEP_S
    replayed = backtested(record, end=last + 400.0)
    (incident,) = replayed.incidents
    assert (incident.opened_at, incident.resolved_at) == (last + 300.0, None)
    assert replayed.wholes[AVAILABILITY.id].coverage == pytest.approx(590.0 / 990.0)


def test_the_same_history_gives_the_same_result() -> None:
    record = Record()
    broke = steady(record, HOUR, T0)
    steady(record, 100, broke, bad=3)
    first, second = backtested(record), backtested(record)
    assert first.alerts == second.alerts != ()
    assert (first.incidents, first.wholes) == (second.incidents, second.wholes)


def test_queries_with_a_difference_are_replayed_too() -> None:
    good = 'sum(http_requests_total) - sum(http_requests_total{code="500"})'
    sli = CountingSli(
        RatioKind.GOOD, compile_events(good), compile_events("sum(http_requests_total)")
    )
    record = Record()
    steady(record, 10, T0, good=8, bad=2)
    assert totals(backtested(record, config_of(watch(replace(AVAILABILITY, sli=sli))))) == (72, 90)
