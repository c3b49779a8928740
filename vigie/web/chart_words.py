"""What the chart of an SLO says in words: its summary, its readings, what stands below it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from vigie.store.changes import Stored
from vigie.views.history import Bucket, Spell, Story
from vigie.views.shape import when
from vigie.web.chart_scale import called
from vigie.web.render import duration, number, percent

NAMES: Final = {
    "kept": "objective",
    "breach": "below the objective",
    "outage": "outage",
    "excluded": "does not count",
    "gap": "not measured",
    "change": "change",
    "incident": "incident",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands in the list below a chart. A change has a number, and the label that the chart
    gives it; `url` may lead anywhere on the web.
    """

    kind: str
    at: str
    text: str
    url: str
    lasted: str = ""
    label: str = ""
    number: int | None = None

    @property
    def id(self) -> str:
        return "" if self.number is None else f"change-{self.number}"

    @property
    def kind_name(self) -> str:
        return NAMES[self.kind]


def summary(story: Story) -> str:
    """What the chart shows, for those who don't see it."""
    known = [(one.sli, one) for one in story.buckets if one.sli is not None]
    if not known:
        return "No events are known of this time."
    missed = sum(1 for sli, _ in known if sli < story.objective)
    lowest, worst = min(known, key=lambda one: one[0])
    of = f"{len(known)} intervals of {duration(story.step_s)}"
    objective = ratio(story.objective)
    if not missed:
        said = f"{objective} or better in all {of}"
    else:
        said = f"Below {objective} in {missed} of {of}"
    said += f"; the lowest is {ratio(lowest)} at {_moment(worst.start)} UTC"
    unknown = sum(1 for one in story.buckets if one.total is None)
    return f"{said}; {duration(unknown * story.step_s)} not measured." if unknown else f"{said}."


def reading(bucket: Bucket) -> str:
    """One bucket in words."""
    times = f"{_moment(bucket.start)} to {_clock(bucket.end)} UTC"
    if bucket.total is None:
        return f"{times}: not measured"
    if bucket.sli is None:
        said = "nothing happened"
    else:
        said = f"{ratio(bucket.sli)} of {number(bucket.total)} events were good"
    missing = "" if bucket.coverage >= 0.995 else f", {percent(bucket.coverage, 0)} was measured"
    return f"{times}: {said}{missing}"


def legend(story: Story) -> Iterator[tuple[str, str]]:
    """Class and meaning of what is in a chart."""
    told = story.happened
    here = {
        "kept": True,
        "breach": any(o.sli is not None and o.sli < story.objective for o in story.buckets),
        "outage": bool(told.outages),
        "excluded": bool(told.excluded),
        "gap": any(one.total is None for one in story.buckets),
        "change": bool(told.changes),
        "incident": bool(told.incidents),
    }
    return ((kind, NAMES[kind]) for kind, is_here in here.items() if is_here)


def marks(story: Story) -> tuple[Mark, ...]:
    """What happened, in the order of time; changes by the labels that the chart gives them."""
    told, found = story.happened, list[tuple[float, Mark]]()
    for index, stored in enumerate(told.changes):
        at, url = stored.change.started_at, web_only(stored.change.url)
        text, label = change_said(stored), called(index, index)
        found.append((at, Mark("change", when(at), text, url, "", label, stored.number)))
    for kind, spells in (
        ("outage", told.outages),
        ("excluded", told.excluded),
        ("incident", told.incidents),
    ):
        for one in spells:
            lasts = "going on" if one.end is None else duration(one.end - one.start)
            mark = Mark(kind, when(one.start), one.text or NAMES[kind], one.url, lasts)
            found.append((one.start, mark))
    return tuple(mark for _, mark in sorted(found, key=lambda one: one[0]))


def change_said(stored: Stored) -> str:
    """A change in a few words."""
    change = stored.change
    version = change.version if change.version and change.version not in change.title else ""
    status = "" if change.status.value == "succeeded" else f", {change.status.value}"
    return " ".join(filter(None, (change.title, version))) + status


def lasted(spell: Spell) -> str:
    """When a spell was."""
    began = f"{_moment(spell.start)} UTC"
    if spell.end is None:
        return f"{began} until now"
    return f"{began} for {duration(spell.end - spell.start)}"


def web_only(url: str) -> str:
    """What comes from outside leads to the web only."""
    try:
        return url if urlsplit(url).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def ratio(value: float) -> str:
    """A ratio with as many digits as its distance from 1 has worth telling."""
    missing = (1.0 - value) * 100.0
    digits = 2 - math.floor(math.log10(missing)) if missing > 0.0 else 0
    return percent(value, min(max(digits, 1), 9))


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%b %d %H:%M}"


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M}"
