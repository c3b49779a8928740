"""The facts of a report as people read them: HTML, Markdown; and CSV and JSON for programs."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, Final

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined

from vigie.reports.facts import Object

_NONE: Final = "n/a"
_COLUMNS: Final = (
    "objective", "budgeting_method", "good", "bad", "total", "sli", "coverage", "budget_events",
    "budget_seconds", "budget_consumed", "budget_remaining", "estimated",
)  # fmt: skip


class ReportFormat(StrEnum):
    """How a report is written."""

    HTML = "html"
    MD = "md"
    JSON = "json"
    CSV = "csv"


def shown(facts: Object, output: ReportFormat) -> str:
    """A report as text; the same facts give the same text."""
    return _WAYS[output](facts)


def _json(facts: Object) -> str:
    return orjson.dumps(facts, option=orjson.OPT_INDENT_2).decode() + "\n"


def _html(facts: Object) -> str:
    return _environment().get_template("report.html").render(facts)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("vigie.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "percent": percent, "lasting": lasting, "events": events, "moment": moment
    }  # fmt: skip
    return environment


def _csv(facts: Object) -> str:
    """One row an SLO; its figures without what is excluded, then the SLI with it."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write(
        ["service", "slo", "from", "to", *_COLUMNS, "excluded_events", "sli_without_exclusions",
         "service_availability", "service_coverage", "service_downtime_counted_seconds",
         "sha256"]
    )  # fmt: skip
    for service in facts["services"]:
        for slo in service["slos"]:
            raw = slo["without_exclusions"]
            gone = None if slo["total"] is None else raw["total"] - slo["total"]
            of_service = ("availability", "coverage", "downtime_counted_seconds")
            tail = (gone, raw["sli"], *(service[name] for name in of_service))
            names = (service["service"], slo["slo"], slo["from"], slo["to"])
            values = [*map(_cell, names), *(_cell(slo[name]) for name in _COLUMNS)]
            write([*values, *map(_cell, tail), facts["sha256"]])
    return out.getvalue()


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return "" if value is None else value


# -- Markdown -----------------------------------------------------------------------------------


def _markdown(facts: Object) -> str:
    return "\n".join(_lines(facts)) + "\n"


def _lines(facts: Object) -> Iterator[str]:
    period = facts["period"]
    yield f"# Availability and error budgets, {period['name']}"
    yield ""
    yield f"{moment(period['from'])} to {moment(period['to'])}, {period['time_zone']}."
    if not period["complete"]:
        yield f"The period is not over: figures until {moment(period['until'])}."
    for service in facts["services"]:
        yield from _service(service)
    yield ""
    yield f"sha256 of the figures: `{facts['sha256']}`"


def _service(service: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield f"## {_escaped(service['service'])}"
    yield ""
    yield (
        f"Availability **{percent(service['availability'])}** "
        f"({percent(service['availability_without_exclusions'])} raw), measured "
        f"{percent(service['coverage'])} of the time, down "
        f"{lasting(service['downtime_counted_seconds'])}; planned "
        f"{lasting(service['downtime_planned_seconds'])}, corrected "
        f"{lasting(service['downtime_corrected_seconds'])}. Mean time between failures "
        f"{lasting(service['mtbf_seconds'])}, to recovery {lasting(service['mttr_seconds'])}."
    )
    head = ("SLO", "objective", "SLI", "good", "total", "coverage", "budget spent", "budget left")
    rows = [_row(slo) for slo in service["slos"]]
    yield from _table(head, rows)
    outages = [
        (moment(o["from"]), "ongoing" if o["ongoing"] else moment(o["to"]), lasting(o["seconds"]),
         lasting(o["planned_seconds"]), lasting(o["corrected_seconds"]))
        for o in service["outages"]
    ]  # fmt: skip
    yield from _table(("outage from", "to", "lasted", "planned", "corrected"), outages)
    exclusions = [
        (slo["slo"], x["kind"], moment(x["from"]), moment(x["to"]), events(x["good"]),
         events(x["total"]), x["by"], x["reason"])
        for slo in service["slos"]
        for x in slo["exclusions"]
    ]  # fmt: skip
    yield from _table(
        ("excluded of", "kind", "from", "to", "good", "total", "by", "reason"), exclusions
    )
    for slo in service["slos"]:
        yield from _notes(slo)


def _row(slo: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        slo["slo"],
        percent(slo["objective"]),
        f"{percent(slo['sli'])} ({percent(slo['without_exclusions']['sli'])} raw)",
        events(slo["good"]),
        events(slo["total"]),
        percent(slo["coverage"]),
        f"{percent(slo['budget_consumed'])} of {events(slo['budget_events'])} events, "
        f"{lasting(slo['budget_seconds'])}",
        percent(slo["budget_remaining"]),
    )


def _notes(slo: Mapping[str, Any]) -> Iterator[str]:
    name, window = _escaped(slo["slo"]), slo["calendar_window"]
    notes = []
    if slo["estimated"]:
        notes.append(f"{name}: estimated, for {slo['estimated']}.")
    if not slo["covered"]:
        notes.append(f"{name}: measured for {percent(slo['coverage'])} of the time only.")
    if slo["low_seconds"]:
        lasted, spells = lasting(slo["low_seconds"]), slo["low_spells"]
        notes.append(
            f"{name}: failing (under the policy's `down_below`) for {lasted}, in {spells} spells."
        )
    if window is not None:
        notes.append(
            f"{name}: calendar window {moment(window['from'])} to {moment(window['to'])}; left of "
            f"the budget {percent(window['budget_remaining_of_traffic_to_date'])} of traffic to "
            f"date, {percent(window['budget_remaining_of_expected_traffic'])} of expected traffic "
            f"({window['expected_from'].replace('_', ' ')})."
        )
    if notes:
        yield ""
        yield from (f"- {note}" for note in notes)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    yield ""
    for row in (head, ("---",) * len(head), *rows):
        yield "| " + " | ".join(map(_escaped, row)) + " |"


def _escaped(text: str) -> str:
    """Text of people inside Markdown: no table cell, link, emphasis or tag begins in it."""
    flat = " ".join(text.split())
    return "".join(f"\\{c}" if c in r"\|`*_[]<>#" else c for c in flat)


# -- how values are written ---------------------------------------------------------------------


def percent(ratio: float | None) -> str:
    """`99.9512 %`: up to four decimals, which five nines need."""
    if ratio is None:
        return _NONE
    text = f"{ratio * 100:.4f}".rstrip("0").rstrip(".")
    return f"{'0' if text == '-0' else text} %"


def lasting(seconds: float | None) -> str:
    """`2 h 05 min`, `43 min 12 s`, `3 d 4 h`: the two largest units."""
    if seconds is None:
        return _NONE
    left = round(seconds)
    parts: list[str] = []
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        number, left = divmod(left, size)
        if number or (unit == "s" and not parts):
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2])


def events(number: float | None) -> str:
    """Grouped by thousands; up to three decimals where there are any."""
    if number is None:
        return _NONE
    if isinstance(number, int):
        return f"{number:,}"
    text = f"{number:,.3f}"
    return text.rstrip("0").rstrip(".")


def moment(text: str) -> str:
    """A time of the facts to the minute, with its offset."""
    return text[:16].replace("T", " ") + text[19:]


_WAYS: Final[Mapping[ReportFormat, Callable[[Object], str]]] = {
    ReportFormat.HTML: _html,
    ReportFormat.MD: _markdown,
    ReportFormat.JSON: _json,
    ReportFormat.CSV: _csv,
}
