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
    yield from ("", "## Timeline")
    for entry in facts["timeline"]:
        yield from _entry(entry)
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


_LINE_ENDS: Final = re.compile(r"\r\n|\r|\n")


def fenced(text: str, language: str = "text") -> str:
    """Words in a block that none of their own lines can end."""
    lines = _LINE_ENDS.split(text)
    fence = "`" * max(3, 1 + _longest_run(text))
    return "\n".join((f"{fence}{language}", *lines, fence))


def code(text: str) -> str:
    """Words on one line, in a span that nothing of theirs can end."""
    flat = " ".join(text.split()) or " "
    fence = "`" * (1 + _longest_run(flat))
    room = " " if "`" in flat else ""  # a fence that touches a backtick would be longer
    return f"{fence}{room}{flat}{room}{fence}"


def struck(text: str) -> str:
    """Words that were corrected, line by line."""
    lines = [line for line in _LINE_ENDS.split(text) if line.strip()]
    return "  \n".join(f"~~{code(line)}~~" for line in lines) or "~~` `~~"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


# -- CSV ----------------------------------------------------------------------------------------

_HEAD: Final = (
    "section", "position", "occurred_at", "recorded_at", "kind", "actor", "text", "corrected_text",
    "data", "hash",
)  # fmt: skip


def _csv(facts: Object) -> str:
    """One row a fact; `section` says of what: incident, label, figure, timeline, delivery, run,
    step, change.
    """
    out = io.StringIO()
    # Lines end as RFC 4180 says, or Python's writer would leave a lone CR unquoted: a new row.
    table = csv.DictWriter(out, _HEAD, restval="", lineterminator="\r\n")
    table.writeheader()
    for row in _rows(facts):
        table.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue()


def _rows(facts: Object) -> Iterator[dict[str, Any]]:
    head = {**facts["incident"], "timeline_head": facts["timeline_head"]}
    for section, of in (("incident", head), ("label", facts["labels"])):
        yield from ({"section": section, "kind": k, "text": _flat(v)} for k, v in of.items())
    for name, value in facts["detail"].items():
        yield {"section": "figure", "kind": name, "data": _flat(value)}
    for entry in facts["timeline"]:
        corrections = entry["corrections"]
        same = {name: entry[name] for name in _HEAD if name in entry and name != "data"}
        now = corrections[-1]["text"] if corrections else ""
        data = _compact(entry["data"])
        yield {"section": "timeline", **same, "corrected_text": now, "data": data}
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


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return "" if value is None else value
