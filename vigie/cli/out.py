"""`--out`: YAML files that commands write, each whole or not at all."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

from pathlib import Path

from vigie.cli.ending import CannotRun
from vigie.cli.output import say


def is_file(out: Path) -> bool:
    """Whether a path means one file; else it means a folder."""
    from vigie.documents import SUFFIXES

    return out.suffix in SUFFIXES and not out.is_dir()


def write(path: Path, text: str) -> None:
    """Write a file and tell of it; CannotRun. Another program may read the folder at any moment:
    it never sees half a file.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise CannotRun(f"{path}: error: cannot be written: {error}") from error
    say(f"wrote {path}")
