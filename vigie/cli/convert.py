"""`vigie slo convert`: SLOs in another file format, and what that format can't say."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from slo.load.codes import SERVING
from slo.spec import DataSource
from vigie.cli.check import Paths
from vigie.cli.ending import CannotRun
from vigie.cli.lint import read
from vigie.cli.out import is_file, write
from vigie.cli.output import Format, FormatOption, facts, say

if TYPE_CHECKING:
    from slo.convert.model import Converted, Converter, Document, Loss
    from vigie.config import Config

_FILES: Final = ("password_file", "bearer_token_file", "ca_file", "cert_file", "key_file")


class To(StrEnum):
    """The formats that SLOs can be converted to."""

    OPENSLO = "openslo"
    SLOTH = "sloth"
    PYRRA = "pyrra"


def convert(
    paths: Paths,
    *,
    to: Annotated[To, typer.Option(help="The format to write.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="A .yaml file, or a folder for one file per service (Pyrra: per SLO); else stdout."
        ),
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Write SLOs in another format; what it can't say is on stderr, and in JSON.

    SLOs that the format has no form for at all are left out, and the exit status is then 1.
    """
    config = read(paths, for_server=True)
    converted = _converted(config, to, out)
    for warning in config.warnings:
        if warning.code not in SERVING:
            say(str(warning))
    files = _files(converted.documents, out)
    _spare_read(files, config)
    for path, text in files.items():
        write(path, text)
    if output is Format.JSON:
        facts(_facts(converted))
    elif out is None:
        print(_text(converted.documents), end="")
    for loss in converted.losses:
        say(str(loss))
    left_out = sum(loss.whole for loss in converted.losses)
    whole = len(config.watches)
    say(f"{whole - left_out} of {whole} SLOs converted to {to.value}")
    raise typer.Exit(int(left_out > 0))


def _converted(config: "Config", to: To, out: Path | None) -> "Converted":
    sources = config.sources
    if out is not None and to is To.OPENSLO:
        folder = out.parent if is_file(out) else out
        sources = {name: _moved(source, folder) for name, source in sources.items()}
    slos = [watch.slo for watch in config.watches.values()]
    return _converter(to)(slos, sources, config.services)


def _converter(to: To) -> "Converter":
    from slo.convert.openslo import to_openslo
    from slo.convert.pyrra import to_pyrra
    from slo.convert.sloth import to_sloth

    return {To.OPENSLO: to_openslo, To.SLOTH: to_sloth, To.PYRRA: to_pyrra}[to]


def _moved(source: DataSource, folder: Path) -> DataSource:
    """A DataSource whose files are named as seen from the folder that it is written to."""
    named = {key: getattr(source, key) for key in _FILES}
    seen: dict[str, Any] = {
        key: os.path.relpath(name, folder)
        for key, name in named.items()
        if name and not Path(name).is_absolute()
    }
    return replace(source, mark=None, **seen)


def _files(documents: Sequence["Document"], out: Path | None) -> dict[Path, str]:
    """The text of each file to write."""
    from slo.convert.text import stem

    if out is None:
        return {}
    if is_file(out):
        return {out: _text(documents)}
    members: dict[Path, list[Document]] = {}
    for document in documents:
        members.setdefault(out / f"{stem(document)}.yaml", []).append(document)
    return {path: _text(found) for path, found in members.items()}


def _spare_read(files: Iterable[Path], config: "Config") -> None:
    """Refuse to write over what was read: it says more than its conversion."""
    marks = [watch.slo.mark for watch in config.watches.values()]
    marks += [service.mark for service in config.services.values()]
    marks += [source.mark for source in config.sources.values()]
    known = {Path(mark.path).resolve() for mark in marks if mark is not None}
    for path in files:
        if path.resolve() in known:
            raise CannotRun(f"{path}: error: was read and would be lost: write to another folder")


def _text(documents: Iterable["Document"]) -> str:
    from slo.convert.text import stream

    return stream(documents)


def _facts(converted: "Converted") -> dict[str, object]:
    losses = [_loss(loss) for loss in converted.losses]
    return {"documents": list(converted.documents), "losses": losses}


def _loss(loss: "Loss") -> dict[str, object]:
    mark = loss.mark
    return {
        "slo": loss.slo,
        "what": loss.what,
        "why": loss.why,
        "converted": not loss.whole,
        "path": mark.path if mark else None,
        "line": mark.line if mark else None,
        "col": mark.col if mark else None,
    }
