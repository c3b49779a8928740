"""The chart of an SLO: from values to SVG that is there without JavaScript.

Where things lie is decided in chart_scale, what is said in chart_words. Colours are those of
app.css, by class.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from vigie.store.changes import Stored
from vigie.views.history import Bucket, Spell, Story
from vigie.web.chart_scale import (
    LETTER_PX,
    MARK_PX,
    PHONE_PX,
    PLOT_H,
    Scale,
    called,
    clusters,
    lanes,
    levels,
    middle,
    over,
    scale_of,
    ticks,
    unknown,
)
from vigie.web.chart_words import (
    NAMES,
    Mark,
    change_said,
    lasted,
    legend,
    marks,
    ratio,
    reading,
    summary,
    web_only,
)

LANE_H: Final = 18  # of one row of incidents
TRAFFIC_H: Final = 26
_TOP: Final = 24  # changes stand above the plot
_GAP: Final = 10
_LEAST: Final = 0.6  # percent: what was short is seen all the same
_WIDTH: Final = 1000  # of paths: they are stretched to whatever there is


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: the figure, the same in words, what its colours mean, what to read below it."""

    svg: Markup
    summary: str
    legend: tuple[tuple[str, str], ...]  # class and meaning of what is in it
    marks: tuple[Mark, ...]

    def label_of(self, number: int) -> str:
        """What the chart calls a change; empty where it isn't in it."""
        return next((one.label for one in self.marks if one.number == number), "")


def draw(story: Story) -> Chart:
    """The chart of a story."""
    told = summary(story)
    return Chart(_svg(story, scale_of(story), told), told, tuple(legend(story)), marks(story))


# -- the figure ---------------------------------------------------------------------------------


def _svg(story: Story, scale: Scale, told: str) -> Markup:
    rows = lanes(story.happened.incidents, scale)
    traffic_y = _TOP + PLOT_H + _GAP
    lanes_y = traffic_y + TRAFFIC_H + (_GAP if rows else 0)
    axis_y = lanes_y + len(rows) * LANE_H
    parts = [
        _PATTERN,
        *_bands(story, scale),
        *_axis(story, scale),
        *_ticks(scale, axis_y),
        _paths(story, scale),
        _traffic(story, scale, traffic_y),
        _readings(story, scale, traffic_y + TRAFFIC_H - _TOP),
        *_changes(story.happened.changes, scale, traffic_y + TRAFFIC_H),
        *_incidents(rows, scale, lanes_y),
        *_named(story, scale),
    ]
    head = Markup('<svg class="plot" height="{}" role="group" aria-label="{}">')
    return head.format(axis_y + 24, f"SLI of {story.slo}. {told}") + Markup("").join(parts) + _END


_END: Final = Markup("</svg>")
_PATTERN: Final = Markup(
    '<defs><pattern id="unmeasured" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><path class="hatch" d="M0 0V6"/></pattern></defs>'
)


def _bands(story: Story, scale: Scale) -> Iterator[Markup]:
    """What lies behind the figures: outages, time that does not count, time not measured."""
    for kind, spells in (("excluded", story.happened.excluded), ("outage", story.happened.outages)):
        for one in spells:
            if (one.end is None or one.end > scale.start) and one.start < scale.end:
                left = scale.x(one.start)
                said = f"{NAMES[kind]}, {lasted(one)}: {one.text}"
                yield _band(kind, left, over(one, scale) - left, said)
    for start, end in unknown(story.buckets):
        left, width = scale.x(start), scale.x(end) - scale.x(start)
        hatched = Markup('<g fill="url(#unmeasured)">{}</g>')  # a file of styles can't name it
        yield hatched.format(_rect((left, width), (_TOP, PLOT_H), "gap"))
        if width / 100 * PHONE_PX > len(NAMES["gap"]) * LETTER_PX:
            yield _text(left + width / 2, _TOP + PLOT_H / 2, NAMES["gap"], "inside middle")


def _band(kind: str, left: float, width: float, said: str) -> Markup:
    inside = Markup("<title>{}</title>").format(said)
    across = (left, max(width, 0.15))
    whole, edge = _rect(across, (_TOP, PLOT_H), "band"), _rect(across, (_TOP, 3), "edge")
    return Markup('<g class="{}">{}{}{}</g>').format(kind, inside, whole, edge)


def _axis(story: Story, scale: Scale) -> Iterator[Markup]:
    named = _named_by(scale, story.objective)
    for level, words in levels(scale.floor):
        y = _TOP + scale.y(level)
        yield Markup('<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(_n(y))
        yield _text(0, y + 4, words, "level kept" if level == named else "level", dx=-8)
    y = _TOP + scale.y(story.objective)
    yield Markup('<line class="objective" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(_n(y))


def _named_by(scale: Scale, objective: float) -> float | None:
    """The level of the axis that is the objective."""
    return next((one for one, _ in levels(scale.floor) if math.isclose(one, objective)), None)


def _ticks(scale: Scale, y: float) -> Iterator[Markup]:
    for at, words, stays in ticks(scale.start, scale.end):
        x = scale.x(at)
        kind = "tick" if stays else "tick minor"
        yield Markup('<line class="{0}" x1="{1}%" x2="{1}%" y1="{2}" y2="{3}"/>').format(
            kind, _n(x), _TOP, _n(y + 4)
        )
        yield _text(x, y + 18, words, f"{kind} {'end' if x > 97 else 'middle'}")
    yield _text(0, y + 18, "UTC", "level", dx=-8)


def _paths(story: Story, scale: Scale) -> Markup:
    """The SLI as steps, red where it is below the objective, bold where it leaves the axis."""
    objective, step, breach, cut = scale.y(story.objective), "", "", ""
    before: Bucket | None = None
    for one in story.buckets:
        if one.sli is None:
            before = None
            continue
        left, right, y = _px(scale, one.start), _px(scale, one.end), _n(scale.y(one.sli))
        joined = before is not None and before.end >= one.start
        step += f"V{y}H{right}" if joined else f"M{left} {y}H{right}"
        if one.sli < story.objective:
            breach += f"M{left} {_n(objective)}H{right}V{y}H{left}Z"
        if one.sli < scale.floor:
            cut += f"M{left} {_n(scale.y(0.0))}H{right}"
        before = one
    drawn = (("breach", breach), ("sli", step), ("cut", cut))
    return _stretched(_TOP, PLOT_H, ((kind, d) for kind, d in drawn if d))


def _named(story: Story, scale: Scale) -> Iterator[Markup]:
    """The objective, where the axis doesn't name it; the lowest value, where it lies below."""
    if _named_by(scale, story.objective) is None:
        y = _TOP + scale.y(story.objective)
        below = y + 15 if y + 22 < _TOP + PLOT_H else y - 6
        yield _text(0, below, f"objective {ratio(story.objective)}", "inside kept", dx=6)
    below_it = [(s, one) for one in story.buckets if (s := one.sli) is not None and s < scale.floor]
    if below_it:
        lowest, worst = min(below_it, key=lambda one: one[0])
        x = scale.x((worst.start + worst.end) / 2)
        side = "end" if x > 50 else "start"
        said = f"down to {ratio(lowest)}"
        yield _text(x, _TOP + PLOT_H - 9, said, f"inside worst {side}", dx=-8 if x > 50 else 8)


def _traffic(story: Story, scale: Scale, y: float) -> Markup:
    """How many events there were, as high as there were many in a second."""
    rates = [(one.total or 0.0) / max(one.end - one.start, 1.0) for one in story.buckets]
    most = max(rates, default=0.0)
    path = "".join(
        f"M{_px(scale, one.start)} {TRAFFIC_H}V{_n(TRAFFIC_H * (1 - rate / most))}"
        f"H{_px(scale, one.end)}V{TRAFFIC_H}Z"
        for one, rate in zip(story.buckets, rates, strict=True)
        if rate > 0.0
    )
    label = _text(0, y + TRAFFIC_H - 2, "events", "level", dx=-8)
    return label + (_stretched(y, TRAFFIC_H, [("traffic", path)]) if path else Markup(""))


def _readings(story: Story, scale: Scale, height: float) -> Markup:
    """What a pointer that rests on a bucket is told. Most of the markup: so it is put together as
    text, which is several times faster.
    """
    told = []
    for one in story.buckets:
        left = scale.x(one.start)
        place = f'x="{_n(left)}%" width="{_n(scale.x(one.end) - left)}%"'
        told.append(f'<rect {place} height="100%"><title>{escape(reading(one))}</title></rect>')
    inside = Markup("".join(told))  # noqa: S704 - numbers, and words that were escaped
    return Markup('<svg class="readings" y="{}" width="100%" height="{}">{}</svg>').format(
        _TOP, _n(height), inside
    )


def _changes(changes: Sequence[Stored], scale: Scale, foot: float) -> Iterator[Markup]:
    at = [scale.x(one.change.started_at) for one in changes]
    for place in at:
        yield Markup('<line class="change" x1="{0}%" x2="{0}%" y1="20" y2="{1}"/>').format(
            _n(place), _n(foot)
        )
    for first, last in clusters(at):
        label, some = called(first, last), changes[first : last + 1]
        said = "; ".join(change_said(one) for one in some)
        url = web_only(some[0].change.url) if len(some) == 1 else ""
        width = len(label) * LETTER_PX + 6
        yield Markup(
            '<a class="change" href="{}" rel="noreferrer"><title>{}</title>'
            '<svg x="{}%" y="2">'
            '<rect x="{}" width="{}" height="18" rx="3"/>'
            '<text class="middle" y="13.5">{}</text></svg></a>'
        ).format(
            url or f"#change-{some[0].number}",
            f"Change {label}: {said}",
            _n(middle(at, (first, last))),
            _n(-width / 2),
            _n(width),
            label,
        )


def _incidents(rows: Sequence[Sequence[Spell]], scale: Scale, top: float) -> Iterator[Markup]:
    for index, row in enumerate(rows):
        y = top + index * LANE_H
        for place, one in enumerate(row):
            left = min(scale.x(one.start), 100.0 - _LEAST)
            right = max(over(one, scale), left + _LEAST)
            free = scale.x(row[place + 1].start) if place + 1 < len(row) else 100.0
            label = one.text.partition(" ")[0]
            said = f"Incident {one.text}, {lasted(one)}"
            yield Markup('<a class="incident {}" href="{}"><title>{}</title>').format(
                one.tone, one.url, said, said
            )
            yield _rect((left, right - left), (y, LANE_H - 4), "lasting")
            px = (len(label) * LETTER_PX + MARK_PX) / PHONE_PX * 100
            if right - left > px:
                yield _text(left, y + 11, label, "within", dx=5)
            elif free - right > px:
                yield _text(right, y + 11, label, "beside", dx=4)
            elif left - (over(row[place - 1], scale) if place else 0.0) > 2 * px:
                yield _text(left, y + 11, label, "beside end", dx=-4)
            yield Markup("</a>")


# -- markup -------------------------------------------------------------------------------------


def _stretched(y: float, height: int, paths: Iterable[tuple[str, str]]) -> Markup:
    """Paths whose width is that of the chart, whatever it is."""
    drawn = (Markup('<path class="{}" d="{}"/>').format(kind, d) for kind, d in paths)
    return Markup(
        '<svg y="{}" width="100%" height="{}" viewBox="0 0 {} {}" preserveAspectRatio="none"'
        ' aria-hidden="true">{}</svg>'
    ).format(_n(y), height, _WIDTH, height, Markup("").join(drawn))


def _rect(across: tuple[float, float], down: tuple[float, float], kind: str) -> Markup:
    """`across` is where it begins and how wide it is, `down` the same in pixels."""
    return Markup('<rect x="{}%" width="{}%" y="{}" height="{}" class="{}"/>').format(
        *map(_n, (*across, *down)), kind
    )


def _text(x: float, y: float, words: str, kind: str, dx: float = 0.0) -> Markup:
    return Markup('<text class="{}" x="{}%" y="{}" dx="{}">{}</text>').format(
        kind, _n(x), _n(y), _n(dx), words
    )


def _px(scale: Scale, at: float) -> str:
    return _n(scale.x(at) * _WIDTH / 100.0)


def _n(value: float) -> str:
    """A number of the markup, to a hundredth. ValueError: it is none."""
    if not math.isfinite(value):
        raise ValueError(f"{value} has no place in a chart")
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"
