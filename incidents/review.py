"""The post-incident review: its states, its template, and what it lacks to be final. Pure.

A section of text that nobody wrote stands as the record has it (incidents.review_draft). Four parts
are no text: the root cause (a word of the taxonomy), contributing factors and whys (lists), and the
actions, which are tasks of the incident.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from incidents.tasks import TaskState
from incidents.types import Section, TypeRules

OUTDATED: Final = "from before it was opened again"  # in place of the state, for the closing gate
MOST_WHYS: Final = 5
MOST_FACTORS: Final = 20
MOST_REVIEWERS: Final = 20
MAX_LINE: Final = 500  # of a factor, of a why
MAX_SECTION: Final = 20_000


class ReviewState(StrEnum):
    """Where a review stands: written, looked at by others, done."""

    DRAFT = "draft"
    REVIEW = "review"
    FINAL = "final"


ROOT_CAUSE: Final = "root_cause"
FACTORS: Final = "factors"
WHYS: Final = "whys"
ACTIONS: Final = "actions"
APART: Final = (ROOT_CAUSE, FACTORS, WHYS, ACTIONS)  # the parts that are no text
_LAST: Final = (
    Section(
        ROOT_CAUSE,
        "Root cause",
        "What, had it been otherwise, would have kept this away? One word, to count by.",
        required=True,
    ),
    Section(
        ACTIONS, "Actions", "What prevents, mitigates or shows it sooner, and how we'd see that."
    ),
)
USUAL: Final = (
    Section("summary", "Summary", "What happened, so that a stranger understands it.", True),
    Section("impact", "Impact", "Who could not do what, and what it cost.", True),
    Section("detection", "Detection", "How it was noticed, and how it could have been sooner."),
    Section("timeline", "Timeline", "The turns that matter."),
    Section("responders", "Responders", "Who did what."),
    Section("pages", "Pages and answers", "Who was told, and who answered when."),
    Section("runs", "Runbooks", "What ran, and whether it helped."),
    Section("changes", "Changes before it began", "Which of them set it off?"),
    Section(FACTORS, "Contributing factors", "What else had to be so for it to happen.", True),
    _LAST[0],
    Section(WHYS, "Five whys", "Each asks why of the line before."),
    Section("went_well", "What went well", "", True),
    Section("went_badly", "What went badly", "", True),
    Section("lucky", "Where we got lucky", "What made it no worse, and won't the next time?"),
    _LAST[1],
)  # fmt: skip


def template(rules: TypeRules) -> tuple[Section, ...]:
    """The sections of a review in their order; root cause and actions are always among them."""
    found = rules.review or USUAL
    named = {section.name for section in found}
    return (*found, *(section for section in _LAST if section.name not in named))


def missing(
    sections: Sequence[Section],
    review: Mapping[str, Any],
    texts: Mapping[str, str],
    actions: Sequence[Mapping[str, Any]],
    *,
    root_cause: str | None,
    approvals: int,
) -> Iterator[str]:
    """What a review lacks to be final, each a clause that says what to do. `review` is its row with
    JSON read, `texts` its sections as they stand, `actions` its tasks, `approvals` how many people
    have to approve it.
    """
    left = [one for one in actions if one["state"] != TaskState.DROPPED]
    for section in sections:
        filled: Mapping[str, Any] = {
            ROOT_CAUSE: root_cause,
            FACTORS: review["causes"],
            WHYS: review["whys"],
            ACTIONS: left,
        }
        there = filled[section.name] if section.name in filled else texts.get(section.name)
        if section.name == ROOT_CAUSE and not there:
            yield "set the root cause"
        elif section.required and not there:
            yield f"{section.title} is empty: {'add one' if section.name in APART else 'write it'}"
    for one in left:
        lacks = [what for what in ("owner", "due_at") if not one[what]]
        if lacks:
            said = " and ".join(what.removesuffix("_at") for what in lacks)
            yield f"action {one['number']} has no {said}"
    given = len(approved(review["reviewers"]))
    if given < approvals:
        yield f"approved by {given} of {approvals}: ask a reviewer"


def approved(reviewers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Who approved what it says now."""
    return [one["name"] for one in reviewers if one["approved_at"] is not None]


def overtaken(
    edits: Mapping[str, Mapping[str, Any]], touched: Collection[str], seen: int, who: str | None
) -> list[str]:
    """Which of the sections that somebody is about to write were written by others since the
    version that they saw, and by whom. `who` is None where two may go by the same name.
    """
    return [
        f"{edits[name]['by']} changed {name}"
        for name in touched
        if name in edits and edits[name]["version"] > seen and edits[name]["by"] != who
    ]
