"""Automations as every reader sees them: what they are for, what they did, what they would do."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, select

from incidents import automation_past, load_automation
from incidents.automation import Automation, described, labels_of, said
from incidents.automation_past import Found
from incidents.model import Severity, Urgency
from incidents.priority import Facts, prioritize
from slo import windows
from slo.load.codes import Code
from slo.load.document import VIGIE, peek
from slo.load.yaml import Problems, documents
from vigie.config import Config
from vigie.store import automations, incidents, timeline
from vigie.store.db import Database
from vigie.store.tables import incident as record
from vigie.store.tables import timeline as entries
from vigie.store.visibility import Viewer, visible
from vigie.views.shape import Object, listing, when

KIND: Final = "Automation"
MOST_SHOWN: Final = 500  # of what would have been done
MOST_INCIDENTS: Final = 2_000  # that are looked through, the newest


def every(db: Database, config: Config, *, viewer: Viewer) -> Object:
    """The automations of the files, and what each did on incidents that the viewer sees."""
    counts = db.read(lambda c: automations.counts(c, viewer))
    return listing([_listed(one, counts.get(one.name, {})) for one in config.automations])


def tried(
    db: Database,
    config: Config,
    automations: Sequence[Automation],
    since: float,
    now: float,
    *,
    viewer: Viewer,
) -> Object:
    """What automations would have done since a time, the newest first. Nothing is written."""
    kinds = sorted({event for one in automations for event in one.events})
    found, looked, more = db.read(
        partial(_replayed, config, automations, kinds, since, now, viewer)
    )
    found.sort(key=lambda one: (one[1].at, one[0]["number"]), reverse=True)
    return {
        "from": when(since),
        "to": when(now),
        "automations": [one.name for one in automations],
        "incidents": looked,
        "incidents_left_out": more,
        "problems": [],
        "items": [_shown(*one) for one in found[:MOST_SHOWN]],
        "left_out": max(0, len(found) - MOST_SHOWN),
        "next": None,
    }


def refused(problems: Problems, since: float, now: float) -> Object:
    """The same of a file that cannot be used: why, each with its place."""
    told = [str(problem) for problem in problems.in_order()]
    none: dict[str, Any] = {"automations": [], "incidents": 0, "incidents_left_out": False}
    times = {"from": when(since), "to": when(now)}
    return {**times, **none, "problems": told, "items": [], "left_out": 0, "next": None}


def of_text(config: Config, text: str, path: str) -> tuple[list[Automation], Problems]:
    """The automations of a text that somebody sent, and what is wrong with it. Documents of other
    kinds are not read: some name files of this machine.
    """
    problems, read = Problems(), []
    for node in documents(text, path, problems):
        version, kind = peek(node, "apiVersion"), peek(node, "kind")
        said = [str(one.raw.value) if one is not None else "" for one in (version, kind)]
        if said != [VIGIE, KIND]:
            message = f"only {KIND}s of {VIGIE} are tried: leave out what is something else"
            problems.error(node.mark, message, Code.UNKNOWN_KIND)
        elif (one := load_automation.read(node, problems)) is not None:
            read.append(one)
    names = [one.name for one in read]
    for one in read:
        if names.count(one.name) > 1 and one.mark is not None:
            message = f"there is more than one {KIND} `{one.name}`"
            problems.error(one.mark, message, Code.DUPLICATE)
    books, channels = {book.name for book in config.runbooks}, config.channels.keys()
    known = load_automation.Known(channels, books, config.services.keys(), config.types)
    load_automation.check(read, known, problems)
    return read, problems


def _replayed(  # noqa: PLR0917 - what is asked
    config: Config,
    rules: Sequence[Automation],
    kinds: Sequence[str],
    since: float,
    now: float,
    viewer: Viewer,
    c: Connection,
) -> tuple[list[tuple[Object, Found]], int, bool]:
    numbers = (
        select(entries.c.incident)
        .join(record, entries.c.incident == record.c.number)
        .where(entries.c.recorded_at >= since, entries.c.kind.in_(kinds), visible(viewer))
        .group_by(entries.c.incident)
        .order_by(entries.c.incident.desc())
        .limit(MOST_INCIDENTS + 1)
    )
    all_ = list(c.execute(numbers).scalars())
    found: list[tuple[Object, Found]] = []
    for number in all_[:MOST_INCIDENTS]:
        incident = incidents.get(c, number)
        if incident is not None:
            found += ((dict(incident), one) for one in _of(c, config, rules, incident, since, now))
    return found, min(len(all_), MOST_INCIDENTS), len(all_) > MOST_INCIDENTS


def _of(  # noqa: PLR0917 - as above, of one incident
    c: Connection,
    config: Config,
    rules: Sequence[Automation],
    incident: Any,
    since: float,
    now: float,
) -> Iterable[Found]:
    service = incident["service"]
    labels = labels_of(incident, config.priorities.labels_of(service))
    matrix = config.priorities.of(service)

    def rank(severity: int, urgency: str) -> int:
        facts = Facts(Severity(severity), Urgency(urgency), incident["type"], labels)
        return prioritize(matrix, facts).level

    told = timeline.read(c, incident["number"])
    return automation_past.replay(rules, incident, told, labels, rank, since, now)


def _listed(one: Automation, counts: Any) -> Object:
    last = counts.get("last_run_at")
    return {
        "name": one.name,
        "description": one.description,
        "events": list(one.events),
        "conditions": described(one.conditions),
        "for": windows.show(one.for_s) if one.for_s else None,
        "actions": [action.do for action in one.actions],
        "file": str(one.mark) if one.mark is not None else None,
        "runs": int(counts.get("runs", 0)),
        "failures": int(counts.get("failures", 0)),
        "refused": int(counts.get("refused", 0)),
        "last_run_at": when(last),
        "last_incident": counts.get("last_incident") if last is not None else None,
    }


def _shown(incident: Object, one: Found) -> Object:
    return {
        "automation": one.automation,
        "incident": incident["number"],
        "title": incident["title"],
        "entry": one.entry["position"],
        "event": one.entry["kind"],
        "recorded_at": when(float(one.entry["recorded_at"])),
        "at": when(one.at),
        "why": list(one.why),
        "actions": [{"do": action.do, "text": said(action)} for action in one.actions],
        "refused": one.refused,
    }
