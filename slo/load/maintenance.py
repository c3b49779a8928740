"""The kind `MaintenanceWindow`: planned work, once or again and again."""

from slo import calendar
from slo.exclusions import MAX_DURATION_S, MaintenanceWindow, check_recurrence
from slo.load.codes import Code
from slo.load.document import opened
from slo.load.times import time_zone, wall_clock
from slo.load.yaml import Fields, Node, Problems
from slo.windows import show

_NEVER = calendar.wall_clock("1970-01-01")  # stands in for a start that could not be read


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
            start=wall_clock(spec, "start") or _NEVER,
            duration_s=_duration(spec),
            zone=time_zone(spec, "time_zone", "UTC"),
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


def _duration(spec: Fields) -> float:
    seconds = spec.duration("duration")
    if seconds > MAX_DURATION_S:
        message = (
            f"`spec.duration` is {show(seconds)}; a maintenance window lasts at most "
            f"{show(MAX_DURATION_S)}: what lasts longer is no exception any more"
        )
        spec.problems.error(spec.mark("duration"), message, Code.OUT_OF_BOUNDS)
    return seconds


def _check_recurrence(spec: Fields, window: MaintenanceWindow) -> None:
    if not window.recurrence:
        return
    try:
        check_recurrence(window.recurrence, window.start, window.zone)
    except ValueError as error:
        message = f"`spec.recurrence`: {error}"
        spec.problems.error(spec.mark("recurrence"), message, Code.BAD_TIME)
