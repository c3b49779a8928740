"""`vigie slo diff`: what would change if these files took the place of those."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from slo.load.yaml import LoadError
from vigie.cli.ending import CannotRun
from vigie.cli.lint import read
from vigie.cli.output import Format, FormatOption, lines
from vigie.cli.output import facts as print_facts

if TYPE_CHECKING:
    from slo.diff import Difference
    from slo.spec import SloId
    from vigie.config import Config

_SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}
# Values that may hold a password or a token: webhooks have theirs in the address.
_OF_SOURCES: Final = ("headers",)
_OF_CHANNELS: Final = ("secret", "url")


def diff(
    old: Annotated[Path, typer.Argument(help="A file or folder as it was.")],
    new: Annotated[Path, typer.Argument(help="A file or folder as it will be.")],
    *,
    output: FormatOption = Format.TEXT,
) -> None:
    """Say what would change: SLOs, arms, policies, targets, channels. Exit 1 where they differ."""
    found = list(_differences(_read(old), _read(new)))
    if output is Format.JSON:
        print_facts({"items": [_item(one) for one in found]})
    else:
        lines(line for one in found for line in _lines(one))
    raise typer.Exit(int(bool(found)))


def _read(path: Path) -> "Config":
    """The files; as with any diff, one that can't be read is trouble and not a difference."""
    try:
        return read([path])
    except LoadError as error:
        raise CannotRun("\n".join(map(str, error.problems))) from error


def _differences(old: "Config", new: "Config") -> "Iterator[Difference]":
    from slo.diff import Watched, of_slos, of_things

    def watched(config: "Config") -> "dict[SloId, Watched]":
        return {w.slo.id: Watched(w.slo, w.policy, w.arms) for w in config.watches.values()}

    def maintenance(config: "Config") -> dict[str, object]:
        return {window.name: window for window in config.maintenance}

    yield from of_slos(watched(old), watched(new))
    yield from of_things("service", old.services, new.services)
    yield from of_things("target", old.targets, new.targets)
    yield from of_things("datasource", old.sources, new.sources, _OF_SOURCES)
    yield from of_things("channel", old.channels, new.channels, _OF_CHANNELS)
    yield from of_things("maintenance", maintenance(old), maintenance(new))


def _item(one: "Difference") -> dict[str, object]:
    return {
        "kind": one.kind,
        "name": one.name,
        "change": one.how.value,
        "changes": [{"field": c.field, "old": c.old, "new": c.new} for c in one.changes],
        "history": None if one.history is None else one.history.value,
    }


def _lines(one: "Difference") -> Iterator[str]:
    history = "" if one.history is None else f": its history {one.history.value}"
    yield f"{_SIGNS[one.how.value]} {one.kind} {one.name}{history}"
    for change in one.changes:
        yield f"    {change.field}: {change.old or 'none'} -> {change.new or 'none'}"
