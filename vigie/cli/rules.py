"""`vigie slo rules`: SLOs as recording and alerting rules of a Prometheus."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slo import windows
from slo.load.codes import SERVING
from slo.load.yaml import LoadError, Problems, documents
from slo.spec import Format as SpecFormat
from slo.spec import Slo
from vigie.cli.check import Paths
from vigie.cli.ending import CannotRun
from vigie.cli.lint import read
from vigie.cli.out import is_file, write
from vigie.cli.output import say

if TYPE_CHECKING:
    from slo.rules.model import Made, Resource, Watched
    from slo.rules.periods import Catalog
    from vigie.config import Config, Watch


class Style(StrEnum):
    """How rules compute."""

    SLOTH = "sloth"
    EXACT = "exact"


class Shape(StrEnum):
    """What holds the rules."""

    PROMETHEUS = "prometheus"
    OPERATOR = "operator"


Labels = Annotated[
    list[str] | None,
    typer.Option("--extra-labels", "-l", metavar="K=V", help="On every rule; repeatable."),
]
PeriodOption = Annotated[
    str | None,
    typer.Option(
        "--default-slo-period",
        metavar="30d",
        help="Style sloth: the window of Sloth's own formats, which don't state one.",
    ),
]
WindowsOption = Annotated[
    Path | None,
    typer.Option(
        "--slo-period-windows-path",
        help="Style sloth: AlertWindows files in place of those for 28d and 30d.",
    ),
]


def rules(
    specs: Paths,
    *,
    style: Annotated[
        Style, typer.Option(help="Vigie's own rules, or those that Sloth would write.")
    ] = Style.EXACT,
    shape: Annotated[
        Shape, typer.Option("--format", help="A rule file, or PrometheusRule objects.")
    ] = Shape.PROMETHEUS,
    out: Annotated[
        Path | None,
        typer.Option(help="A .yaml file, or a folder for one file per service; else stdout."),
    ] = None,
    extra_labels: Labels = None,
    sloth_version: Annotated[
        str, typer.Option(help="Style sloth: the label sloth_version.")
    ] = "dev",
    period: PeriodOption = None,
    period_windows: WindowsOption = None,
) -> None:
    """Write SLOs as Prometheus rules: recordings of their figures, and alerts."""
    if style is Style.EXACT and (period is not None or period_windows is not None):
        raise CannotRun(
            "error: --default-slo-period and --slo-period-windows-path need --style sloth"
        )
    labels = dict(_pair(text) for text in extra_labels or ())
    config = read(specs, for_server=True)
    problems = Problems()
    if style is Style.SLOTH:
        catalog = _catalog(period_windows)
        period_s = None if period is None else _seconds(period)
        slos = [_over(watch.slo, period_s) for watch in config.watches.values()]
        made, owner = _sloth(slos, labels, sloth_version, catalog, problems)
    else:
        made, owner = _exact(config, labels, problems)
    if problems.errors:
        raise LoadError(problems.in_order())
    for warning in (*config.warnings, *problems.warnings):
        if warning.code not in SERVING:
            say(str(warning))
    from slo.rules.resources import resources

    header = f"# Made by vigie slo rules, style {style.value}; change the SLOs and run it again.\n"
    _give(resources(made, owner), shape, header, out)


Rules = tuple[Sequence["Made"], Mapping[str, str]]


def _sloth(
    slos: Sequence[Slo],
    labels: Mapping[str, str],
    version: str,
    catalog: "Catalog",
    problems: Problems,
) -> Rules:
    from slo.rules import sloth

    options = sloth.Options(labels, version, catalog)
    return sloth.rules(slos, options, problems), sloth.LABELS


def _exact(config: "Config", labels: Mapping[str, str], problems: Problems) -> Rules:
    from slo.rules import exact

    watched = [_watched(config, watch) for watch in config.watches.values()]
    return exact.rules(watched, labels, problems), exact.LABELS


def _watched(config: "Config", watch: "Watch") -> "Watched":
    from incidents.model import IncidentType
    from runbooks.match import matching
    from slo.rules.model import Watched

    slo = watch.slo
    fitting = matching(config.runbooks, IncidentType.SLO_BURN, slo.service, slo.name, slo.labels)
    return Watched(slo, watch.policy, watch.arms, tuple(book.name for book, _ in fitting))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name.isidentifier() and name.isascii() and equals):
        raise CannotRun(f"error: --extra-labels {text}: write name=value, such as cluster=north")
    return name, value


def _seconds(text: str) -> float:
    try:
        return windows.parse(text)
    except ValueError as error:
        raise CannotRun(f"error: --default-slo-period: {error}") from error


def _over(slo: Slo, period_s: float | None) -> Slo:
    """An SLO of Sloth's own formats over another window than 30d."""
    if period_s is None or slo.format not in (SpecFormat.SLOTH, SpecFormat.SLOTH_KUBERNETES):
        return slo
    return replace(slo, window_s=period_s)


def _catalog(path: Path | None) -> "Catalog":
    """The alert windows of a file or of a folder's files; the built-in ones without a path."""
    from slo.rules import periods
    from vigie.documents import SUFFIXES

    if path is None:
        return periods.CATALOG
    files = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES) if path.is_dir() else [path]
    problems = Problems()
    nodes = []
    for file in files:
        try:
            nodes += documents(file.read_text(encoding="utf-8"), str(file), problems)
        except (OSError, UnicodeDecodeError) as error:
            raise CannotRun(f"{file}: error: cannot be read: {error}") from error
    catalog = periods.read(nodes, problems)
    if problems.errors:
        raise LoadError(problems.in_order())
    if not catalog:
        raise CannotRun(f"{path}: error: there are no AlertWindows")
    return catalog


def _give(made: Sequence["Resource"], shape: Shape, header: str, out: Path | None) -> None:
    """Print, or write a file or a folder of files, each whole or not at all."""
    if out is None or is_file(out):
        files = {out: _text(made, shape, header)}
    else:
        files = {out / f"{_stem(one)}.yaml": _text([one], shape, header) for one in made}
    for path, text in files.items():
        if path is None:
            print(text, end="")
        else:
            write(path, text)


def _text(made: Sequence["Resource"], shape: Shape, header: str) -> str:
    from slo.rules import text

    if shape is Shape.OPERATOR:
        return text.manifests(made, header)
    return text.rule_file((group for one in made for group in one.groups), header)


def _stem(resource: "Resource") -> str:
    return f"{resource.namespace}-{resource.name}" if resource.namespace else resource.name
