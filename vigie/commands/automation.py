"""What automations do to incidents: decided and written down first, then done action by action.

An action is an ordinary command whose idempotency key is that of its run, so that a worker that
died between two of them is followed by one that goes on, and does none twice.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection

from incidents.automation import (
    ACTOR,
    HOUR_S,
    Automation,
    Planned,
    acted_by,
    labels_of,
    planned,
    reasons,
    refusal,
    said,
)
from incidents.links import LinkKind
from incidents.model import EventKind
from incidents.people import Part
from incidents.tasks import TaskKind
from vigie.commands import comments, fields, links, people, record, tasks, tiers
from vigie.commands.errors import CommandError, Conflict, Invalid
from vigie.config import Channel, Config
from vigie.jobs import runs as diagnoses
from vigie.notify import outbox
from vigie.store import automations, incidents, jobs, timeline
from vigie.store import tasks as stored_tasks
from vigie.store.automations import Run, RunState
from vigie.store.db import Database
from vigie.store.jobs import NewJob
from vigie.store.visibility import Viewer

Row = Mapping[str, Any]
MAX_RESULT: Final = 500  # characters of what came of an action, on the timeline


def decide(  # noqa: PLR0917 - which entry, of which automation, when
    c: Connection, config: Config, number: int, position: int, only: str | None, now: float
) -> list[int]:
    """Which automations run on an entry of an incident: writes a run for each that does, with what
    it will do, and a job for each that waits first. The ids of the runs that have not ended.

    `only` names the one that has waited. What was decided once stays, whatever became of the
    incident since.
    """
    incident = record.hold(c, number)
    entry = timeline.entry(c, number, position)
    considered = [
        one
        for one in config.automations
        if (one.name == only if only is not None else not one.for_s)
    ]
    begun = automations.of_entry(c, number, position)
    if entry is not None and not {run["automation"] for run in begun} & {
        one.name for one in considered
    }:
        labels = labels_of(incident, config.priorities.labels_of(incident["service"]))
        if only is None:
            _wait(c, config, incident, entry, labels)
        for one in considered:
            at = float(entry["recorded_at"]) + one.for_s
            why = reasons(one, incident, entry, labels, at)
            if why is not None:
                _begin(c, config, one, incident, entry, why, now)
        begun = automations.of_entry(c, number, position)
    return [run["id"] for run in begun if run["state"] == RunState.RUNNING]


def act(db: Database, config: Config, id_: int, now: float) -> bool:
    """Do the next action of a run and write down what came of it; False: there is none left. An
    action that cannot be done is noted, and the others go on.
    """
    run = db.read(lambda c: automations.get(c, id_))
    if run is None or run["state"] != RunState.RUNNING or len(run["results"]) >= len(run["plan"]):
        return False
    index = len(run["results"])
    what = Planned(**run["plan"][index])
    try:
        more = _DO[what.do](db, config, run, what.given, f"{ACTOR}:{id_}:{index}", now)
    except CommandError as error:
        result: dict[str, Any] = {"ok": False, "text": str(error)[:MAX_RESULT]}
    else:
        result = {"ok": True, "text": "", **more}
    db.write(lambda c: automations.note(c, run, result))
    return True


def end(c: Connection, config: Config, id_: int, now: float, trouble: str = "") -> None:
    """Say on the timeline what a run did, and why; again changes nothing. `trouble` is why it ends
    before its time: what is left of it is not done.
    """
    run = automations.get(c, id_)
    if run is None or run["state"] != RunState.RUNNING:
        return
    record.hold(c, run["incident"])
    while trouble and len(run["results"]) < len(run["plan"]):
        automations.note(c, run, {"ok": False, "text": trouble[:MAX_RESULT]})
        run = automations.get(c, id_) or run
    if not automations.finish(c, run, now):
        return
    lines = [f"Automation {run['automation']}, after entry {run['position']} ({run['why']})"]
    done = []
    for action, result in zip(run["plan"], run["results"], strict=False):
        words = said(Planned(**action))
        words = words if len(words) <= MAX_RESULT else f"{words[: MAX_RESULT - 3]}..."
        lines.append(f"- {words}" if result["ok"] else f"- NOT DONE: {words}: {result['text']}")
        done.append({"do": action["do"], "ok": result["ok"], "text": result["text"]})
    data = {"automation": run["automation"], "run": id_, "after": run["position"]}
    data |= {"chain": run["chain"], "actions": done}
    actor, kind = _actor(run), EventKind.AUTOMATED
    record.say(c, config, run["incident"], now, kind, actor, "\n".join(lines), data)


def _wait(
    c: Connection, config: Config, incident: Row, entry: Row, labels: Mapping[str, str]
) -> None:
    """A job for each automation that asks whether it is still so after a time."""
    number, position, at = incident["number"], entry["position"], float(entry["recorded_at"])
    for one in config.automations:
        if one.for_s and reasons(one, incident, entry, labels, at) is not None:
            later = automations.job(number, position, at + one.for_s, one.name)
            jobs.enqueue(c, later, at)


def _begin(  # noqa: PLR0917 - the rule, what it is for, and why
    c: Connection,
    config: Config,
    one: Automation,
    incident: Row,
    entry: Row,
    why: list[str],
    now: float,
) -> None:
    number, position = incident["number"], entry["position"]
    led = _chain(c, incident["number"], entry)
    no = refusal(one.name, led, automations.ran_since(c, number, now - HOUR_S))
    chain = [*led, one.name]
    if no is None:
        plan = [action._asdict() for action in planned(one, incident, entry)]
        words = ", ".join(why)
        automations.begin(c, number, position, one.name, chain, RunState.RUNNING, words, plan, now)
        return
    told = automations.was_refused(c, number, no, now - HOUR_S)
    id_ = automations.begin(c, number, position, one.name, chain, RunState.REFUSED, no, [], now)
    if id_ is None or told:
        return  # one entry says it for an hour
    text = f"Automation {one.name} was not run after entry {position}: {no}"
    data = {"automation": one.name, "run": id_, "after": position, "chain": chain, "refused": no}
    record.say(c, config, number, now, EventKind.AUTOMATED, one.actor, text, data)
    channels = config.channels.values()
    key, kind = f"refused:{id_}", EventKind.AUTOMATED
    for job in outbox.notices(key, kind, number, channels, now, text):
        jobs.enqueue(c, job, now)


def _chain(c: Connection, number: int, entry: Row) -> list[str]:
    """The automations from whose doing an entry follows, the first one first; empty: from none. A
    page, a run and a task that one of them began are its doing too, whoever writes of them.
    """
    name, data = acted_by(entry["actor"]), entry["data"]
    position, at = entry["position"], float(entry["recorded_at"])
    if entry["actor"] == incidents.SELF and isinstance(task := data.get("task"), int):
        row = stored_tasks.get(c, number, task)
        name = acted_by(row["created_by"]) if row is not None else None
        at = float(row["created_at"]) if row is not None else at
    if name is not None:
        # Not everything that a command writes carries its key.
        run = _of_key(c, data) or automations.cause(c, number, name, position, at)
        return list(run["chain"]) if run is not None else [name]
    if entry["actor"] != incidents.SELF:
        return []
    begun, dedup = data.get("run"), str(data.get("dedup", ""))
    for run in automations.of_incident(c, number) if begun is not None or dedup else ():
        did = any(result.get("run") == begun for result in run["results"]) and begun is not None
        if did or dedup.startswith(_message_key(number, run["id"])):
            return list(run["chain"])
    return []


def _of_key(c: Connection, data: Row) -> Run | None:
    kind, _, rest = str(data.get("idempotency_key", "")).partition(":")
    id_ = rest.partition(":")[0]
    return automations.get(c, int(id_)) if kind == ACTOR and id_.isdecimal() else None


# -- actions ----------------------------------------------------------------------------------

_Done = Mapping[str, Any]


def _assign(  # noqa: PLR0917 - as every action
    db: Database, config: Config, run: Run, given: Row, key: str, now: float
) -> _Done:
    part, actor = Part(given["part"]), _actor(run)
    people.assign(db, config, run["incident"], given["to"], part, actor=actor, now=now, key=key)
    return {}


def _set(  # noqa: PLR0917 - as every action
    db: Database, config: Config, run: Run, given: Row, key: str, now: float
) -> _Done:
    more: dict[str, Any] = {"reason": f"automation {run['automation']}", "key": key}
    fields.edit(db, config, run["incident"], given, actor=_actor(run), now=now, **more)
    return {}


def _add_task(  # noqa: PLR0917 - as every action
    db: Database, config: Config, run: Run, given: Row, key: str, now: float
) -> _Done:
    due_at = None if given["due_s"] is None else now + given["due_s"]
    more = {"owner": given["owner"], "due_at": due_at, "check": given["check"]}
    kind, actor = TaskKind(given["kind"]), _actor(run)
    row = tasks.add(
        db,
        config,
        run["incident"],
        given["title"],
        actor=actor,
        now=now,
        key=key,
        kind=kind,
        **more,
    )
    return {"task": row["number"]}


def _comment(  # noqa: PLR0917 - as every action
    db: Database, config: Config, run: Run, given: Row, key: str, now: float
) -> _Done:
    number, text = run["incident"], given["text"]
    comments.comment(db, config, number, text, actor=_actor(run), now=now, key=key)
    return {}


def _link(  # noqa: PLR0917 - as every action
    db: Database, config: Config, run: Run, given: Row, key: str, now: float
) -> _Done:
    # Of other incidents it sees those that are open to all.
    more = {"title": given["title"], "viewer": Viewer(), "actor": _actor(run), "key": key}
    links.link(
        db, config, run["incident"], LinkKind(given["kind"]), to=given["to"], now=now, **more
    )
    return {}


def _escalate(  # noqa: PLR0917 - as every action
    db: Database, config: Config, run: Run, given: Row, key: str, now: float
) -> _Done:
    more = {"reason": given["reason"], "key": key}
    tiers.escalate(db, config, run["incident"], given["tier"], actor=_actor(run), now=now, **more)
    return {}


def _start_runbook(  # noqa: PLR0917 - as every action
    db: Database, config: Config, run: Run, given: Row, key: str, now: float
) -> _Done:
    book = next((book for book in config.runbooks if book.name == given["name"]), None)
    if book is None:
        raise Invalid(f"there is no runbook `{given['name']}`")
    number, reason = run["incident"], f"automation {run['automation']} ({key})"

    def work(c: Connection) -> int:
        record.hold(c, number)
        if (begun := _begun_by(c, number, reason)) is not None:
            return begun
        job = diagnoses.start_run(c, number, book, reason, now)
        if job is None:
            raise Conflict("it ran on this incident already, or nothing of it runs by itself")
        jobs.enqueue(c, job, now)
        return int(job.payload["run"])

    return {"run": db.write(work)}


def _begun_by(c: Connection, number: int, reason: str) -> int | None:
    """The run of a runbook that was begun for this reason."""
    for entry in timeline.read(c, number):
        if entry["kind"] == EventKind.RUN_STARTED and entry["data"].get("reason") == reason:
            return int(entry["data"]["run"])
    return None


def _tell(  # noqa: PLR0917 - how, and then as every action
    how: str, db: Database, config: Config, run: Run, given: Row, key: str, now: float
) -> _Done:
    """A message under a key of its own: sent again it is the same one. What is restricted goes out
    as its number alone (vigie.notify.message).
    """
    text = given["text"] or f"Automation {run['automation']}: {run['why']}"
    number, begins = run["incident"], _message_key(run["incident"], run["id"])
    order = {"kind": how, "event": EventKind.AUTOMATED.value, "at": now, "text": text}
    index = key.rpartition(":")[2]

    def work(c: Connection) -> None:
        for channel in _receivers(config, how, given["channels"]):
            payload = {"channel": channel.name, **order}
            dedup = f"{begins}{index}:{channel.name}"
            jobs.enqueue(c, NewJob("notify", dedup, payload, now, incident=number), now)

    db.write(work)
    return {}


def _receivers(config: Config, how: str, names: list[str]) -> list[Channel]:
    """Who is meant: those that are named, else those that receive such messages."""
    every = list(config.channels.values())
    if not names:
        paged = outbox.page_receivers(every)
        found = paged if how == outbox.PAGE else [c for c in every if how in c.receives]
        if not found:
            raise Conflict(f"no channel receives a {how}")
        return found
    missing = [name for name in names if name not in config.channels]
    if missing:
        raise Invalid(f"there is no channel `{missing[0]}` any more")
    return [config.channels[name] for name in names]


def _message_key(number: int, run: int) -> str:
    return f"notify:{number}:automation:{run}:"


def _actor(run: Run) -> str:
    return f"{ACTOR}/{run['automation']}"


_Do = Callable[[Database, Config, Run, Row, str, float], _Done]
_DO: Final[Mapping[str, _Do]] = {
    "assign": _assign,
    "notify": partial(_tell, outbox.NOTICE),
    "page": partial(_tell, outbox.PAGE),
    "set": _set,
    "add_task": _add_task,
    "start_runbook": _start_runbook,
    "comment": _comment,
    "link": _link,
    "escalate": _escalate,
}
