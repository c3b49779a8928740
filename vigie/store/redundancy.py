"""How redundant services stood last, and who led them: a restart goes on where it was."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from slo.redundancy import RedundancyState, Standing
from vigie.store.sql import put
from vigie.store.tables import redundancy as t


def write(c: Connection, standings: Mapping[str, Standing]) -> None:
    """Store what changed, by service."""
    rows = [
        {
            "service": service,
            "state": int(one.state),
            "since": float(one.since),
            "risk_since": one.risk_since,
            "leader": one.leader,
            "led_since": one.led_since,
            "failovers": one.failovers,
            "failed_over_at": one.failed_over_at,
        }
        for service, one in standings.items()
    ]
    put(c, t, rows, by=("service",))


def read(c: Connection) -> dict[str, Standing]:
    """By service: how it stood last, without the figures that are measured anew."""
    return {
        row.service: Standing(
            state=RedundancyState(row.state),
            reason="it was so before Vigie was started",
            since=row.since,
            leader=row.leader,
            led_since=row.led_since,
            failovers=row.failovers,
            failed_over_at=row.failed_over_at,
            risk_since=row.risk_since,
        )
        for row in c.execute(select(t))
    }
