"""`vigie schema`: JSON Schemas of the YAML kinds, for editors."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

from typing import Annotated, Any, Final

import typer

from vigie.cli.ending import CannotRun
from vigie.cli.output import facts

SETTINGS: Final = "Settings"  # vigie.yaml, which is no document of a kind
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def schema(
    kind: Annotated[
        str | None,
        typer.Argument(help="SLO, Targets, ...; Settings for vigie.yaml. Default: every document."),
    ] = None,
) -> None:
    """Print the JSON Schema of one kind, or of everything that a folder may hold."""
    from vigie.schema import schemas

    kinds = schemas()
    if kind is None:
        facts(_any_of(kinds))
    elif kind == SETTINGS:
        facts(_settings())
    elif kind in kinds:
        facts(kinds[kind])
    else:
        there = ", ".join([*kinds, SETTINGS])
        raise CannotRun(f"there is no kind `{kind}`: there are {there}")


def _any_of(kinds: dict[str, Schema]) -> Schema:
    """One schema for a folder: the kind that a document names decides which of them it fulfils."""
    return {
        "$schema": DRAFT,
        "title": "Vigie",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata"],
        "properties": {"kind": {"enum": list(kinds)}},
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": {"$ref": f"#/$defs/{kind}"},
            }
            for kind in kinds
        ],
        "$defs": kinds,
    }


def _settings() -> Schema:
    from vigie.settings import Settings

    made = Settings.model_json_schema()
    properties = made["properties"]
    kept = {name: properties[name] for name in properties if name not in Settings.not_in_file}
    about = "Settings that need a restart; VIGIE_<KEY> in the environment overrides each"
    return {"$schema": DRAFT, **made, "title": "vigie.yaml", "description": about} | {
        "properties": kept
    }
