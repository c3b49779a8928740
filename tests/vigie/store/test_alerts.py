"""States of arms."""

from slo.spec import AlertState, SloId
from vigie.pipeline.state import AlertChange
from vigie.store import alerts
from vigie.store.db import Database


def test_the_newest_state_of_an_arm_is_the_one_kept(db: Database) -> None:
    slo = SloId("shop/availability")
    changes = [
        AlertChange(slo, "page-1h-5m", 1, 10.0),
        AlertChange(slo, "ticket-3d-6h", 0, 5.0),
    ]
    db.write(lambda c: alerts.write(c, changes))
    db.write(lambda c: alerts.write(c, [AlertChange(slo, "page-1h-5m", 2, 20.0)]))
    db.write(lambda c: alerts.write(c, []))
    assert db.read(alerts.read) == {
        (slo, "page-1h-5m"): (AlertState.FROZEN, 20.0),
        (slo, "ticket-3d-6h"): (AlertState.OK, 5.0),
    }
