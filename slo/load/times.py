"""Wall-clock times and time zones in files."""

from datetime import datetime
from zoneinfo import available_timezones

from slo import calendar
from slo.load.codes import Code
from slo.load.yaml import Fields, did_you_mean


def wall_clock(fields: Fields, key: str) -> datetime | None:
    """A required wall-clock time; None for what is none. YAML may take it for a timestamp: what
    counts is its text.
    """
    text = fields.text(key)
    if not text:
        return None
    try:
        return calendar.wall_clock(text)
    except ValueError as error:
        message = f"`{fields.where}.{key}`: {error}"
        fields.problems.error(fields.mark(key), message, Code.BAD_TIME)
        return None


def time_zone(fields: Fields, key: str, default: str | None = None) -> str:
    """The name of a time zone, required where there is no default; UTC for a name that is none."""
    name = fields.text(key, default) or "UTC"
    try:
        calendar.zone_of(name)
    except ValueError as error:
        message = f"`{fields.where}.{key}`: {error}{did_you_mean(name, available_timezones())}"
        fields.problems.error(fields.mark(key), message, Code.BAD_TIME)
        return "UTC"
    return name
