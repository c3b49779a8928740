"""What a review can say from the record alone, as Markdown; the same record gives the same words.
Pure.

Facts are the record as `vigie.views.records.recorded` gives it: times in RFC 3339, ratios 0..1.
What nobody measured is said to be unknown. Words of people stand in code spans.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from incidents.quoting import code
from slo import windows

Facts = Mapping[str, Any]

MOST: Final = 60  # lines of one section
# The turns of an incident; not every page, step and task.
_TURNS: Final = frozenset(
    {"opened", "upgraded", "relapsed", "recovered", "acknowledged", "resolved", "status_set"}
    | {"reopened", "escalated", "merged", "split", "team_called", "run_started", "run_finished"}
    | {"severity_set", "page_failed", "update_sent", "automated", "confirmed"}
    | {"response_breached", "resolution_breached"}
)
_TOLD: Final = frozenset({"commented"})  # by people, while it lasted
_SHOWN: Final = 240  # characters of an entry
_MACHINE: Final = "machine"


def drafted(facts: Facts) -> dict[str, str]:
    """The sections that the record fills, by name; the others are for people to write."""
    makers: Mapping[str, Callable[[Facts], Iterator[str]]] = {
        "summary": _summary,
        "impact": _impact,
        "detection": _detection,
        "timeline": _timeline,
        "responders": _responders,
        "pages": _pages,
        "runs": _runs,
        "changes": _changes,
    }
    return {name: _bounded(list(make(facts))) for name, make in makers.items()}


def offered(facts: Facts) -> dict[str, list[str]]:
    """Facts for the sections that people write, each a line in plain words."""
    return {
        "factors": list(_factor_hints(facts)),
        "went_well": [said for well, said in _judged(facts) if well],
        "went_badly": [said for well, said in _judged(facts) if not well],
        "lucky": list(_lucky(facts)),
        "root_cause": list(_trigger_hint(facts)),
    }


def trigger(facts: Facts) -> Facts | None:
    """The likely trigger: the last change that had finished when it began; None: none is known."""
    onset = facts["incident"]["started_at"]
    over = [one for one in facts["changes"] if one["finished_at"] and one["finished_at"] <= onset]
    return max(over, key=lambda one: (one["finished_at"], one["number"]), default=None)


# -- sections -----------------------------------------------------------------------------------


def _summary(facts: Facts) -> Iterator[str]:
    row = facts["incident"]
    where = f" of {code(row['service'])}" if row["service"] else ""
    begun = f"{code(row['title'])} ({row['severity']}, {row['priority']}){where} began at"
    lasted = _between(row["started_at"], _end(row))
    ended = f"and lasted {lasted}" if lasted else "and is not known to be over"
    by = "Vigie" if row["detected_by"] == _MACHINE else code(row["reporter"])
    noticed = f"{by} noticed it after {_between(row['started_at'], row['detected_at'])}"
    yield " ".join(
        (f"{begun} {_time(row['started_at'])} {ended}.", f"{noticed}; {_answer(row)}.", *_over(row))
    )


def _answer(row: Facts) -> str:
    if not row["acknowledged_at"]:
        return "nobody acknowledged it"
    after = _between(row["opened_at"], row["acknowledged_at"])
    return f"{code(row['acknowledged_by'] or 'somebody')} acknowledged it {after} later"


def _over(row: Facts) -> Iterator[str]:
    if row["resolved_at"]:
        by = code(row["resolved_by"] or "somebody")
        yield f"{by} resolved it at {_time(row['resolved_at'])}."
    if row["resolution"]:
        yield f"What ended it: {code(row['resolution'])}."


def _impact(facts: Facts) -> Iterator[str]:
    row, total = facts["incident"], facts["impact"].get("total")
    burned, share, bad = row["budget_burned"], row["traffic_share"], row["bad_events"]
    window = facts["impact"].get("window")
    of = f" of the {window} budget" if window else " of the budget"
    yield f"- Error budget burned: {_unknown(burned, lambda v: _percent(v) + of)}"
    failed = _unknown(bad, lambda v: f"{v:,}" + (f" of {total:,.0f}" if total else ""))
    yield f"- Bad events: {failed}"
    yield f"- Share of traffic: {_unknown(share, _percent)}"
    yield f"- Users affected: {_unknown(row['users_affected'], lambda v: f'{v:,}')}"
    yield f"- Downtime: {_unknown(row['downtime_seconds'], _lasted)}"
    yield f"- Planned downtime, apart: {_unknown(row['planned_downtime_seconds'], _lasted)}"
    if row["affected"]:
        yield f"- Also affected: {', '.join(map(code, row['affected']))}"
    yield from (f"- {code(note)}" for note in facts["cost_notes"])


def _detection(facts: Facts) -> Iterator[str]:
    row = facts["incident"]
    took = _between(row["started_at"], row["detected_at"])
    if row["detected_by"] != _MACHINE:
        yield f"Reported by a person, {code(row['reporter'])}, {took} after it began."
        return
    yield f"Found by Vigie (`{row['type']}`), {took} after it began."
    # What it is now says how it ended; the first entry says what was seen when it began.
    seen = (e["data"].get("detail") for e in facts["timeline"] if e["kind"] == "opened")
    detail = next(seen, None) or facts["detail"]
    fired = [arm for arm in detail.get("arms", ()) if arm["state"] == "firing"]
    for arm in fired:
        lengths = f"{arm['long']['window']}/{arm['short']['window']}"
        at = f"{arm['burn_threshold']:g}x"
        yield f"- Arm {code(arm['name'])} ({arm['kind']}, {lengths}) fires at {at}"


def _timeline(facts: Facts) -> Iterator[str]:
    end = facts["incident"]["resolved_at"]
    entries = sorted(facts["timeline"], key=lambda e: (e["occurred_at"], e["position"]))
    for entry in entries:
        while_it_lasted = end is None or entry["occurred_at"] <= end
        if entry["kind"] not in _TURNS and not (entry["kind"] in _TOLD and while_it_lasted):
            continue
        if entry["data"].get("to") == "review":  # that is this
            continue
        corrections = entry["corrections"]
        said = corrections[-1]["text"] if corrections else entry["text"]
        mark = " (corrected)" if corrections else ""
        yield f"- {_time(entry['occurred_at'])} {code(_short(said))}{mark}"


def _responders(facts: Facts) -> Iterator[str]:
    held = facts["people"].get("history", ())
    for one in held:
        until = _time(one["until"]) if one["until"] else "the end"
        part = one["part"].replace("_", " ")
        yield f"- {code(one['name'])}, {part}: {_time(one['since'])} to {until}"
    if not held:
        yield "Nobody took a part."


def _pages(facts: Facts) -> Iterator[str]:
    for one in facts["deliveries"]:
        again = f", attempt {one['attempt']}" if one["attempt"] > 1 else ""
        why = f" ({code(_short(one['detail']))})" if one["outcome"] != "delivered" else ""
        told = f"{one['kind']} to {code(one['channel'])}{again}"
        yield f"- {_time(one['at'])} {told}: {one['outcome']}{why}"
    if not facts["deliveries"]:
        yield "Nobody was told."
    row = facts["incident"]
    yield f"- {'Answered: ' if row['acknowledged_at'] else 'Not answered: '}{_answer(row)}"


def _runs(facts: Facts) -> Iterator[str]:
    for run in facts["runs"]:
        took = _between(run["started_at"], run["finished_at"])
        after = f" after {took}" if took else ""
        yield f"- {code(run['title'])} ({run['mode']}): {run['state']}{after}"
        for step in run["steps"]:
            if step["state"] == "failed":
                yield f"  - failed: {code(step['title'])}"
    if not facts["runs"]:
        yield "No runbook ran."


def _changes(facts: Facts) -> Iterator[str]:
    found = trigger(facts)
    if found is not None:
        before = _between(found["finished_at"], facts["incident"]["started_at"])
        yield f"Likely trigger: {code(found['title'])}, finished {before} before it began."
        yield ""
    for one in facts["changes"]:
        by = f" by {code(one['actor'])}" if one["actor"] else ""
        what = f"{one['kind']} {code(one['title'])}{by}"
        yield f"- {_time(one['started_at'])} {what}: {one['status']}"
    if not facts["changes"]:
        yield "No change is known from the time before it began."


# -- what is offered ----------------------------------------------------------------------------


def _factor_hints(facts: Facts) -> Iterator[str]:
    for one in facts["detail"].get("contributors", ()):
        labels = ", ".join(f"{name}={value}" for name, value in sorted(one["labels"].items()))
        share = f"{_percent(one['share'])} of the failures" if one.get("share") else "failures"
        yield f"{share} had {labels}"
    if facts["labels"]:
        labels = ", ".join(f"{name}={value}" for name, value in sorted(facts["labels"].items()))
        yield f"it has the labels {labels}"
    for one in facts["links"]:
        if one["incident"] and one["words"] in ("caused by", "duplicate of", "has the problem"):
            yield f"{one['words']} #{one['ref']}"


def _trigger_hint(facts: Facts) -> Iterator[str]:
    found = trigger(facts)
    if found is not None:
        yield f"the last change before it began: {found['kind']} {found['title']}"


def _judged(facts: Facts) -> Iterator[tuple[bool, str]]:
    row = facts["incident"]
    for promise in ("response", "resolution"):
        met = row[f"{promise}_met"]
        if met is not None:
            due = _time(row[f"{promise}_due_at"])
            yield met, f"the {promise} target ({due}) was {'met' if met else 'missed'}"
    if row["acknowledged_at"]:
        took = _between(row["opened_at"], row["acknowledged_at"])
        yield row["response_met"] is not False, f"it was acknowledged after {took}"
    else:
        yield False, "nobody acknowledged it"
    yield (
        row["detected_by"] == _MACHINE,
        (
            "it was found by measurement"
            if row["detected_by"] == _MACHINE
            else "a person had to report it: no measurement found it"
        ),
    )
    yield from _judged_work(facts)


def _judged_work(facts: Facts) -> Iterator[tuple[bool, str]]:
    for run in facts["runs"]:
        if run["state"] in ("done", "failed"):
            yield run["state"] == "done", f"the runbook {run['title']}: {run['state']}"
    failed = sum(one["outcome"] != "delivered" for one in facts["deliveries"])
    if failed:
        yield False, f"{failed} of {len(facts['deliveries'])} deliveries failed"
    relapses = sum(entry["kind"] == "relapsed" for entry in facts["timeline"])
    if relapses:
        yield False, f"it came back {relapses} {'time' if relapses == 1 else 'times'}"
    if facts["incident"]["reopened"]:
        yield False, "it was opened again after it was said to be over"


def _lucky(facts: Facts) -> Iterator[str]:
    row = facts["incident"]
    if row["recovered_at"] and (
        not row["acknowledged_at"] or row["recovered_at"] < row["acknowledged_at"]
    ):
        yield "it recovered before anybody acknowledged it"
    share = row["traffic_share"]
    if share is not None and 0 < share < 0.5:
        yield f"{_percent(1 - share)} of the traffic was spared"


# -- words --------------------------------------------------------------------------------------


def _end(row: Facts) -> str | None:
    """When the impact was over: measured, else as people said."""
    found: str | None = row["recovered_at"] or row["mitigated_at"] or row["resolved_at"]
    return found


def _time(at: str) -> str:
    return f"{at[:10]} {at[11:19]} UTC"


def _between(start: str | None, end: str | None) -> str:
    """How long it was; empty where an end is not known."""
    if not start or not end:
        return ""
    return _lasted((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())


def _lasted(seconds: float) -> str:
    return windows.show(float(round(max(seconds, 0.0))))


def _unknown(value: Any, shown: Callable[[Any], str]) -> str:
    return "unknown" if value is None else shown(value)


def _percent(ratio: float) -> str:
    percent = ratio * 100.0
    return f"{percent:.1f} %" if percent >= 1.0 or not percent else f"{percent:.2g} %"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else f"{flat[:_SHOWN]}..."


def _bounded(lines: Sequence[str]) -> str:
    """The first so many lines, and how many more there are."""
    if len(lines) <= MOST:
        return "\n".join(lines)
    return "\n".join((*lines[:MOST], f"- and {len(lines) - MOST} more, in the record"))
