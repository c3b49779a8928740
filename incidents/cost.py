"""What an incident cost, in words: the same on its page, its timeline and the command line."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from slo import windows

Row = Mapping[str, Any]

MOST_SLOS: Final = 3  # that are named of an incident about a whole service
_WELL: Final = 0.9  # measured of a window, below which its budget is one of little traffic
_MARKS: Final = {"events": "requests", "slices": "slices"}


def said(row: Row) -> str:
    """One line of an incident's columns and its `impact`; empty before anything was looked at."""
    found = row["impact"]
    if "reasons" not in found:
        return ""
    return "; ".join([*_of_slos(row, found), _down(row)])


def notes(row: Row) -> list[str]:
    """What to know about these figures: what is missing, estimated, or was taken out."""
    found = row["impact"]
    if "reasons" not in found:
        return []
    shown = [f"{one[0].upper()}{one[1:]}" for one in found["reasons"]]
    coverage = found.get("coverage")
    if coverage is not None and coverage < 0.9995:
        floor = "" if found["covered"] else ", which is below the floor of its policy"
        shown.append(f"{coverage * 100:.1f} % of the time was measured{floor}")
    seen = found.get("window_coverage", 1.0)
    if row["budget_burned"] and seen < _WELL:
        of = f"of its window of {found['window']}, {percent(seen)} was measured"
        shown.append(f"The budget is that of the traffic seen: {of}")
    if found.get("estimated"):
        shown.append(f"Estimated: {found['estimated']}")
    if found.get("excluded_bad"):
        shown.append(f"{_count(found['excluded_bad'])} more failed in planned or corrected time")
    if found.get("corrected_seconds"):
        shown.append(f"{lasted(found['corrected_seconds'])} of downtime were taken out afterwards")
    return shown


def _of_slos(row: Row, found: Row) -> Iterator[str]:
    if "slos" not in found:
        yield _budget(row["budget_burned"], found.get("window", ""))
        yield _failed(row["bad_events"], row["traffic_share"], found)
        return
    burned = [one for one in found["slos"] if one["budget_burned"]]
    for one in sorted(burned, key=lambda one: -one["budget_burned"])[:MOST_SLOS]:
        yield f"{one['sli']}: {_budget(one['budget_burned'], one['window'])}"


def _budget(burned: float | None, window: str) -> str:
    if burned is None:
        return "budget unknown"
    return f"{percent(burned)} of the {window} budget"


def _failed(bad: int | None, share: float | None, found: Row) -> str:
    what, total = _MARKS[found.get("counts", "events")], found.get("total")
    if bad is None or total is None:
        return f"failed {what} unknown" if share is None else f"{percent(share)} of {what} failed"
    part = f" ({percent(share)})" if share is not None else ""
    return f"{_count(bad)} of {_count(total)} {what} failed{part}"


def _down(row: Row) -> str:
    if row["downtime_s"] is None:
        return "downtime unknown"
    planned = row["planned_downtime_s"] or 0.0
    return f"down {lasted(row['downtime_s'])}, planned {lasted(planned)}"


def lasted(seconds: float) -> str:
    """A length to the second."""
    return windows.show(float(round(seconds)))


def percent(ratio: float) -> str:
    """With as many digits as tell a small share from none."""
    hundredths = ratio * 100.0
    exact = f"{hundredths:.1f}" if hundredths >= 1.0 or not hundredths else f"{hundredths:.2g}"
    return f"{exact} %"


def _count(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"
