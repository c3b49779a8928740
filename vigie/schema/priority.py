"""The JSON Schema of the kind `PriorityMatrix`, for editors."""

from incidents.load_priority import EFFECTS, LEVELS, MAX_REASON, MOST_MOVES, ROWS
from incidents.matrix import URGENCIES
from vigie.schema.parts import Schema, choice, duration, items, labels, mapping, text


def matrix() -> Schema:
    """The spec of a `PriorityMatrix`."""
    row = mapping({urgency: choice(LEVELS) for urgency in URGENCIES}, URGENCIES)
    return mapping(
        {
            "select": mapping({"services": items(text()), "labels": labels()}),
            "matrix": {
                **mapping(dict.fromkeys(ROWS, row), ROWS),
                "description": "the priority by severity and urgency",
            },
            "modifiers": items(_modifier()),
            "response": _targets("until somebody acknowledges"),
            "resolution": _targets("until it is resolved"),
        }
    )


def _modifier() -> Schema:
    when = mapping({"labels": labels(), "types": items(text("of incidents"))})
    when["anyOf"] = [{"required": ["labels"]}, {"required": ["types"]}]
    moves: Schema = {"type": "integer", "minimum": 1, "maximum": MOST_MOVES}
    modifier = mapping(
        {
            "when": when,
            "raise": {**moves, "description": "so many levels towards P1"},
            "lower": {**moves, "description": "so many levels towards P5"},
            "at_least": choice(LEVELS),
            "at_most": choice(LEVELS),
            "reason": {**text("shown with the priority"), "maxLength": MAX_REASON},
        },
        ["when", "reason"],
    )
    return {**modifier, "oneOf": [{"required": [effect]} for effect in EFFECTS]}


def _targets(about: str) -> Schema:
    target = mapping(
        {
            "within": duration(about),
            "notice_before": duration("under `within`; a quarter of it where none is written"),
        },
        ["within"],
    )
    return mapping(dict.fromkeys(LEVELS, target))
