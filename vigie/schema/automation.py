"""The JSON Schema of the kind `Automation`, for editors."""

from incidents.automation import EVENTS, WEEKDAYS
from incidents.load_automation import (
    ACTIONS,
    ACTORS,
    DETECTED,
    LINKS,
    MAX_LINE,
    MAX_REASON,
    MAX_TEXT,
    MOST_ACTIONS,
    MOST_WORDS,
    PARTS,
    PREFIX,
    PRIORITY_WORDS,
    SEVERITY_WORDS,
    TASK_KINDS,
    TIERS,
)
from incidents.matrix import URGENCIES
from incidents.types import OF_RECORD, STATES
from vigie.schema.parts import Schema, choice, duration, flag, items, mapping, text


def automation() -> Schema:
    """The spec of an `Automation`."""
    when = mapping(
        {
            "event": _one_or_more(choice(EVENTS)),
            "for": duration("the conditions still hold so long after"),
            "conditions": _conditions(),
        },
        ["event"],
    )
    then = {**items(_action()), "minItems": 1, "maxItems": MOST_ACTIONS}
    keys = {"description": _line(MAX_TEXT), "when": when, "then": then}
    return mapping(keys, ["when", "then"])


def _conditions() -> Schema:
    hours: Schema = {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2} *- *[0-9]{2}:[0-9]{2}$"}
    zone = {**text("of the IANA database"), "default": "UTC"}
    days = _one_or_more(choice(WEEKDAYS))
    matcher: Schema = {"type": "string", "pattern": "=|!~"}
    return mapping(
        {
            "services": _one_or_more(text()),
            "types": _one_or_more(text("of incidents")),
            "severity": {**choice(SEVERITY_WORDS), "description": "this or worse"},
            "priority": {**choice(PRIORITY_WORDS), "description": "this or before"},
            "urgency": choice(URGENCIES),
            "labels": {**items(matcher), "description": 'as in PromQL: team="a", zone!~"eu-.*"'},
            "category": _one_or_more(text()),
            "cause": _one_or_more(text()),
            "tier": _one_or_more(choice(TIERS)),
            "restricted": flag(),
            "detected_by": choice(DETECTED),
            "state": _one_or_more(choice(STATES)),
            "time": mapping({"weekdays": days, "hours": hours, "time_zone": zone}),
            "actor": {**choice(ACTORS), "description": "who made the entry"},
        }
    )


def _action() -> Schema:
    channels = _one_or_more(text("the name of a Channel"))
    value: Schema = {"type": ["string", "number", "boolean", "null", "array"]}
    names: Schema = {"anyOf": [choice(OF_RECORD), {"pattern": f"^{PREFIX.replace('.', '[.]')}."}]}
    fields: Schema = {
        "type": "object",
        "additionalProperties": value,
        "propertyNames": names,
        "minProperties": 1,
    }
    task = {
        "title": _line(),
        "owner": _line(),
        "due": duration("from then on"),
        "kind": choice(TASK_KINDS, "work"),
        "check": {"type": "object"},
    }
    link = {"kind": choice(LINKS), "to": _line(MAX_TEXT), "title": _line()}
    given: dict[str, Schema] = {
        "assign": mapping({"part": choice(PARTS), "to": _line()}, ["part", "to"]),
        "notify": mapping({"channels": channels, "text": _line(MAX_TEXT)}, ["text"]),
        "set": fields,
        "add_task": mapping(task, ["title"]),
        "start_runbook": mapping({"name": text("of a Runbook")}, ["name"]),
        "page": mapping({"channels": channels, "text": _line(MAX_TEXT)}),
        "comment": mapping({"text": _line(MAX_TEXT)}, ["text"]),
        "link": mapping(link, ["kind", "to"]),
        "escalate": mapping({"tier": choice(TIERS), "reason": _line(MAX_REASON)}, ["tier"]),
    }
    whole = {do: given[do] for do in ACTIONS}
    return {**mapping(whole), "minProperties": 1, "maxProperties": 1}


def _line(longest: int = MAX_LINE) -> Schema:
    return {**text("with ${placeholders}"), "maxLength": longest}


def _one_or_more(of: Schema) -> Schema:
    return {"anyOf": [of, {**items(of), "maxItems": MOST_WORDS}]}
