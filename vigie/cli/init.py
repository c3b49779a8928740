"""`vigie init`: a small configuration that works, to start from."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from vigie.cli.ending import CannotRun, Refused
from vigie.cli.output import lines, say


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")],
) -> None:
    """Write a small working configuration; a file that is there already stays as it is."""
    templates = dict(_templates(files("vigie.cli") / "files", Path()))
    targets = {directory / name: template for name, template in templates.items()}
    if there := sorted(str(target) for target in targets if target.exists()):
        raise Refused(f"nothing was written: {', '.join(there)} exists already")
    try:
        for target, template in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(template.read_bytes())
    except OSError as error:
        raise CannotRun(f"{directory}: error: cannot be written: {error}") from error
    lines(sorted(str(target) for target in targets))
    say(f"next: vigie slo check {directory}; vigie serve --config {directory / 'vigie.yaml'}")


def _templates(folder: Traversable, at: Path) -> Iterator[tuple[Path, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _templates(entry, at / entry.name)
        elif entry.name.endswith(".yaml"):
            yield at / entry.name, entry
