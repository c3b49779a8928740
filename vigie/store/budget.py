"""Where every budget action stands, so that a restart acts on none of them twice."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from incidents.budget import Acting, Key, Standing
from slo.spec import SloId
from vigie.store.sql import put
from vigie.store.tables import budget_action as t


def write(c: Connection, changes: Iterable[Acting]) -> None:
    """Store the newest standing of these actions."""
    rows = [
        {
            "slo": one.slo,
            "action": one.action,
            "state": one.state.value,
            "since": float(one.since),
        }
        for one in changes
    ]
    put(c, t, rows, by=("slo", "action"))


def read(c: Connection) -> dict[Key, Acting]:
    """By (SLO id, name of the action)."""
    found = [
        Acting(SloId(row.slo), row.action, Standing(row.state), row.since)
        for row in c.execute(select(t))
    ]
    return {(one.slo, one.action): one for one in found}
