"""A state without a past is what an empty database gives, and goes on under another plan."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from blank import blank_database
from slo.alerts import Alerts
from slo.ledger import Addition
from slo.series import unseen
from slo.spans import no_spans
from slo.spec import AlertState, Arm, ArmKind
from vigie.config import Config
from vigie.pipeline.fresh import fresh, going_on, moved
from vigie.pipeline.plan import compile_plan
from vigie.pipeline.restore import restore
from vigie.pipeline.state import State
from vigie.store.db import open_database
from world import ARM, T0, config_for

TICKET = Arm("ticket-1h-5m", ArmKind.TICKET, 3.0, 3600.0, 300.0)


def state_of(config: Config) -> State:
    plan = compile_plan(config, 10)
    return fresh(plan, {name: unseen(None) for name in plan.config.targets}, T0)


def test_it_is_what_a_server_starts_from_on_an_empty_database(tmp_path: Path) -> None:
    config = config_for(2)
    db = open_database(blank_database(tmp_path))
    restored = db.write(lambda c: restore(c, config, 10, T0)).state
    db.close()
    made = state_of(config)
    for name in ("since", "tick", "targets", "yields", "availability", "acting", "figures"):
        assert getattr(made, name) == getattr(restored, name), name
    for name in ("gauges", "sampled_upto", "polled", "periods", "corrections", "snapshots"):
        assert getattr(made, name) == getattr(restored, name), name
    assert made.expected.order == restored.expected.order
    assert made.expected.share.tolist() == restored.expected.share.tolist()
    assert (made.alerts.state == restored.alerts.state).all()
    assert np.isnan(made.below_since).all()
    assert made.ledger.columns == restored.ledger.columns
    assert (made.exclusions.by_slo, made.exclusions.until) == (
        restored.exclusions.by_slo,
        restored.exclusions.until,
    )


def test_what_both_plans_know_goes_on_and_what_is_new_begins() -> None:
    """Another SLO with the same query comes first, and the arms change places."""
    before = state_of(config_for(1))
    slot = int(before.ledger.born)
    sums = np.array([[7], [9], [10]], dtype=np.int64)
    before = replace(
        before,
        tick=5,
        ledger=before.ledger.add(Addition({slot: sums}, no_spans())),
        alerts=Alerts(
            np.array([AlertState.FIRING], dtype=np.int8), np.array([T0 - 3.0]), np.array([T0 - 9.0])
        ),
        below_since=np.array([T0 - 1.0]),
        last_rate=np.array([2.5]),
    )
    config = config_for(1)
    (watch,) = config.watches.values()
    other = replace(watch, slo=replace(watch.slo, name="another", objective=0.9))
    both = {other.slo.id: other, watch.slo.id: replace(watch, arms=(TICKET, ARM))}
    after = state_of(replace(config, watches=both))
    went_on = going_on(after, before)
    assert went_on.tick == 5
    assert went_on.alerts.state.tolist() == [AlertState.OK, AlertState.OK, AlertState.FIRING]
    assert went_on.alerts.since.tolist() == [T0, T0, T0 - 3.0]
    assert went_on.alerts.burning_since[2] == T0 - 9.0
    assert np.isnan(went_on.alerts.burning_since[:2]).all()
    assert np.isnan(went_on.below_since[0])
    assert went_on.below_since[1] == T0 - 1.0
    assert went_on.last_rate.tolist() == [2.5]
    good, total = moved(before, went_on).totals()
    assert (good.tolist(), total.tolist()) == ([7], [9])
