"""What people do to the review of an incident; each is one transaction.

What is final is not changed: it is opened again first. Whoever changes what a review says withdraws
the approvals of what it said before.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from incidents.model import EventKind, IncidentState
from incidents.review import (
    APART,
    FACTORS,
    MAX_LINE,
    MAX_SECTION,
    MOST_FACTORS,
    MOST_REVIEWERS,
    MOST_WHYS,
    ROOT_CAUSE,
    WHYS,
    ReviewState,
    approved,
    missing,
    overtaken,
    template,
)
from incidents.tasks import TaskSource, same_person
from slo.load.yaml import did_you_mean
from vigie.commands import fields, record, status
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.commands.people import known
from vigie.commands.record import Incident
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.config import Config
from vigie.notify import outbox
from vigie.store import jobs, people, reviews, tasks
from vigie.store.db import Database
from vigie.store.reviews import Row

ENDED: Final = (IncidentState.RESOLVED, IncidentState.REVIEW, IncidentState.CLOSED)
_LISTS: Final = {FACTORS: ("causes", MOST_FACTORS), WHYS: ("whys", MOST_WHYS)}


class Overtaken(Conflict):
    """Others wrote the same sections since the editor looked; `told` are clauses that say who wrote
    what, `version` is that of the review now.
    """

    def __init__(self, number: int, told: Sequence[str], version: int) -> None:
        said = "; ".join(told)
        super().__init__(
            f"nothing of the review of #{number} was changed: since you looked, {said}"
        )
        self.told = tuple(told)
        self.version = version


class _Held(NamedTuple):
    """A review with its incident, both held until the transaction ends."""

    incident: Incident
    row: Row


def start(
    db: Database, config: Config, number: int, *, actor: str, now: float, key: str | None = None
) -> Row:
    """Begin the review of an incident that is over; a resolved one goes to the state `review`.

    NotFound; Conflict while it is open, and when it has a review.
    """
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection) -> Row:
        incident = record.hold(c, number)
        found = reviews.get(c, number)
        if found is not None:
            if record.was_done(c, number, key):
                return found
            raise Conflict(f"incident #{number} has a review, begun by {found['author']}")
        state = IncidentState(incident["state"])
        if state not in ENDED:
            raise Conflict(f"incident #{number} is {state.value}: a review begins when it is over")
        if state is IncidentState.RESOLVED:
            status.moved(c, config, incident, IncidentState.REVIEW, who=who, now=now)
        row = reviews.add(c, number, who, now)
        _say(c, config, row, who, now, f"Review begun by {who}", key=key)
        return row

    return db.write(work)


def edit(
    db: Database,
    config: Config,
    number: int,
    changes: Mapping[str, Any],
    *,
    actor: str,
    now: float,
    seen: int | None = None,
    key: str | None = None,
) -> Row:
    """Write sections, all of them or none. `changes` are by section: a text in Markdown, for
    `factors` and `whys` a list (or a text) of lines, for `root_cause` a word of the taxonomy or
    None. An empty text gives a section back to the record.

    `seen` is the version that the editor saw: Overtaken when others wrote one of the same sections
    since; sections that nobody else touched go through. Every text that was written stands in the
    entry of the timeline. NotFound, Invalid; Conflict when it is final.
    """
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection, held: _Held) -> Row:
        given = _given(config, held, changes)
        if seen is not None:
            told_apart = None if who == fields.UNNAMED else who
            if told := overtaken(held.row["edits"], given, seen, told_apart):
                raise Overtaken(number, told, held.row["version"])
        wanted = {n: v for n, v in given.items() if v != _now(held, n)}
        if not wanted:
            return held.row
        if ROOT_CAUSE in wanted:
            cause = {"cause": wanted[ROOT_CAUSE]}
            fields.edited_within(c, config, held.incident, cause, who=who, now=now)
        withdrawn = approved(held.row["reviewers"])
        row = reviews.change(c, held.row, now, **_written(held.row, wanted, who, now))
        more = f"; withdrawn: the approval of {', '.join(withdrawn)}" if withdrawn else ""
        listed = [{"field": f"review.{name}", "new": value} for name, value in wanted.items()]
        text = f"Review: {who} wrote {', '.join(wanted)}{more}"
        _say(c, config, row, who, now, text, {"changes": listed}, key=key)
        return row

    return _on(db, number, key, work)


def ask(
    db: Database,
    config: Config,
    number: int,
    names: Sequence[str],
    *,
    actor: str,
    now: float,
    key: str | None = None,
) -> Row:
    """Ask people to review it, and tell channels so; asked again, they are told again."""
    who = line_of("name", actor, MAX_ACTOR)
    asked = list(dict.fromkeys(line_of("reviewer", name, MAX_ACTOR) for name in names))
    if not asked:
        raise Invalid("name a reviewer")

    def work(c: Connection, held: _Held) -> Row:
        named = [_reviewer(c, held.incident, name) for name in asked]
        if any(same_person(name, held.row["author"]) for name in named):
            raise Invalid(f"{held.row['author']} began the review: somebody else approves it")
        every = {one["name"]: one for one in held.row["reviewers"]}
        for name in named:
            before = every.get(name, {"name": name, "approved_at": None})
            every[name] = {**before, "asked_at": now}
        if len(every) > MOST_REVIEWERS:
            raise Invalid(f"a review has at most {MOST_REVIEWERS} reviewers")
        values = {"state": ReviewState.REVIEW, "reviewers": list(every.values())}
        row = reviews.change(c, held.row, now, **values)
        text = f"Review: {who} asked {', '.join(named)} to approve it"
        _say(c, config, row, who, now, text, {"asked": named}, key=key)
        told = (str(row["version"]), EventKind.REVIEWED, number, config.channels.values())
        for job in outbox.notices(*told, now, text):
            jobs.enqueue(c, job, now)
        return row

    return _on(db, number, key, work)


def approve(
    db: Database,
    config: Config,
    number: int,
    *,
    actor: str,
    now: float,
    told_apart: bool = True,
    key: str | None = None,
) -> Row:
    """Say that it stands as it is written. Whoever began it does not approve it; where people are
    not `told_apart`, whoever gives no name is taken at their word.
    """
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection, held: _Held) -> Row:
        nameless = not told_apart and who == fields.UNNAMED
        if not nameless and same_person(who, held.row["author"]):
            raise Conflict(f"{held.row['author']} began the review: somebody else approves it")
        reviewers = list(held.row["reviewers"])
        asked = next((one for one in reviewers if same_person(one["name"], who)), None)
        if asked is not None and asked["approved_at"] is not None:
            return held.row
        done = {"name": who, "asked_at": None} if asked is None else asked
        others = [one for one in reviewers if one is not asked]
        given = [*others, {**done, "approved_at": now}]
        row = reviews.change(c, held.row, now, state=ReviewState.REVIEW, reviewers=given)
        _say(c, config, row, who, now, f"Review approved by {who}", key=key)
        return row

    return _on(db, number, key, work)


def finalize(
    db: Database,
    config: Config,
    number: int,
    *,
    actor: str,
    now: float,
    drafted: Mapping[str, str],
    key: str | None = None,
) -> Row:
    """Say that it is done: every section is kept as it stands then. `drafted` are those that the
    record fills. Conflict with everything that it lacks.
    """
    who = line_of("name", actor, MAX_ACTOR)

    def work(c: Connection, held: _Held) -> Row:
        state = IncidentState(held.incident["state"])
        lacks = lacking(c, config, held.incident, held.row, drafted)
        if state not in ENDED:
            lacks = [f"the incident is {state.value}: resolve it first", *lacks]
        if lacks:
            raise Conflict(f"the review of #{number} is not done: {'; '.join(lacks)}")
        values: dict[str, Any] = {
            "state": ReviewState.FINAL,
            "sections": texts_of(config, held.incident, held.row, drafted),
            "root_cause": held.incident["cause"],
            "final_at": max(now, held.incident["resolved_at"] or now),
            "final_by": who,
        }
        row = reviews.change(c, held.row, now, **values)
        _say(c, config, row, who, now, f"Review final, said {who}", key=key)
        return row

    return _on(db, number, key, work)


def reopen(
    db: Database,
    config: Config,
    number: int,
    *,
    actor: str,
    reason: str,
    now: float,
    key: str | None = None,
) -> Row:
    """Make it a draft again, to change what it says; approvals are asked anew."""
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)

    def work(c: Connection, held: _Held) -> Row:
        before = ReviewState(held.row["state"])
        if before is ReviewState.DRAFT:
            raise Conflict(f"the review of #{number} is a draft already")
        own = {n: text for n, text in held.row["sections"].items() if _is_own(held.row, n)}
        values: dict[str, Any] = {
            "state": ReviewState.DRAFT,
            "sections": own,
            "reviewers": _unapproved(held.row["reviewers"]),
            "reopened": held.row["reopened"] + (before is ReviewState.FINAL),
            **dict.fromkeys(("root_cause", "final_at", "final_by")),
        }
        row = reviews.change(c, held.row, now, **values)
        text = f"Review opened again by {who}: {why}"
        _say(c, config, row, who, now, text, {"from": before.value, "reason": why}, key=key)
        return row

    return _on(db, number, key, work, final=True)


def texts_of(
    config: Config, incident: Incident, row: Row, drafted: Mapping[str, str]
) -> dict[str, str]:
    """Every section of text as it stands: as people wrote it, else as the record has it."""
    names = [one.name for one in template(config.types.of(incident["type"]))]
    shown = [name for name in dict.fromkeys((*names, *row["sections"])) if name not in APART]
    return {name: row["sections"].get(name) or drafted.get(name, "") for name in shown}


def lacking(
    c: Connection, config: Config, incident: Incident, row: Row, drafted: Mapping[str, str]
) -> list[str]:
    """What a review lacks to be final, each a clause."""
    rules = config.types.of(incident["type"])
    number = incident["number"]
    actions = [t for t in tasks.of_incident(c, number) if t["source"] == TaskSource.REVIEW]
    found = missing(
        template(rules),
        row,
        texts_of(config, incident, row, drafted),
        actions,
        root_cause=incident["cause"],
        approvals=int(incident["severity"] in rules.closing.review),
    )
    return list(found)


# -- what all of them do ------------------------------------------------------------------------


def _on(
    db: Database,
    number: int,
    key: str | None,
    work: Callable[[Connection, _Held], Row],
    *,
    final: bool = False,
) -> Row:
    """Do `work` to a review that is held, once by this key; to a `final` one only where said."""

    def whole(c: Connection) -> Row:
        incident = record.hold(c, number)
        row = reviews.get(c, number)
        if row is None:
            raise NotFound(f"incident #{number} has no review: begin one")
        if record.was_done(c, number, key):
            return row
        if row["state"] == ReviewState.FINAL and not final:
            raise Conflict(f"the review of #{number} is final: open it again to change it")
        return work(c, _Held(incident, row))

    return db.write(whole)


def _say(  # noqa: PLR0917 - as record.say
    c: Connection,
    config: Config,
    row: Row,
    who: str,
    now: float,
    text: str,
    more: Mapping[str, Any] | None = None,
    *,
    key: str | None,
) -> None:
    data = {"review": row["state"], "version": row["version"], **(more or {})}
    record.say(c, config, row["incident"], now, EventKind.REVIEWED, who, text, data, key=key)


def _reviewer(c: Connection, incident: Incident, given: str) -> str:
    """The name of somebody who can look at the review; Invalid."""
    name = known(c, given)
    inside = {one["name"] for one in people.holders(c, incident["number"])}
    if incident["restricted"] and name not in inside:
        raise Invalid(f"the incident is restricted: let {name} in before you ask them")
    return name


def _given(config: Config, held: _Held, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody wrote, as it is kept; Invalid names what cannot be."""
    if not changes:
        raise Invalid("name a section to write")
    sections = template(config.types.of(held.incident["type"]))
    names = [one.name for one in sections if one.name != "actions"]
    there: Collection[str] = {*names, *APART[:3], *held.row["sections"]}
    found: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in there:
            hint = did_you_mean(name, names) or f"; it has {', '.join(names)}"
            raise Invalid(f"the review has no section `{name[:80]}`{hint}")
        if name == ROOT_CAUSE:
            found[name] = (value or "").strip() or None
        elif name in _LISTS:
            found[name] = _lines(name, value)
        else:
            found[name] = text_of(name, value, MAX_SECTION) if value.strip() else ""
    return found


def _lines(name: str, value: str | Sequence[str]) -> list[str]:
    """A list, or a text with one of them on each line."""
    most, given = _LISTS[name][1], value.splitlines() if isinstance(value, str) else value
    found = [line_of(name, one, MAX_LINE) for one in given if one.strip()]
    if len(found) > most:
        raise Invalid(f"{name} are at most {most} lines, not {len(found)}")
    return found


def _now(held: _Held, name: str) -> Any:
    """What a section holds now, as `_given` has it."""
    if name == ROOT_CAUSE:
        return held.incident["cause"]
    if name in _LISTS:
        return held.row[_LISTS[name][0]]
    return held.row["sections"].get(name, "")


def _written(row: Row, wanted: Mapping[str, Any], who: str, now: float) -> dict[str, Any]:
    """The columns of a review after somebody wrote sections."""
    texts = {n: v for n, v in wanted.items() if n not in APART}
    sections = {n: v for n, v in {**row["sections"], **texts}.items() if v}
    by = {"by": who, "at": now, "version": row["version"] + 1}
    edits = {n: {**by, "own": bool(value)} for n, value in wanted.items()}
    lists = {column: wanted[n] for n, (column, _) in _LISTS.items() if n in wanted}
    reviewers = _unapproved(row["reviewers"])
    kept = {"sections": sections, "edits": {**row["edits"], **edits}, "reviewers": reviewers}
    return {**kept, **lists}


def _is_own(row: Row, name: str) -> bool:
    return bool(row["edits"].get(name, {}).get("own"))


def _unapproved(reviewers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "approved_at": None} for one in reviewers]
