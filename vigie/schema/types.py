"""The JSON Schemas of the kinds `IncidentType` and `Taxonomy`, for editors."""

from incidents.load_types import (
    CLOSABLE,
    MAX_NAME,
    MAX_TEXT,
    MAX_TITLE,
    MAX_WORD,
    MOST,
    MOST_USERS,
    MOST_WORDS,
    SECTION_NAME,
    SEVERITY_WORDS,
)
from incidents.matrix import URGENCIES
from incidents.templates import AUDIENCES, MAX_TEMPLATE
from incidents.types import FIELD_KINDS, LIFE, ROLES, STATES, TypeRules
from vigie.schema.parts import (
    Schema,
    choice,
    duration,
    flag,
    items,
    mapping,
    name,
    none,
    text,
)


def incident_type() -> Schema:
    """The spec of an `IncidentType`."""
    usual = TypeRules("")
    users: Schema = {"type": "integer", "minimum": 1, "maximum": MOST_USERS}
    return mapping(
        {
            "title": _line("how the type is called"),
            "description": _line(longest=MAX_TEXT),
            "severity": choice(SEVERITY_WORDS, f"SEV{usual.severity}"),
            "urgency": choice(URGENCIES, usual.urgency),
            "restricted": flag(default=usual.restricted),
            "statuses": {**items(_status()), "maxItems": MOST},
            "fields": {**items(_field()), "maxItems": MOST},
            "closing": _closing(),
            "users": {
                **mapping(dict.fromkeys(SEVERITY_WORDS, users)),
                "description": "how many affected users mean a severity",
            },
            "updates": {
                **mapping(dict.fromkeys(SEVERITY_WORDS, duration())),
                "description": "how often stakeholders are told",
            },
            "templates": {
                **mapping(dict.fromkeys(AUDIENCES, _line(longest=MAX_TEMPLATE))),
                "description": "of updates, by audience; `$name` stands for what is known",
            },
            "tasks": _words(MAX_TITLE, MOST),
            "review": {**items(_section()), "maxItems": MOST},
            "reopen_within": duration("0s: never", usual.reopen_within_s),
        }
    )


def taxonomy() -> Schema:
    """The spec of a `Taxonomy`."""
    words = _words(MAX_WORD, MOST_WORDS)
    categories: Schema = {
        "type": "object",
        "additionalProperties": {"anyOf": [words, {"type": "null"}]},
        "maxProperties": MOST_WORDS,
        "description": "sub-categories by category",
    }
    return mapping({"categories": categories, "causes": words})


def _status() -> Schema:
    keys = {"name": _name(), "title": _line(), "state": choice(STATES)}
    return mapping(keys, ["name", "state"])


def _field() -> Schema:
    keys = {
        "name": _name(),
        "title": _line(),
        "kind": choice(FIELD_KINDS, FIELD_KINDS[0]),
        "choices": _words(MAX_WORD, MOST_WORDS),
        "required_at": {**choice(LIFE), "description": "from which state on it is filled in"},
    }
    is_choice: Schema = {"properties": {"kind": {"const": "choice"}}, "required": ["kind"]}
    chosen: Schema = {"required": ["choices"], "properties": {"choices": {"minItems": 1}}}
    other: Schema = {"properties": none("choices")}
    return {**mapping(keys, ["name"]), "if": is_choice, "then": chosen, "else": other}


def _section() -> Schema:
    """A section of a review's template."""
    keys = {
        "name": {**text("e.g. summary, went_well"), "pattern": f"^{SECTION_NAME.pattern}$"},
        "title": _line(),
        "hint": _line("what to write there", MAX_TEXT),
        "required": flag(default=False),
    }
    return mapping(keys, ["name"])


def _closing() -> Schema:
    """`required` also names fields of the type, which a schema cannot know."""
    return mapping(
        {
            "roles": items(choice(ROLES)),
            "required": {**items(text()), "description": f"of {', '.join(CLOSABLE)}, and fields"},
            "review": items(choice(SEVERITY_WORDS)),
            "confirmed": flag(default=False),
            "after": duration("how long after its end the machine closes SEV3 and SEV4"),
        }
    )


def _name() -> Schema:
    return {**name(), "maxLength": MAX_NAME}


def _line(about: str = "", longest: int = MAX_TITLE) -> Schema:
    return {**text(about), "maxLength": longest}


def _words(longest: int, most: int) -> Schema:
    return {**items({**text(), "maxLength": longest}), "maxItems": most, "uniqueItems": True}
