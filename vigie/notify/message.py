"""What is told to people: one message in two shapes, JSON for webhooks and plain text for reading.

The JSON is a public format, docs/reference/webhook.md; `version` grows when a field changes its
meaning or goes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from incidents.model import TIMES, EventKind, IncidentType, Json, Severity
from runbooks.model import Runbook

VERSION = 1
RESTRICTED = "restricted incident"  # instead of all words of one
CANNOT_RECORD = "cannot_record"  # the event of a message about Vigie itself

_AS_THEY_ARE = ("number", "title", "type", "service", "slo", "state", "urgency")
_WORDS = {  # what the subject says happened; an opening says it by itself
    EventKind.UPGRADED: "worse: ",
    EventKind.RELAPSED: "again: ",
    EventKind.ACKNOWLEDGED: "acknowledged: ",
    EventKind.RECOVERED: "recovered: ",
    EventKind.RESOLVED: "resolved: ",
    EventKind.PAGE_FAILED: "PAGE NOT DELIVERED: ",
    EventKind.SEVERITY_SET: "severity set: ",
    EventKind.MERGED: "merged: ",
    EventKind.SPLIT: "split: ",
    EventKind.COMMENTED: "comment: ",
    EventKind.TEAM_CALLED: "team called in: ",
    EventKind.ESCALATED: "escalated: ",
    EventKind.REOPENED: "opened again: ",
    EventKind.CANCELLED: "cancelled: ",
    EventKind.RESPONSE_DUE: "response due: ",
    EventKind.RESPONSE_BREACHED: "NOT ANSWERED IN TIME: ",
    EventKind.RESOLUTION_DUE: "resolution due: ",
    EventKind.RESOLUTION_BREACHED: "NOT RESOLVED IN TIME: ",
    EventKind.TASK_DUE: "task due: ",
    EventKind.AUTOMATED: "automation: ",
    EventKind.TASK_CHANGED: "task changed: ",
    EventKind.UPDATE_SENT: "update: ",
    EventKind.UPDATE_DUE: "UPDATE DUE: ",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready for every type of channel. `dedup` is the same for every attempt;
    `thread` is the same for all messages about one thing.
    """

    dedup: str
    subject: str
    text: str
    body: Mapping[str, Json]
    thread: str

    def __post_init__(self) -> None:
        # Whoever composes one: no words of people or pages call a whole channel together.
        object.__setattr__(self, "subject", neutral(self.subject))
        object.__setattr__(self, "text", neutral(self.text))
        body = {name: _neutral_json(value) for name, value in self.body.items()}
        object.__setattr__(self, "body", {**body, **_kept(self.body)})


def neutral(text: str) -> str:
    """A text in which nothing is a mention of everybody, or of somebody by the id of a chat: a zero
    width space stands after the sign that begins it. `@name` stays as it is.
    """
    return _CALLS.sub(lambda call: f"{call[0]}\u200b", text)


# @everyone, @here, @channel, @all; <!channel>, <@U1>, <@&1>, <#C1>, <!subteam^S1> of Slack and
# Discord; <at> of Teams.
_CALLS: Final = re.compile(
    r"@(?=(?:everyone|here|channel|all|room|team)\b)|<(?=[!@#])|<(?=/?at\b)", re.IGNORECASE
)


def _neutral_json(value: Json) -> Json:
    if isinstance(value, str):
        return neutral(value)
    if isinstance(value, Mapping):
        return {neutral(name): _neutral_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_neutral_json(one) for one in value]
    return value


def _kept(body: Mapping[str, Json]) -> dict[str, Json]:
    """What programs compare by: it is of our own making."""
    return {name: body[name] for name in ("dedup_key",) if name in body}


def about_incident(
    incident: Mapping[str, Any],
    *,
    dedup: str,
    kind: str,
    event: EventKind,
    happened: str,
    url: str,
    runbooks: Iterable[tuple[Runbook, str]],
) -> Message:
    """A page or notice about an incident (as the store gives it) and its runbooks with the reason
    why each fits. `happened` says in words what made Vigie send it.

    Of a restricted incident a channel learns the number and how bad it is, and nothing else: who
    reads along there, nobody knows. What it was when the message was ordered does not count.
    """
    fitting = list(runbooks)
    if incident.get("restricted"):
        incident, happened, fitting = _concealed(incident), RESTRICTED, []
    severity = Severity(int(incident["severity"])).name
    number, title = incident["number"], incident["title"]
    return Message(
        dedup=dedup,
        subject=f"[{severity}] #{number} {_WORDS.get(event, '')}{title}",
        text=_text(incident, severity, happened, url, fitting),
        body={
            "version": VERSION,
            "event": event.value,
            "dedup_key": dedup,
            "kind": kind,
            "text": happened,
            "incident": {**incident_json(incident), "url": url},
            "runbooks": [_runbook_json(runbook, reason) for runbook, reason in fitting],
        },
        thread=f"incident-{number}",
    )


def _concealed(incident: Mapping[str, Any]) -> Mapping[str, Any]:
    """A restricted incident without anything that was written or measured."""
    words = dict.fromkeys(("type", "service", "slo"), "")
    people = dict.fromkeys(("acknowledged_by", "resolved_by"))
    return {
        **incident,
        **words,
        **people,
        "title": RESTRICTED,
        "labels": {},
        "detail": {},
    }


def about_vigie(dedup: str, text: str, firing: Sequence[str], url: str) -> Message:
    """A page about Vigie itself: it cannot record what it sees; `firing` is what it sees."""
    alerts = "\n".join(f"  {line}" for line in firing) or "  nothing"
    return Message(
        dedup=dedup,
        subject="[Vigie] cannot record: incidents do not open and pages do not go out",
        text=f"{text}\n{url}\n\nBurning or silent right now, unrecorded:\n{alerts}\n",
        body={
            "version": VERSION,
            "event": CANNOT_RECORD,
            "dedup_key": dedup,
            "kind": "page",
            "text": text,
            "incident": None,
            "runbooks": [],
            "firing": list(firing),
        },
        thread="vigie",
    )


def rfc3339(at: float | None) -> str | None:
    """A time as people and programs read it: UTC with milliseconds."""
    if at is None:
        return None
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def incident_json(incident: Mapping[str, Any]) -> dict[str, Json]:
    """The fields of an incident as they are sent."""
    fields: dict[str, Json] = {name: incident[name] for name in _AS_THEY_ARE}
    fields["severity"] = Severity(int(incident["severity"])).name
    fields["priority"] = f"P{int(incident['priority'])}"
    fields.update({name: rfc3339(incident.get(name)) for name in TIMES})
    for name in ("acknowledged_by", "resolved_by"):
        fields[name] = incident.get(name)
    fields["labels"] = dict(incident.get("labels") or {})
    fields["detail"] = dict(incident.get("detail") or {})
    return fields


def _runbook_json(runbook: Runbook, reason: str) -> dict[str, Json]:
    steps: list[Json] = [
        {"id": step.id, "kind": step.kind.value, "title": step.title} for step in runbook.steps
    ]
    return {
        "name": runbook.name,
        "title": runbook.title,
        "mode": runbook.mode.value,
        "reason": reason,
        "steps": steps,
    }


# -- plain text -------------------------------------------------------------------------------


def _text(
    incident: Mapping[str, Any],
    severity: str,
    happened: str,
    url: str,
    runbooks: Sequence[tuple[Runbook, str]],
) -> str:
    lines = [happened or incident["title"], url, ""]
    lines.append(f"Incident  #{incident['number']}, {severity}, P{int(incident['priority'])}")
    if incident["service"]:
        lines.append(f"Service   {incident['service']}")
    lines.append(f"Since     {_clock(incident['started_at'])}")
    lines.append(f"State     {incident['state']}, {_who(incident)}")
    detail = incident.get("detail") or {}
    if incident["type"] == IncidentType.NO_DATA:
        lines += _targets_text(detail)
    elif incident["type"] == IncidentType.MISSED_HEARTBEAT:
        lines += _heartbeat_text(detail)
    else:
        lines += _burn_text(detail)
    lines += _runbooks_text(runbooks)
    return "\n".join(lines) + "\n"


def _who(incident: Mapping[str, Any]) -> str:
    if incident.get("resolved_at") is not None:
        by = f" by {incident['resolved_by']}" if incident["resolved_by"] else ""
        return f"resolved{by} at {_clock(incident['resolved_at'])}"
    if incident.get("acknowledged_at") is not None:
        return f"acknowledged by {incident['acknowledged_by'] or 'somebody'}"
    return "nobody has acknowledged"


def _burn_text(detail: Mapping[str, Any]) -> list[str]:
    lines = []
    if detail.get("objective") is not None:
        left = detail.get("budget_remaining")
        budget = "not known (no events)" if left is None else f"{left:.1%} left"
        lines.append(f"Budget    {budget}, objective {_percent(detail['objective'])}")
    for arm in detail.get("arms") or ():
        state = arm.get("state", "")
        lines += ["", f"{arm['name']} {state}, fires at {arm['burn_threshold']:g}x"]
        lines += [_window_text(arm[side]) for side in ("long", "short")]
    return lines


def _window_text(window: Mapping[str, Any]) -> str:
    rate = window["burn_rate"]
    burn = "no events" if rate is None else f"{rate:.1f}x"
    failed = f"{window['bad']:,} of {window['total']:,} failed"
    return f"  {window['window']:>4}  {burn:>9}  {failed}  coverage {window['coverage']:.0%}"


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.10g} %"


def _targets_text(detail: Mapping[str, Any]) -> list[str]:
    lines = ["", "Targets"]
    for target in detail.get("targets") or ():
        last = target["last_good_at"]
        heard = "never heard" if last is None else f"last heard {_clock(last)}"
        error = f", {target['error']}" if target["error"] else ""
        lines.append(f"  {target['id']}  {target['health']}{error}, {heard}")
    slos = ", ".join(detail.get("slos") or ())
    return [*lines, f"SLOs without data: {slos}"] if slos else lines


def _heartbeat_text(detail: Mapping[str, Any]) -> list[str]:
    last, word = detail.get("last_at"), detail.get("last_state")
    lines = [f"Heartbeat {detail['heartbeat']} {detail['state']}: {detail['reason']}"]
    if detail.get("expected_at") is not None:
        lines.append(f"Expected  {_clock(detail['expected_at'])}")
    if detail.get("deadline") is not None:
        lines.append(f"Deadline  {_clock(detail['deadline'])}")
    if detail.get("started_at") is not None:
        lines.append(f"Running   since {_clock(detail['started_at'])}")
    return [*lines, f"Last said {'nothing yet' if last is None else f'{word}, {_clock(last)}'}"]


def _runbooks_text(runbooks: Sequence[tuple[Runbook, str]]) -> list[str]:
    lines = []
    for runbook, reason in runbooks:
        lines += ["", f"Runbook: {runbook.title} ({reason})"]
        lines += [f"  {i}. {step.title}" for i, step in enumerate(runbook.steps, start=1)]
    return lines


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
