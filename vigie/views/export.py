"""The whole record of one incident as a document: Markdown for people, JSON for programs, CSV for
spreadsheets. The same record gives the same bytes, whenever and wherever it is written.

Words of people and of answers stand in code (spans and fenced blocks) in Markdown, where nothing of
theirs is markup, link or mention, and no spreadsheet takes a cell of the CSV for a formula.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from incidents.quoting import code, fenced, struck
from vigie.store.db import Database
from vigie.views.records import recorded
from vigie.views.shape import Object

VERSION: Final = 1  # of the JSON document


class ExportFormat(StrEnum):
    """How a record is written."""

    MARKDOWN = "markdown"
    JSON = "json"
    CSV = "csv"


SUFFIXES: Final[Mapping[ExportFormat, str]] = {
    ExportFormat.MARKDOWN: "md",
    ExportFormat.JSON: "json",
    ExportFormat.CSV: "csv",
}


def export(db: Database, number: int, output: ExportFormat) -> str | None:
    """The record of one incident; None if there is none."""
    facts = recorded(db, number)
    return None if facts is None else shown(facts, output)


def shown(facts: Object, output: ExportFormat) -> str:
    """A record, as `vigie.views.records.recorded` gives it, as a document."""
    match output:
        case ExportFormat.JSON:
            return _json({"version": VERSION, **facts}) + "\n"
        case ExportFormat.CSV:
            return _csv(facts)
        case ExportFormat.MARKDOWN:
            return "\n".join(_markdown(facts)) + "\n"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _flat(value: Any) -> Any:
    """A value as it is, lists and objects as JSON on one line."""
    return _compact(value) if isinstance(value, dict | list | bool) else value


# -- Markdown -----------------------------------------------------------------------------------


def _markdown(facts: Object) -> Iterator[str]:
    incident = facts["incident"]
    yield from (f"# Incident {incident['number']}", "", code(incident["title"]))
    yield from ("", "## Record", "")
    for name, value in incident.items():
        if value not in (None, "") and name not in ("number", "title", "url"):
            yield f"- {name}: {code(str(_flat(value)))}"
    yield from _blob("Labels", facts["labels"])
    yield from _blob("Figures", facts["detail"])
    yield from _cost(facts)
    yield from _people(facts.get("people") or {})
    yield from ("", "## Timeline")
    for entry in facts["timeline"]:
        yield from _entry(entry)
    if facts.get("links"):
        yield from _listed("Links", facts["links"], _link)
    if facts.get("tasks"):
        yield from _listed("Tasks", facts["tasks"], _task)
    if facts.get("review"):
        yield from _review(facts["review"])
    if facts.get("updates"):
        yield from ("", "## Updates")
        for one in facts["updates"]:
            yield from _update(one)
    yield from _listed("Deliveries", facts["deliveries"], _delivery)
    yield from ("", "## Runbooks")
    for run in facts["runs"]:
        yield from _run(run)
    yield from _listed("Changes before it began", facts["changes"], _change)
    yield from ("", "## Proof", "")
    yield f"The timeline has {len(facts['timeline'])} entries. Hash of the last:"
    yield from ("", fenced(facts["timeline_head"]))


def _blob(title: str, value: Mapping[str, Any]) -> Iterator[str]:
    if value:
        yield from ("", f"## {title}", "", fenced(_json(value), "json"))


def _people(people: Object) -> Iterator[str]:
    """Who held which part from when to when, and who came from outside."""
    held, guests = people.get("history") or [], people.get("guests") or []
    watchers = people.get("watchers") or []
    if held or guests or watchers:
        yield from ("", "## People", "")
    for one in held:
        note = f": {code(one['note'])}" if one["note"] else ""
        span = f"{one['since']} to {one['until']}" if one["until"] else f"since {one['since']}"
        yield f"- {one['part']}: {code(one['name'])}, {span}{note}"
    for one in guests:
        end = one["revoked_at"] or one["expires_at"]
        used = f"{one['first_used_at']} to {one['last_used_at']}" if one["opened"] else "never"
        yield (
            f"- guest, {one['role']}: {code(one['name'])}, {one['created_at']} to {end}, "
            f"let in by {code(one['created_by'])}, here: {used}"
        )
    if watchers:
        yield f"- watchers: {', '.join(map(code, watchers))}"


def _cost(facts: Object) -> Iterator[str]:
    if facts.get("cost"):
        yield from ("", "## Cost", "", code(facts["cost"]))
        yield from ("", *(f"- {code(note)}" for note in facts["cost_notes"]))
        yield from ("", fenced(_json(facts["impact"]), "json"))


def _entry(entry: Object) -> Iterator[str]:
    yield from ("", f"### {entry['position']}. {entry['kind']}", "")
    when = entry["occurred_at"]
    if entry["recorded_at"] != when:
        when += f", recorded {entry['recorded_at']}"
    yield f"{when}, {code(entry['actor'])}"
    yield ""
    corrections = entry["corrections"]
    yield struck(entry["text"]) if corrections else fenced(entry["text"])
    for place, said in enumerate(corrections, start=1):
        by = f"{said['recorded_at']}, {code(said['actor'])}, entry {said['position']}"
        yield from ("", f"Corrected {by}: {code(said['reason'])}", "")
        last = place == len(corrections)
        yield fenced(said["text"]) if last else struck(said["text"])
    if entry["kind"] == "corrected":
        yield from ("", f"Corrects entry {entry['data']['corrects']}.")
    if entry["data"].get("output"):
        yield from ("", fenced(entry["data"]["output"]))


def _listed(title: str, items: list[Object], line: Any) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    yield from (line(item) for item in items)
    if not items:
        yield "None."


def _link(one: Object) -> str:
    there = f"#{one['ref']}" if one["incident"] else code(one["ref"])
    title = f": {code(one['title'])}" if one["title"] else ""
    return f"- {one['added_at']} {code(one['added_by'])}, {one['words']} {there}{title}"


def _task(one: Object) -> str:
    owner = f" of {code(one['owner'])}" if one["owner"] else ""
    what = f"{one['source']}, {one['kind']}, {one['state']}"
    line = f"- {one['task']}{owner}, {what}, due {one['due_at']}: {code(one['title'])}"
    asked = f"; check: {code(one['check_text'])}" if one["check_text"] else ""
    found = f", {code(one['check_result'])}" if one["check_result"] else ""
    why = f"; dropped: {code(one['dropped_for'])}" if one["dropped_for"] else ""
    return f"{line}{asked}{found}{why}"


def _update(one: Object) -> Iterator[str]:
    following = f", next {one['next_at']}" if one["next_at"] else ""
    by = f"{one['status']}, {one['sent_at']}, {code(one['sent_by'])}"
    yield from ("", f"### {one['audience']}, {by}{following}", "", fenced(one["text"], "markdown"))


def _review(one: Object) -> Iterator[str]:
    """What people wrote of it; vigie.views.review has the document for readers."""
    yield from ("", "## Review", "")
    yield f"- {one['state']}, begun {one['created_at']} by {code(one['author'])}"
    if one["final_at"]:
        yield f"- final {one['final_at']}, said {code(one['final_by'])}"
    for who in one["reviewers"]:
        said = f"approved {who['approved_at']}" if who["approved_at"] else "has not approved"
        yield f"- reviewer {code(who['name'])}: {said}"
    if one["root_cause"]:
        yield f"- root cause: {code(one['root_cause'])}"
    for name in ("factors", "whys"):
        yield from (f"- {name}: {code(said)}" for said in one[name])
    for name, text in one["sections"].items():
        if text:
            yield from ("", f"### {code(name)}", "", fenced(text))


def _delivery(one: Object) -> str:
    what = f"{one['kind']}, attempt {one['attempt']}, {one['outcome']}"
    return f"- {one['at']} {code(one['channel'])}: {what}: {code(one['detail'])}"


def _change(one: Object) -> str:
    by = f" by {code(one['actor'])}" if one["actor"] else ""
    what = f"{one['kind']}, {one['status']}"
    return f"- {one['started_at']} change {one['number']}, {what}{by}: {code(one['title'])}"


def _run(run: Object) -> Iterator[str]:
    yield from ("", f"### {code(run['title'])}", "")
    yield f"{run['started_at']} to {run['finished_at'] or 'now'}, {run['mode']}, {run['state']}"
    for step in run["steps"]:
        yield from ("", f"- {step['state']}: {code(step['title'])}")
        for words in (step["output"], step["error"]):
            if words:
                # In the list item, so that what belongs to a step stands under it.
                yield from ("", *(f"  {line}" for line in fenced(words).split("\n")))


# -- CSV ----------------------------------------------------------------------------------------

_HEAD: Final = (
    "section", "position", "occurred_at", "recorded_at", "kind", "actor", "text", "corrected_text",
    "data", "hash",
)  # fmt: skip


def _csv(facts: Object) -> str:
    """One row a fact; `section` says of what: incident, label, figure, cost, timeline, person,
    guest, link, task, update, delivery, run, step, change.
    """
    out = io.StringIO()
    # Lines end as RFC 4180 says, or Python's writer would leave a lone CR unquoted: a new row.
    table = csv.DictWriter(out, _HEAD, restval="", lineterminator="\r\n")
    table.writeheader()
    for row in _rows(facts):
        table.writerow({name: cell(value) for name, value in row.items()})
    return out.getvalue()


def _rows(facts: Object) -> Iterator[dict[str, Any]]:
    head = {**facts["incident"], "timeline_head": facts["timeline_head"]}
    for section, of in (("incident", head), ("label", facts["labels"])):
        yield from ({"section": section, "kind": k, "text": _flat(v)} for k, v in of.items())
    for name, value in facts["detail"].items():
        yield {"section": "figure", "kind": name, "data": _flat(value)}
    if facts.get("cost"):
        cost = {"text": facts["cost"], "data": _compact(facts["impact"])}
        yield {"section": "cost", "kind": "; ".join(facts["cost_notes"]), **cost}
    for entry in facts["timeline"]:
        corrections = entry["corrections"]
        same = {name: entry[name] for name in _HEAD if name in entry and name != "data"}
        now = corrections[-1]["text"] if corrections else ""
        data = _compact(entry["data"])
        yield {"section": "timeline", **same, "corrected_text": now, "data": data}
    yield from _people_rows(facts.get("people") or {})
    for one in facts.get("links", ()):
        at, who = one["added_at"], one["added_by"]
        yield _row("link", one["id"], at, one["kind"], who, one["title"] or one["ref"], one)
    for one in facts.get("tasks", ()):
        at, who = one["created_at"], one["owner"]
        yield _row("task", one["task"], at, one["state"], who, one["title"], one)
    for one in facts.get("updates", ()):
        at, who = one["sent_at"], one["sent_by"]
        yield _row("update", one["id"], at, one["audience"], who, one["text"], one)
    if facts.get("review"):
        one = facts["review"]
        at, who = one["final_at"] or one["created_at"], one["final_by"] or one["author"]
        yield _row("review", "", at, one["state"], who, one["root_cause"], one)
    for place, one in enumerate(facts["deliveries"], start=1):
        yield _row("delivery", place, one["at"], one["outcome"], one["channel"], one["detail"], one)
    for run in facts["runs"]:
        steps = {"steps": len(run["steps"])}
        yield _row("run", "", run["started_at"], run["state"], run["name"], run["title"], steps)
        for place, step in enumerate(run["steps"], start=1):
            at, state = step["started_at"], step["state"]
            yield _row("step", place, at, state, run["name"], step["title"], step)
    for one in facts["changes"]:
        at, who = one["started_at"], one["actor"]
        yield _row("change", one["number"], at, one["status"], who, one["title"], one)


def _people_rows(people: Object) -> Iterator[dict[str, Any]]:
    for place, one in enumerate(people.get("history", ()), start=1):
        at, part = one["since"], one["part"]
        yield _row("person", place, at, part, one["name"], one["note"], one)
    for one in people.get("guests", ()):
        at, role = one["created_at"], one["role"]
        yield _row("guest", one["id"], at, role, one["name"], None, one)


def _row(  # noqa: PLR0917 - the columns, in their order
    section: str, position: Any, at: Any, kind: Any, actor: Any, text: Any, data: Object
) -> dict[str, Any]:
    return {
        "section": section,
        "position": position,
        "occurred_at": at,
        "kind": kind,
        "actor": actor,
        "text": text,
        "data": _compact(data),
    }


_FORMULA: Final = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")


def cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return "" if value is None else value
