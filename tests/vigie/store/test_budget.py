"""Where budget actions stand."""

from incidents.budget import Acting, Standing
from slo.spec import SloId
from vigie.store import budget
from vigie.store.db import Database


def test_the_newest_standing_of_an_action_is_the_one_kept(db: Database) -> None:
    slo = SloId("shop/availability")
    on, held = (Acting(slo, "tell", state, 10.0) for state in (Standing.ON, Standing.HELD))
    other = Acting(slo, "stop", Standing.OFF, 5.5)
    db.write(lambda c: budget.write(c, [on, other]))
    db.write(lambda c: budget.write(c, [held]))
    db.write(lambda c: budget.write(c, []))
    assert db.read(budget.read) == {(slo, "tell"): held, (slo, "stop"): other}
