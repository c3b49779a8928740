"""The JSON Schema of the kind `StatusPage`, for editors."""

from incidents.load_status import MAX_DESCRIPTION, MAX_TITLE, ROWS
from incidents.status_page import MAX_HISTORY_DAYS, Publish
from vigie.schema.parts import Schema, choice, flag, items, mapping, name, text, whole


def page() -> Schema:
    """The spec of a `StatusPage`."""
    component = mapping(
        {
            "name": name(),
            "title": _title(),
            "services": {**items(text()), "minItems": 1},
            "description": _description(),
        },
        ["name", "title", "services"],
    )
    group = mapping(
        {"title": _title(), "components": {**items(component), "minItems": 1}},
        ["title", "components"],
    )
    keys = {
        "title": _title(),
        "description": _description(),
        "time_zone": {**text("of the IANA database"), "default": "UTC"},
        "groups": {**items(group), "minItems": 1},
        "publish": choice(Publish, Publish.MANUAL),
        "severities": items(choice(ROWS)),
        "types": items(text("of incidents; default: all")),
        "public": flag(default=False),
        "subscribers": flag(default=False),
        "email": text("the name of a Channel of type email"),
        "history_days": whole(1, MAX_HISTORY_DAYS, MAX_HISTORY_DAYS),
    }
    is_on: Schema = {"properties": {"subscribers": {"const": True}}, "required": ["subscribers"]}
    asks: Schema = {"required": ["email", "public"], "properties": {"public": {"const": True}}}
    return {**mapping(keys, ["title", "groups"]), "if": is_on, "then": asks}


def _title() -> Schema:
    return {**text(), "maxLength": MAX_TITLE}


def _description() -> Schema:
    return {"type": "string", "maxLength": MAX_DESCRIPTION}
