"""Analytics as documents: CSV for spreadsheets, Markdown of a month for people."""

import csv
import io
from collections.abc import Iterator
from typing import Any, Final

from incidents.quoting import code
from vigie.views.export import cell
from vigie.views.shape import Object

_UNKNOWN: Final = "unknown"


def as_csv(stats: Object) -> str:
    """One row all together, one a group, one a step of time (`section` says which); columns are
    the names of the JSON, joined by `_`. What is unknown is empty.
    """
    rows = [{"section": "all", "key": "", **_flat(stats["figures"])}]
    rows += [{"section": stats["by"], **_flat(group)} for group in stats["groups"]]
    rows += [{"section": f"series {stats['every']}", **_flat(step)} for step in stats["series"]]
    head = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    table = csv.DictWriter(out, head, restval="", lineterminator="\r\n")
    table.writeheader()
    for row in rows:
        table.writerow({name: cell(value) for name, value in row.items()})
    return out.getvalue()


def _flat(facts: Object, prefix: str = "") -> Object:
    found: Object = {}
    for name, value in facts.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}_")
        else:
            found[prefix + name] = value
    return found


def as_markdown(summary: Object) -> str:
    """The summary of a month."""
    return "\n".join(_lines(summary)) + "\n"


def _lines(summary: Object) -> Iterator[str]:
    facts = summary["figures"]
    yield f"# Incidents of {summary['month']}"
    yield ""
    left_out = f"{facts['cancelled']} cancelled and {facts['merged']} merged ones left out"
    yield f"{facts['count']} incidents, {facts['open']} of them still open; {left_out}."
    if not summary["complete"]:
        yield ""
        yield "The month is not over."
    yield from ("", "## What to improve", "")
    for one in summary["improve"]:
        text = one["template"].format(**{k: code(v) for k, v in one["names"].items()})
        numbers = ", ".join(f"[#{n}](/incidents/{n})" for n in one["incidents"])
        yield f"- {text} [All]({one['url']}): {numbers}"
    if not summary["improve"]:
        yield "No rule found anything."
    yield from ("", "## What got worse most", "")
    for one in summary["worst"]:
        yield f"- **{one['title']}**: {_then_and_now(one)}. [Incidents]({one['url']})"
        for i in one["incidents"]:
            yield f"  - [#{i['number']}]({i['url']}) {code(i['title'])}"
    if not summary["worst"]:
        yield "Nothing got worse that is known of both months."
    yield from ("", "## This month and the one before", "")
    yield "| figure | this month | n | the month before | n | |"
    yield "|---|---:|---:|---:|---:|---|"
    for one in summary["compared"]:
        now, was = (_value(one[name], one["unit"]) for name in ("value", "before"))
        verdict = one["verdict"]
        yield f"| {one['title']} | {now} | {one['n']} | {was} | {one['before_n']} | {verdict} |"


def _then_and_now(one: Object) -> str:
    now, was = (_value(one[name], one["unit"]) for name in ("value", "before"))
    return f"{now} (n {one['n']}), {was} the month before (n {one['before_n']})"


def _value(value: Any, unit: str) -> str:
    if value is None:
        return _UNKNOWN
    match unit:
        case "ratio":
            return f"{100 * value:.1f} %"
        case "seconds":
            return lasting(value)
        case "budgets":
            return f"{value:.2f}"
        case _:
            return str(value)


def lasting(seconds: float) -> str:
    """The two largest units: 3725 -> `1 h 2 min`; under a second is `0 s`."""
    left, parts = round(seconds), []
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
