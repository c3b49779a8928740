"""The state of every arm of every SLO, so that a restart goes on where it was."""

from collections.abc import Iterable
from typing import Protocol

from sqlalchemy import Connection, select

from slo.spec import AlertState
from vigie.store.sql import put
from vigie.store.tables import alert


class Change(Protocol):
    """An arm that changed its state; the pipeline's AlertChange is one."""

    @property
    def slo(self) -> str: ...
    @property
    def arm(self) -> str: ...
    @property
    def state(self) -> int: ...
    @property
    def since(self) -> float: ...


def write(c: Connection, changes: Iterable[Change]) -> None:
    """Store the newest state of these arms."""
    rows = [
        {"slo": one.slo, "arm": one.arm, "state": int(one.state), "since": float(one.since)}
        for one in changes
    ]
    put(c, alert, rows, by=("slo", "arm"))


def read(c: Connection) -> dict[tuple[str, str], tuple[AlertState, float]]:
    """By (SLO id, arm name): the state and since when."""
    return {
        (row.slo, row.arm): (AlertState(row.state), row.since) for row in c.execute(select(alert))
    }
