"""Templates and the words they need: percent, burn rates, durations, ages."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.responses import HTMLResponse

from incidents.people import Part
from slo import windows
from vigie.access import current
from vigie.views.markdown import html

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
_VENDOR: Final = {
    "pico": "vendor/pico.min.css",
    "htmx": "vendor/htmx.min.js",
    "sse": "vendor/hx-sse.min.js",
}
UNKNOWN: Final = "unknown"
_TONES: Final = {  # the colour that repeats what a word says
    "down": "bad",
    "up": "good",
    "degraded": "warn",
    "maintenance": "dim",
    "unknown": "dim",
    "ok": "good",
    "late": "warn",
    "missed": "bad",
    "failed": "bad",
    "redundant": "good",
    "at_risk": "warn",
}
_CAME: Final = {  # how the samples of a target come
    "scrape": "scraped",
    "probe": "probed",
    "spans": "counted from spans",
    "push": "pushed",
}
_PUSHED_BY: Final = {"otlp": "by OTLP", "write": "by remote write"}  # who found it


class Templates:
    """Renders pages. Values are escaped; a name that a page was not given is an error."""

    def __init__(self, *, version: str) -> None:
        vendor = {name: f"/static/{file}" for name, file in _VENDOR.items() if _has(file)}
        self._everywhere = {
            "vendor": vendor,
            "version": version,
            "tones": _TONES,
            "came": _CAME,
            "pushed_by": _PUSHED_BY,
        }

    def page(
        self, name: str, now: float, facts: Mapping[str, Any], status: int = HTTPStatus.OK
    ) -> HTMLResponse:
        """The page as a response. `now` is what ages count to, `reader` whom it is for."""
        template = _ENVIRONMENT.get_template(name)
        given = {**self._everywhere, "reader": current(), **facts, "now": now}
        return HTMLResponse(template.render(given), status)


def percent(ratio: float | None, digits: int = 3) -> str:
    """0.99953 -> `99.953 %`. Cut, never rounded up: 100 % means that nothing failed."""
    if ratio is None:
        return UNKNOWN
    scale = 10**digits
    # The nudge undoes what binary fractions take: 0.999 x 100 is 99.9 and a bit less.
    cut = math.floor(ratio * 100 * scale + 1e-6) / scale
    return f"{_trimmed(f'{cut:.{digits}f}')} %"


def budget(ratio: float | None) -> str:
    """What is left of an error budget, signed: -0.123 -> `-12.3 %`."""
    return percent(ratio, digits=1).replace("-", "\N{MINUS SIGN}")


def burn(rate: float | None) -> str:
    """14.4 -> `14.4x`."""
    if rate is None:
        return UNKNOWN
    digits = 2 if rate < 10 else 1
    return f"{_trimmed(f'{rate:.{digits}f}')}\N{MULTIPLICATION SIGN}"


def number(value: float | None) -> str:
    """12345 -> `12,345`; what is no whole number with two digits."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def size(count: int | None) -> str:
    """Bytes in powers of ten: 12345 -> `12.3 kB`."""
    if count is None:
        return UNKNOWN
    for unit, step in (("MB", 1e6), ("kB", 1e3)):
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return f"{count} B"


def duration(seconds: float | None) -> str:
    """The two largest units: 3725 -> `1 h 2 min`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    left, parts = int(seconds), []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def date_and_time(at: str) -> str:
    """`2026-10-01T12:00:00.000Z` -> `2026-10-01 12:00:00 UTC`."""
    return f"{at[:10]} {at[11:19]} UTC"


@pass_context
def clock(context: Context, at: str) -> str:
    """The same without the date, on the day itself."""
    today = datetime.fromtimestamp(context["now"], UTC).isoformat()[:10]
    return f"{at[11:19]} UTC" if at[:10] == today else date_and_time(at)


@pass_context
def age(context: Context, at: str) -> str:
    """How long ago a time is, as of the page's `now`."""
    seconds = float(context["now"]) - datetime.fromisoformat(at).timestamp()
    return duration(max(seconds, 0.0)) if seconds >= 1 else "a moment"


@pass_context
def until(context: Context, at: str) -> str:
    """How long it is to a time, as of the page's `now`; empty when it has come."""
    seconds = datetime.fromisoformat(at).timestamp() - float(context["now"])
    return duration(seconds) if seconds > 0 else ""


def seconds(length: float) -> str:
    """An exact length as people write it: 300.0 -> `5m`."""
    return windows.show(length)


def words(name: str) -> str:
    """A code word for reading: `run_started` -> `run started`."""
    return name.replace("_", " ").replace("-", " ")


def part_in_words(part: str) -> str:
    """A part in an incident for reading: `incident_manager` -> `Incident manager`, `l2` -> `L2`."""
    text = words(part)
    return text[:1].upper() + text[1:]


_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {
    "age": age,
    "budget": budget,
    "burn": burn,
    "clock": clock,
    "date_and_time": date_and_time,
    "duration": duration,
    "markdown": html,
    "number": number,
    "part": part_in_words,
    "percent": percent,
    "seconds": seconds,
    "size": size,
    "until": until,
    "words": words,
}


_ENVIRONMENT.globals["parts_of_people"] = [part.value for part in Part if part is not Part.WATCHER]


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _has(file: str) -> bool:
    return (STATIC / file).is_file()
