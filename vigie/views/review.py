"""The review of one incident as every reader sees it, and as a document to keep.

Sections that nobody wrote stand as the record has them now; once it is final, as they stood then.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection

from incidents.quoting import code
from incidents.review import ACTIONS, FACTORS, ROOT_CAUSE, WHYS, ReviewState, missing, template
from incidents.review_draft import drafted, offered
from incidents.tasks import TaskSource, TaskState
from incidents.types import Section
from slo.yaml_text import dumped
from vigie.config import Config
from vigie.store import incidents, reviews
from vigie.store import tasks as stored_tasks
from vigie.store.db import Database
from vigie.store.reviews import Row
from vigie.views import tasks
from vigie.views.records import recorded
from vigie.views.reviews import kept
from vigie.views.shape import Object, when

VERSION: Final = 1  # of the YAML document
_SPANS: Final = re.compile(r"(`+)[^`]+\1|<")  # code on one line, or what could begin an element


class ReviewFormat(StrEnum):
    """How a review is written."""

    JSON = "json"
    MARKDOWN = "markdown"
    YAML = "yaml"


def review(db: Database, config: Config, number: int, now: float) -> Object | None:
    """The review of an incident; None when it has none, or there is no such incident."""
    facts = recorded(db, number)
    found = None if facts is None else db.read(lambda c: _read(c, number))
    if facts is None or found is None:
        return None
    row, actions = found
    sections = template(config.types.of(facts["incident"]["type"]))
    final = row["state"] == ReviewState.FINAL
    texts = row["sections"] if final else {**drafted(facts), **row["sections"]}
    hints = {} if final else offered(facts)
    cause = row["root_cause"] if final else facts["incident"]["cause"]
    whole = {
        ROOT_CAUSE: cause,
        FACTORS: list(row["causes"]),
        WHYS: list(row["whys"]),
        ACTIONS: [tasks.shown(one, now) for one in actions],
    }
    closing = config.types.of(facts["incident"]["type"]).closing
    severity = int(facts["incident"]["severity"].removeprefix("SEV"))
    needed: Object = {"root_cause": cause, "approvals": int(severity in closing.review)}
    every = [*sections, *_others(sections, row["sections"])]
    return {
        **kept(row),
        **whole,
        "incident_title": facts["incident"]["title"],
        "severity": facts["incident"]["severity"],
        "service": facts["incident"]["service"],
        "sections": [_section(one, row, texts, hints) for one in every],
        "points": [] if final else list(missing(sections, row, texts, actions, **needed)),
    }


def drafted_of(db: Database, number: int) -> Mapping[str, str]:
    """The sections that the record fills; empty when there is no such incident."""
    facts = recorded(db, number)
    return {} if facts is None else drafted(facts)


def document(found: Object, output: ReviewFormat) -> str:
    """A review, as `review` gives it, as Markdown or YAML; the same review gives the same bytes."""
    if output is ReviewFormat.YAML:
        return dumped({"format": VERSION, **_lasting(found)})
    return "\n".join(_markdown(found)) + "\n"


def _read(c: Connection, number: int) -> tuple[Row, list[Mapping[str, Any]]] | None:
    row = reviews.get(c, number) if incidents.get(c, number) is not None else None
    if row is None:
        return None
    every = stored_tasks.of_incident(c, number)
    return row, [one for one in every if one["source"] == TaskSource.REVIEW]


def _others(sections: tuple[Section, ...], written: Mapping[str, str]) -> list[Section]:
    """Sections of an earlier template that hold words."""
    named = {section.name for section in sections}
    shown = (name for name in sorted(written) if name not in named and written[name])
    return [Section(name, name.replace("_", " ").capitalize()) for name in shown]


def _section(
    one: Section, row: Row, texts: Mapping[str, str], hints: Mapping[str, list[str]]
) -> Object:
    """`offered` are facts of the record for what a person is to write; `written_by` is None where
    the record speaks.
    """
    edit = row["edits"].get(one.name)
    return {
        "name": one.name,
        "title": one.title,
        "hint": one.hint,
        "required": one.required,
        "text": texts.get(one.name, ""),
        "offered": hints.get(one.name, []),
        "written_by": edit["by"] if edit and edit["own"] else None,
        "written_at": when(edit["at"]) if edit and edit["own"] else None,
    }


# -- documents ----------------------------------------------------------------------------------


def _lasting(found: Object) -> Object:
    """Without what depends on when one looks, and without hints."""
    actions = [
        {name: value for name, value in one.items() if name not in ("overdue", "url")}
        for one in found["actions"]
    ]
    texts = {one["name"]: one["text"] for one in found["sections"] if one["text"]}
    lasting = {name: value for name, value in found.items() if name != "points"}
    return {**lasting, "sections": texts, "actions": actions}


def _markdown(found: Object) -> Iterator[str]:
    yield f"# Review of incident {found['incident']}"
    yield from ("", code(found["incident_title"]), "")
    yield f"- {found['severity']}, {code(found['service'] or 'service not known')}"
    yield f"- State: {found['state']}, begun {found['created_at']} by {code(found['author'])}"
    if found["final_at"]:
        yield f"- Final since {found['final_at']}, said {code(found['final_by'])}"
    for one in found["reviewers"]:
        said = f"approved {one['approved_at']}" if one["approved_at"] else "has not approved yet"
        yield f"- Reviewer {code(one['name'])}: {said}"
    for section in found["sections"]:
        yield from ("", f"## {section['title']}", "")
        yield from _content(found, section)


def _content(found: Object, section: Object) -> Iterator[str]:
    nothing = "Nothing was written."
    match section["name"]:
        case "root_cause":
            yield code(found[ROOT_CAUSE]) if found[ROOT_CAUSE] else nothing
        case "factors":
            yield from (f"- {code(one)}" for one in found[FACTORS])
        case "whys":
            yield from (f"{place}. {code(one)}" for place, one in enumerate(found[WHYS], start=1))
        case "actions":
            yield from map(_action, found[ACTIONS])
        case _:
            yield _contained(section["text"]) or nothing
    if section["name"] in (FACTORS, WHYS, ACTIONS) and not found[section["name"]]:
        yield nothing


def _contained(text: str) -> str:
    """Words of people within a document: a heading of theirs is none of it, HTML is words, and a
    block of code ends with its section.
    """
    lines = [_SPANS.sub(_escaped, line) for line in text.split("\n")]
    shown = [f"\\{line}" if line.lstrip().startswith("#") else line for line in lines]
    fences = [line for line in lines if line.lstrip().startswith(("```", "~~~"))]
    return "\n".join((*shown, fences[-1].strip()[:3]) if len(fences) % 2 else shown)


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith("`") else "\\<"


def _action(one: Object) -> str:
    how = f"; verified when {code(one['check_text'])}" if one["check_text"] else ""
    found = f", {code(one['check_result'])}" if one["check_result"] else ""
    again = f", reopened {one['reopened']}x" if one["reopened"] else ""
    why = f" ({code(one['dropped_for'])})" if one["state"] == TaskState.DROPPED else ""
    owner = code(one["owner"]) if one["owner"] else "nobody"
    head = f"- {one['task']}. {one['kind']}, {one['state']}{again}{why}"
    return f"{head}, {owner}, due {one['due_at']}: {code(one['title'])}{how}{found}"
