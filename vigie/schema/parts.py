"""The pieces that JSON Schemas of YAML documents are made from."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from slo.load.document import NAME
from slo.windows import show

Schema = dict[str, Any]
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_DURATION: Final = "^([0-9]{1,9}(ms|s|m|h|d|w))+$"


def document(
    version: str, kind: str, metadata: Schema, spec: Schema, *, spec_required: bool = True
) -> Schema:
    """The schema of a document: what every one begins with, and its spec."""
    keys = {
        "apiVersion": {"const": version},
        "kind": {"const": kind},
        "metadata": metadata,
        "spec": spec,
    }
    required = ["apiVersion", "kind", "metadata", *(["spec"] if spec_required else [])]
    return {"$schema": DRAFT, "title": f"Vigie {kind}", **mapping(keys, required)}


def mapping(keys: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    """A mapping of these keys and no others."""
    fixed = {"type": "object", "properties": dict(keys), "additionalProperties": False}
    return {**fixed, "required": list(required)} if required else fixed


def items(of: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": of}


def one_item(of: Schema) -> Schema:
    """A list of one."""
    return {**items(of), "minItems": 1, "maxItems": 1}


def text(about: str = "") -> Schema:
    """A text that is not empty."""
    text = {"type": "string", "minLength": 1}
    return {**text, "description": about} if about else text


def name() -> Schema:
    """A name that ids and addresses are made from."""
    return {"type": "string", "pattern": f"^{NAME.pattern}$", "maxLength": 253}


def labels() -> Schema:
    """Texts by name."""
    return {"type": "object", "additionalProperties": text()}


def duration(about: str = "", default_s: float | None = None) -> Schema:
    """A duration such as `5m`."""
    schema: Schema = {"type": "string", "pattern": _DURATION}
    if about:
        schema["description"] = about
    return schema if default_s is None else {**schema, "default": show(default_s)}


def choice(words: Iterable[str], default: str | None = None) -> Schema:
    """One of some words."""
    schema: Schema = {"enum": [str(word) for word in words]}
    return schema if default is None else {**schema, "default": str(default)}


def none(*keys: str) -> dict[str, bool]:
    """Keys that must not stand there."""
    return dict.fromkeys(keys, False)


def if_(key: str, value: str, then: Schema, otherwise: Schema) -> Schema:
    """What a mapping must fulfil by what one of its keys says."""
    condition = {"properties": {key: {"const": value}}}
    return {"if": condition, "then": then, "else": otherwise}


def flag(*, default: bool | None = None) -> Schema:
    """true or false."""
    return {"type": "boolean"} if default is None else {"type": "boolean", "default": default}


def number(about: str = "", **bounds: float) -> Schema:
    """A number within bounds, named as JSON Schema does."""
    return {"type": "number", **bounds, **({"description": about} if about else {})}


def whole(minimum: int, default: int, maximum: int | None = None) -> Schema:
    """A whole number."""
    bounds = {"minimum": minimum, **({} if maximum is None else {"maximum": maximum})}
    return {"type": "integer", **bounds, "default": default}
