"""`vigie schema`: JSON Schemas of the YAML kinds, for editors."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

from typing import Annotated, Any, Final

import typer

from vigie.cli.ending import CannotRun
from vigie.cli.output import facts

SETTINGS: Final = "Settings"  # vigie.yaml, which is no document of a kind
SLOTH_VERSION: Final = "prometheus/v1"
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
    """One schema for a folder: what a document says it is decides which of them it fulfils.

    Documents of OpenSLO v1alpha and Sloth's own files, which have no kind, are let through.
    """
    versions = {kind: schema["properties"]["apiVersion"] for kind, schema in kinds.items()}
    return {
        "$schema": DRAFT,
        "title": "Vigie",
        "type": "object",
        "anyOf": [
            {"required": ["apiVersion", "kind", "metadata"]},
            {"required": ["version"], "properties": {"version": {"const": SLOTH_VERSION}}},
        ],
        "properties": {"kind": {"enum": list(kinds)}},
        "allOf": [
            {
                "if": {
                    "properties": {"kind": {"const": kind}, "apiVersion": versions[kind]},
                    "required": ["kind", "apiVersion"],
                },
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
