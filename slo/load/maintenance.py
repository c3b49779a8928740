"""The kind `MaintenanceWindow`: planned work, once or again and again."""

from datetime import datetime

from slo.calendar import wall_clock, zone_of
from slo.exclusions import MAX_DURATION_S, MaintenanceWindow, check_recurrence
from slo.load.codes import Code
from slo.load.document import opened
from slo.load.yaml import Fields, Node, Problems
from slo.windows import show

_NEVER = wall_clock("1970-01-01")  # stands in for a start that could not be read


def read(node: Node, problems: Problems) -> MaintenanceWindow | None:
    """A `MaintenanceWindow` document."""
    before = len(problems.errors)
    with opened(node, problems) as document:
        spec = document.spec
        window = MaintenanceWindow(
            name=document.name,
            services=tuple(spec.texts("services")),
            slos=tuple(spec.texts("slos")),
            labels=spec.labels("labels"),
            start=_start(spec),
            duration_s=_duration(spec),
            zone=_zone(spec),
            recurrence=spec.text("recurrence", ""),
            owner=spec.text("owner"),
            reason=spec.text("reason"),
            mark=document.mark,
        )
        if not (window.services or window.slos or window.labels):
            message = (
                "this window selects nothing: name `services`, `slos` or `labels` that it is for"
            )
            problems.error(spec.node.mark, message, Code.MISSING_KEY)
        if len(problems.errors) == before:
            _check_recurrence(spec, window)
    return window if len(problems.errors) == before else None


def _start(spec: Fields) -> datetime:
    text = spec.text("start")
    try:
        return wall_clock(text) if text else _NEVER
    except ValueError as error:
        spec.problems.error(spec.mark("start"), f"`spec.start`: {error}", Code.BAD_TIME)
        return _NEVER


def _duration(spec: Fields) -> float:
    seconds = spec.duration("duration")
    if seconds > MAX_DURATION_S:
        message = (
            f"`spec.duration` is {show(seconds)}; a maintenance window lasts at most "
            f"{show(MAX_DURATION_S)}: what lasts longer is no exception any more"
        )
        spec.problems.error(spec.mark("duration"), message, Code.OUT_OF_BOUNDS)
    return seconds


def _zone(spec: Fields) -> str:
    name = spec.text("time_zone", "UTC")
    try:
        zone_of(name)
    except ValueError as error:
        spec.problems.error(spec.mark("time_zone"), f"`spec.time_zone`: {error}", Code.BAD_TIME)
        return "UTC"
    return name


def _check_recurrence(spec: Fields, window: MaintenanceWindow) -> None:
    if not window.recurrence:
        return
    try:
        check_recurrence(window.recurrence, window.start, window.zone)
    except ValueError as error:
        message = f"`spec.recurrence`: {error}"
        spec.problems.error(spec.mark("recurrence"), message, Code.BAD_TIME)
