"""`vigie incident stats`: how many incidents, how fast, how well kept, and a month's summary."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import re
import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from vigie.cli.ending import CannotRun
from vigie.cli.output import facts, lines, table

Json = dict[str, Any]
_SPAN: Final = re.compile(r"[1-9][0-9]{0,4}[smhdw]")
_PHASES: Final = ("detect", "acknowledge", "mitigate", "recover", "resolve", "between")


class StatsFormat(StrEnum):
    """How figures are printed; a summary as CSV is none."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


class By(StrEnum):
    """What incidents are grouped by; the same as vigie.views.stats.By."""

    SERVICE = "service"
    TEAM = "team"
    CATEGORY = "category"
    SUBCATEGORY = "subcategory"
    PRIORITY = "priority"
    SEVERITY = "severity"
    CAUSE = "cause"
    TYPE = "type"
    WEEK = "week"
    MONTH = "month"


def stats(  # noqa: PLR0917 - typer's options, in the order of --help
    context: typer.Context,
    by: Annotated[By, typer.Option(help="What they are grouped by.")] = By.SERVICE,
    since: Annotated[str, typer.Option(help="A duration back from now, or a time.")] = "90d",
    until: Annotated[str | None, typer.Option(help="A time; default: now.")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Only these, e.g. priority=P1; may be repeated."),
    ] = None,
    summary: Annotated[
        str | None, typer.Option(metavar="MONTH", help="The summary of a month, e.g. 2026-11.")
    ] = None,
    output: Annotated[
        StatsFormat, typer.Option("--format", help="How it is printed.")
    ] = StatsFormat.TEXT,
) -> None:
    """Counts, times, targets kept and more of incidents, by one dimension and over time."""
    client = context.obj
    if summary is not None:
        _summary(client, summary, output)
        return
    query = {"by": by.value, "from": _time(since), **_only(only or [])}
    if until is not None:
        query["to"] = _time(until)
    path = f"/incidents/stats?{urlencode(query)}"
    if output is StatsFormat.CSV:
        _put(client.text(f"{path}&format=csv"))
        return
    found = client.get(path)
    if output is StatsFormat.JSON:
        facts(found)
        return
    lines(_whole(found))
    _groups(found)


def _summary(client: Any, month: str, output: StatsFormat) -> None:
    if output is StatsFormat.CSV:
        raise CannotRun("a summary is text or JSON: --format text or --format json")
    path = f"/incidents/stats/summary?{urlencode({'month': month})}"
    if output is StatsFormat.JSON:
        facts(client.get(path))
    else:
        _put(client.text(f"{path}&format=markdown"))


def _put(document: bytes) -> None:
    sys.stdout.buffer.write(document)
    sys.stdout.flush()


def _time(given: str) -> str:
    """RFC 3339 of a duration back from now or of a time; CannotRun."""
    if _SPAN.fullmatch(given):
        from slo import windows

        at = datetime.now(UTC) - timedelta(seconds=windows.parse(given))
        return at.isoformat(timespec="milliseconds")
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise CannotRun(f"`{given}` is no time: write e.g. 90d or 2026-11-01") from None
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).isoformat()


def _only(given: list[str]) -> dict[str, str]:
    """The filters; CannotRun for what is none."""
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or name not in {by.value for by in By if by not in (By.WEEK, By.MONTH)}:
            raise CannotRun(f"--only `{one}`: write NAME=VALUE, e.g. service=checkout")
        found[name] = value
    return found


def _whole(stats: Json) -> list[str]:
    """First how many and how it changed, then how fast, then how well kept."""
    of = stats["figures"]
    shown = [
        f"{stats['from']} to {stats['to']}",
        f"{of['count']} incidents, {of['open']} open, {of['count_before']} in the period before; "
        f"left out: {of['cancelled']} cancelled, {of['merged']} merged",
    ]
    for name in _PHASES:
        one = of["times"][name]
        spread = ((at, one[f"{at}_seconds"]) for at in ("median", "p90", "mean"))
        values = ", ".join(f"{at} {_length(seconds)}" for at, seconds in spread)
        shown.append(f"  {name:12} {values} (n {one['n']})")
    for name, kept in of["targets"].items():
        shown.append(f"  {name + ' met':15} {_kept(kept)}, {kept['pending']} pending")
    again, reopened, found = of["recurrence"], of["reopened"], of["detection"]
    shown += [
        f"  {'came again':15} {again['within_30d']} within 30d, {again['within_90d']} within 90d",
        f"  {'reopened':15} {reopened['count']} of {reopened['n']}",
        f"  {'found by':15} monitoring {found['machine']}, people {found['person']}",
    ]
    names = ("budget_burned", "bad_events", "downtime_seconds", "planned_downtime_seconds")
    shown += [f"  {name:24} {_known(of[name]['sum'])} (n {of[name]['n']})" for name in names]
    shown.append(f"  {'tasks overdue':24} {of['tasks']['overdue']} of {of['tasks']['left']} left")
    work = of["response"]
    cost = "" if work["cost"] is None else f", cost {work['cost']}"
    shown.append(f"  {'person_hours':24} {_known(work['person_hours'])} (n {work['n']}){cost}")
    return shown


def _groups(stats: Json) -> None:
    head = (stats["by"], "count", "before", "acknowledge", "n", "resolve", "n", "response_met")
    rows = []
    for one in stats["groups"]:
        acknowledge, resolve = one["times"]["acknowledge"], one["times"]["resolve"]
        rows.append(
            [
                "(none)" if one["key"] is None else one["key"],
                str(one["count"]),
                str(one["count_before"]),
                _length(acknowledge["median_seconds"]),
                str(acknowledge["n"]),
                _length(resolve["median_seconds"]),
                str(resolve["n"]),
                _kept(one["targets"]["response"]),
            ]
        )
    if rows:
        lines([""])
        table(head, rows)
    if stats["groups_left_out"]:
        lines([f"and {stats['groups_left_out']} more"])


def _kept(kept: Json) -> str:
    return f"{kept['met']} of {kept['n']}" if kept["n"] else "no data"


def _known(value: float | None) -> str:
    return "no data" if value is None else f"{value:g}"


def _length(seconds: float | None) -> str:
    """The two largest units, as one word: `1h2m`."""
    if seconds is None:
        return "no data"
    left, parts = round(seconds), []
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2]) or "0s"
