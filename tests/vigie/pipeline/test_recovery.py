"""What recovers is resolved, or asked about, as its policy says; over a real database."""

from dataclasses import replace

import pytest

from incidents.model import Event, EventKind, IncidentState, IncidentType, Severity, Signal, Urgency
from slo.recovery import OnRecovery
from slo.spec import Service
from vigie.clock import SetClock
from vigie.config import Config, Watch
from vigie.pipeline.recovery import with_recovery
from vigie.store import incidents, timeline
from world import INTERVAL_S, POLICY, T0, Core, Told, config_for

pytestmark = pytest.mark.simulation
RESOLVE, ASK = OnRecovery.RESOLVE, OnRecovery.ASK


def story(on_recovery: OnRecovery | None, *, acknowledged: bool) -> Core:
    """A burn that somebody acknowledges or not, and that is over for long enough."""
    clock = SetClock(T0)
    core = Core(config_for(1, replace(POLICY, on_recovery=on_recovery)), clock)
    told = Told(core)

    def run(seconds: float, codes: list[str]) -> None:
        for _ in range(round(seconds / INTERVAL_S)):
            clock.set(clock.now() + INTERVAL_S)
            for name in core.config.targets:
                told.work(name, codes)
                told.read(name)
            told.tick()

    run(120, ["200"] * 50)
    run(60, ["200"] * 40 + ["500"] * 10)
    if acknowledged:
        with core.engine.begin() as c:
            key = "slo-burn:shop/availability"
            event = Event(EventKind.ACKNOWLEDGED, key, clock.now(), actor="ann")
            assert incidents.apply(c, event) == 1
    run(240, ["200"] * 50)
    return core


@pytest.mark.parametrize(
    ("written", "acknowledged", "resolved"),
    [
        (None, False, True),
        (None, True, False),
        (RESOLVE, True, True),
        (ASK, False, False),
    ],
)
def test_it_is_resolved_or_asked_about_as_the_policy_says(
    written: OnRecovery | None, acknowledged: bool, resolved: bool
) -> None:
    core = story(written, acknowledged=acknowledged)
    with core.engine.begin() as c:
        row = incidents.get(c, 1)
        assert row is not None
        kinds = [one["kind"] for one in timeline.read(c, 1)]
        jobs = sorted(c.exec_driver_sql("SELECT dedup FROM job").scalars())
    core.close()
    assert (row["state"] == IncidentState.RESOLVED) is resolved
    assert row["recovered_at"] is not None
    assert kinds.count("recovered") == 1
    reminded = [one for one in jobs if one.startswith("remind_recovered:1:")]
    asked = [one for one in jobs if one.startswith("notify:1:recovered:")]
    assert (len(reminded), len(asked)) == ((0, 0) if resolved else (1, 1))


def signal(slo: str, *, clear: bool = True) -> Signal:
    return Signal(
        key="k",
        type=IncidentType.NO_DATA,
        service="shop",
        slo=slo,
        title="t",
        urgency=Urgency.LOW,
        severity=Severity.SEV4,
        started_at=T0,
        firing=False,
        clear=clear,
        recover_after_s=0.0,
    )


def config(*written: OnRecovery | None) -> Config:
    """A shop of so many SLOs."""
    base = config_for(1)
    (one,) = base.watches.values()
    watches = [
        Watch(replace(one.slo, name=f"s{at}"), replace(POLICY, on_recovery=said), one.arms)
        for at, said in enumerate(written)
    ]
    services = {**base.services, "idle": Service("idle")}
    return replace(base, services=services, watches={w.slo.id: w for w in watches})


@pytest.mark.parametrize(
    ("written", "slo", "said"),
    [
        ((RESOLVE, ASK), "s0", RESOLVE),
        ((RESOLVE, ASK), "s1", ASK),
        ((RESOLVE, ASK), "", ASK),
        ((RESOLVE, RESOLVE), "", RESOLVE),
        ((RESOLVE, None), "", None),
        ((ASK,), "gone", None),
    ],
)
def test_a_signal_says_what_its_policy_does_and_one_of_a_service_what_all_do(
    written: tuple[OnRecovery | None, ...], slo: str, said: OnRecovery | None
) -> None:
    core = Core(config(*written), SetClock(T0))
    (found,) = with_recovery(core.restored.state.plan, [signal(slo)])
    (busy,) = with_recovery(core.restored.state.plan, [signal(slo, clear=False)])
    core.close()
    assert (found.on_recovery, busy.on_recovery) == (said, None)
