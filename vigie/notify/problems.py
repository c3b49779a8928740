"""Problems that come again: in the transaction of the incident that shows it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from incidents.links import LinkKind
from incidents.model import EventKind
from incidents.problems import ProblemEvent, ProblemState
from vigie.store import incidents, links, problems, timeline


def recurred(c: Connection, incident: Mapping[str, Any], now: float) -> list[int]:
    """Open again the fixed problems that an incident shows not to be fixed, and link it with them;
    their numbers. Call it when an incident opens and when its cause is set; again changes nothing.
    """
    found = problems.recurring(c, incident)
    for row in found:
        _reopen(c, row["number"], incident["number"], now)
    return [row["number"] for row in found]


def _reopen(c: Connection, number: int, of: int, now: float) -> None:
    row = problems.hold(c, number)
    if row is None or row["state"] not in (ProblemState.FIXED, ProblemState.CLOSED):
        return
    state = ProblemState.KNOWN_ERROR if row["workaround"] else ProblemState.OPEN
    ended = dict.fromkeys(("fixed_at", "fixed_by", "closed_at", "closed_by", "closed_for"))
    problems.change(c, row, now, state=state, reopened=row["reopened"] + 1, **ended)
    # A restricted incident is named by its number alone.
    text = f"Opened again: incident #{of} began after the fix"
    problems.say(c, number, now, ProblemEvent.REOPENED, incidents.SELF, text)
    link = {"incident": of, "kind": LinkKind.PROBLEM, "target": None, "ref": str(number)}
    added = {"url": "", "title": row["title"][:300], "added_at": float(now)}
    id_ = links.add(c, link | added | {"added_by": incidents.SELF})
    if id_ is not None:
        said = f"Linked: has the problem {number}, which was fixed and is open again"
        data = {"link": id_, "kind": LinkKind.PROBLEM.value, "ref": str(number)}
        timeline.append(c, of, now, EventKind.LINKED, incidents.SELF, said, data)
