"""What commands print: facts on stdout as text or JSON, everything else on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated

import typer


class Format(StrEnum):
    """How facts are printed."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="How facts are printed.")]


def facts(value: object) -> None:
    """Facts for programs: one JSON document on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def lines(texts: Iterable[str]) -> None:
    """Facts for people, on stdout."""
    for text in texts:
        print(text)


def say(text: str) -> None:
    """What is not a fact: on stderr."""
    print(text, file=sys.stderr)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Facts in columns, on stdout; plain text, so that grep and awk work."""
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(padded).rstrip())
