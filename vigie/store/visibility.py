"""Who sees which incidents: a restricted one is there for its participants only, everywhere.

Every query over many incidents, or over what is of them, holds `visible(viewer)`; routes of one
incident are behind the gate in vigie.access.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, or_, select, true

from vigie.store.tables import incident as t
from vigie.store.tables_people import participant


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. `numbers` are the incidents they were let in to by a right on each; with
    `everything` nobody is told apart (no users, or the server itself at work). Without `others`
    (a guest) there is nothing beside `numbers`.
    """

    name: str = ""
    numbers: frozenset[int] = frozenset()
    everything: bool = False
    others: bool = True


EVERYTHING: Final = Viewer(everything=True)


def visible(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on `incident` rows that a viewer may see."""
    if viewer.everything:
        return true()
    if not viewer.others:
        return t.c.number.in_(viewer.numbers)
    open_to_all = t.c.restricted == 0
    mine = select(participant.c.incident).where(
        participant.c.name == viewer.name, participant.c.until.is_(None)
    )
    shown = open_to_all if not viewer.name else or_(open_to_all, t.c.number.in_(mine))
    return or_(shown, t.c.number.in_(viewer.numbers)) if viewer.numbers else shown


def sees(c: Connection, viewer: Viewer, number: int) -> bool:
    """Whether there is an incident of this number for them: one look at an index or two."""
    found = select(t.c.number).where(t.c.number == number, visible(viewer))
    return c.execute(found).first() is not None


def seen(c: Connection, viewer: Viewer, numbers: Iterable[int]) -> frozenset[int]:
    """Which of some incidents a viewer sees."""
    asked = frozenset(numbers)
    if viewer.everything or not asked:
        return asked
    found = select(t.c.number).where(t.c.number.in_(asked), visible(viewer))
    return frozenset(c.execute(found).scalars())
