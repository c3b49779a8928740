"""The kind `Heartbeat`: a job that says it lives, how often, and what its silence means."""

from collections.abc import Iterable
from math import isinf
from typing import Final, Literal

from cronsim import CronSimError

from collectors import keys
from collectors.heartbeat import Heartbeat, expected_after
from slo.calendar import zone_of
from slo.load.codes import Code
from slo.load.document import Document, name_in, opened
from slo.load.yaml import Fields, Mark, Node, Problems
from slo.windows import show

MIN_EVERY_S: Final = 1.0
MAX_EVERY_S: Final = 366 * 86_400.0
GRACE_S: Final = 300.0  # where none is written, or a shorter period
_URGENCIES: Final[tuple[Literal["high", "low"], ...]] = ("high", "low")
_FIELDS: Final = 5


def read(node: Node, problems: Problems) -> Heartbeat | None:
    """A `Heartbeat` document; a file with its key is looked for beside it."""
    before = len(problems.errors)
    with opened(node, problems) as document:
        heartbeat = _heartbeat(document)
    return heartbeat if len(problems.errors) == before else None


def check_keys(heartbeats: Iterable[Heartbeat], problems: Problems) -> None:
    """No two heartbeats have one key: nobody could tell whose beat it is."""
    first: dict[str, Heartbeat] = {}
    for one in heartbeats:
        value = one.key.value()
        other = first.setdefault(value, one) if value is not None else one
        if other is not one:
            message = f"Heartbeat `{one.name}` has the key of `{other.name}`: make another one"
            problems.error(one.mark or Mark("", 1, 1), message, Code.DUPLICATE)


def _heartbeat(document: Document) -> Heartbeat:
    spec = document.spec
    every_s, schedule, zone = _when(spec)
    urgency = spec.choice("urgency", _URGENCIES, "high")
    longest = spec.duration("runs_for") if spec.has("runs_for") else None
    return Heartbeat(
        name=document.name,
        service=name_in(spec, "service"),
        every_s=every_s,
        schedule=schedule,
        zone=zone,
        grace_s=_grace(spec, every_s),
        runs_for_s=longest,
        urgency=next(word for word in _URGENCIES if word == urgency),
        labels=document.labels,
        key=keys.read_key(spec),
        mark=document.mark,
    )


def _when(spec: Fields) -> tuple[float, str, str]:
    """`every`, or `schedule` and its time zone."""
    every, schedule = spec.has("every"), spec.has("schedule")
    if every == schedule:
        what = "both set: keep one" if every else "both missing: write one"
        message = f"`{spec.where}.every` and `{spec.where}.schedule` are {what}"
        code = Code.CONFLICT if every else Code.MISSING_KEY
        spec.problems.error(spec.mark("schedule"), message, code)
        spec.ignore("every", "schedule", "time_zone")
        return 0.0, "", "UTC"
    if every:
        spec.refuse("time_zone", "belongs to `schedule`: remove it", Code.CONFLICT)
        return _every(spec), "", "UTC"
    zone = _zone(spec)
    return 0.0, _schedule(spec, zone), zone


def _every(spec: Fields) -> float:
    seconds = spec.duration("every")
    if seconds and not MIN_EVERY_S <= seconds <= MAX_EVERY_S:
        bounds = f"{show(MIN_EVERY_S)} to {show(MAX_EVERY_S)}"
        message = f"`{spec.where}.every` is {show(seconds)}; it must be {bounds}"
        spec.problems.error(spec.mark("every"), message, Code.OUT_OF_BOUNDS)
    return seconds


def _zone(spec: Fields) -> str:
    name = spec.text("time_zone", "UTC")
    try:
        zone_of(name)
    except ValueError as error:
        spec.problems.error(
            spec.mark("time_zone"), f"`{spec.where}.time_zone`: {error}", Code.BAD_TIME
        )
        return "UTC"
    return name


def _schedule(spec: Fields, zone: str) -> str:
    """Five fields of cron, of which some time comes; `` when they make no sense."""
    text = spec.text("schedule")
    schedule = " ".join(text.split())
    if not schedule:
        return ""
    wrong = _wrong(schedule, zone)
    if not wrong:
        return schedule
    message = f"`{spec.where}.schedule` is `{text}`: {wrong}"
    spec.problems.error(spec.mark("schedule"), message, Code.BAD_TIME)
    return ""


def _wrong(schedule: str, zone: str) -> str:
    if len(schedule.split()) != _FIELDS:
        return "write five fields: minute, hour, day of month, month, day of week"
    probe = Heartbeat(name="", service="", schedule=schedule, zone=zone)
    try:
        never = isinf(expected_after(probe, 0.0))
    except CronSimError as error:
        return f"{str(error).lower()}; write e.g. 0 3 * * 1-5"
    return "no such time ever comes" if never else ""


def _grace(spec: Fields, every_s: float) -> float:
    """What is written, 0s too; else five minutes, or the period if that is shorter."""
    default = min(GRACE_S, every_s) if every_s else GRACE_S
    return spec.duration("grace", default, above_s=-1.0)  # no duration is under 0s
