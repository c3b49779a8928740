"""One sample line of an exposition page: its series and its value.

What is written plainly is read by expressions here. Anything odd goes, line by line, to the
parsers of prometheus_client, whose answer or refusal holds.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Final

from prometheus_client import Metric
from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from collectors.errors import ExpositionError


class Format(StrEnum):
    """The two text formats, of which this module reads lines, and the one that has none."""

    TEXT = "text"
    OPENMETRICS = "openmetrics"
    PROTOBUF = "protobuf"


# Home-made exporters send `text/html`, `application/json` or nothing at all.
LENIENT: Final = "PrometheusText0.0.4"
PROTOBUF: Final = "application/vnd.google.protobuf"
_MESSAGE: Final = "io.prometheus.client.MetricFamily"

# What the parsers of prometheus_client raise on one bad page or another, found by mutation tests:
# they index, look up, convert and compare what they have not checked.
REFUSALS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, NameError)

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*+"
_BRACES = r'\{(?:[^"{}\\]|"(?:[^"\\]|\\.)*+")*+\}'
_LEGACY_NAME = re.compile(_NAME)
_LEGACY_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*+")
_SERIES = re.compile(rf"({_NAME})[ \t]*+(?:\{{(.*)\}})?", re.DOTALL)
_LABEL = re.compile(
    r'[ \t]*+([a-zA-Z_][a-zA-Z0-9_]*+)[ \t]*+=[ \t]*+"((?:[^"\\]|\\.)*+)"[ \t]*+(?:,|$)', re.DOTALL
)
_ESCAPE = re.compile(r'\\([\\n"])')
_COUNTER_TYPE = re.compile(r"(?m)(?<=[ \t])counter(?=[ \t\r]*$)")
_TEXT_LINE = re.compile(
    rf"[ \t]*+((?:{_NAME})?[ \t]*+{_BRACES}|{_NAME})[ \t]++([^\s_]+)(?:[ \t]++([^\s_]+))?[ \t\r]*"
)
_OPENMETRICS_LINE = re.compile(
    rf"((?:{_NAME})?{_BRACES}|{_NAME}) ([^\s_]+)(?: ([^\s_#]+))?(?: # {_BRACES} \S+(?: \S+)?)?"
)


def format_of(content_type: str, fallback: str = LENIENT) -> Format:
    """The format of a page by its Content-Type, or by `fallback`, the name of a protocol, where
    there is none or a type that Prometheus doesn't know either.

    ExpositionError when that leaves no format that Vigie reads.
    Source: Prometheus 3, model/textparse/interface.go, extractMediaType.
    """
    media_type, _, rest = content_type.partition(";")
    media_type = media_type.strip().lower()
    if media_type == PROTOBUF:
        return _protobuf(rest)
    if media_type == "application/openmetrics-text":
        return Format.OPENMETRICS
    if media_type == "text/plain":
        return Format.TEXT
    if not fallback:
        said = shortened(content_type, 60) or "(none)"
        raise ExpositionError(f"unsupported Content-Type {said}, and no fallback_scrape_protocol")
    if fallback.startswith("Prometheus"):
        return Format.TEXT if fallback.startswith("PrometheusText") else Format.PROTOBUF
    return Format.OPENMETRICS


def _protobuf(params: str) -> Format:
    """The one protobuf format that is read; servers have others, and need not say which it is."""
    said = dict(part.strip().lower().partition("=")[::2] for part in params.split(";"))
    for key, read in (("proto", _MESSAGE.lower()), ("encoding", "delimited")):
        if (stated := said.get(key, read).strip('"')) != read:
            raise ExpositionError(f"protobuf of the {key} {shortened(stated, 60)}: not {read}")
    return Format.PROTOBUF


def is_protobuf(content_type: str) -> bool:
    """Whether a page says that it is binary, of whatever schema."""
    return content_type.lower().startswith(PROTOBUF)


def split(line: str, format_: Format) -> tuple[str, float] | None:
    """The series as it is written and the value of a plain line; None: it is not plain.

    A timestamp and an exemplar are passed over: the time of a sample is that of its scrape.
    """
    pattern = _TEXT_LINE if format_ is Format.TEXT else _OPENMETRICS_LINE
    found = pattern.fullmatch(line)
    if found is None:
        return None
    series, value, timestamp = found.groups()
    try:
        if timestamp is not None:
            float(timestamp)
        return series, float(value)
    except ValueError:
        return None


def parse_series(raw: str, format_: Format) -> tuple[str, dict[str, str]]:
    """The metric and the labels of a series as `split` gives it, with quotes and escapes undone."""
    found = _SERIES.fullmatch(raw)
    labels = _plain_labels((found[2] or "").strip(" \t")) if found else None
    if found is None or labels is None:
        metric, labels, _ = parse_line(f"{raw} 0", format_)
        return metric, labels
    return found[1], labels


def parse_line(line: str, format_: Format) -> tuple[str, dict[str, str], float]:
    """Metric, labels and value of a line on its own, by prometheus_client."""
    try:
        for family in families(line, format_, alone=True):
            for sample in family.samples:
                return sample.name, dict(sample.labels), as_float(sample.value)
    except REFUSALS as error:
        raise ExpositionError(f"unreadable line `{shortened(line)}`") from error
    raise ExpositionError(f"unreadable line `{shortened(line)}`")


def families(text: str, format_: Format, *, alone: bool = False) -> Iterator[Metric]:
    """What prometheus_client reads in a page, or in a line `alone`. It raises REFUSALS."""
    if format_ is Format.OPENMETRICS:
        page = f"{text}\n# EOF\n" if alone else text
        # The library annotates one of its two parsers only.
        yield from openmetrics_parser.text_string_to_metric_families(page)  # type: ignore[no-untyped-call]  # theirs
    else:
        # The text parser renames the samples of a counter `x` to `x_total`. Gauges it reads alike
        # and leaves their names alone.
        page = _COUNTER_TYPE.sub("gauge", text)
        yield from text_parser.text_string_to_metric_families(page)


def key_of(metric: str, labels: Mapping[str, str], kept: Collection[str] = ()) -> bytes:
    """The one spelling of a series: labels sorted, empty ones left out unless they are among
    `kept`, nothing needless.

    Exporters may change the order or the spacing between two pages, or between two releases; a
    series that was merely respelt must not count as a new one.
    """
    name = metric if _LEGACY_NAME.fullmatch(metric) else ""
    inner = [] if name else [_quoted(metric)]
    for label, value in sorted(labels.items()):
        if value or label in kept:
            spelt = label if _LEGACY_LABEL.fullmatch(label) else _quoted(label)
            inner.append(f"{spelt}={_quoted(value)}")
    return (f"{name}{{{','.join(inner)}}}" if inner else name).encode()


def as_float(value: float) -> float:
    """A number of prometheus_client, which keeps whole ones as int of any size, as float64."""
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def shortened(text: str, most: int = 120) -> str:
    """A piece of a page for a message to people: printable and not endless."""
    line = text if len(text) <= most else text[:most] + "..."
    return "".join(char if char.isprintable() else "?" for char in line)


def _plain_labels(text: str) -> dict[str, str] | None:
    """The labels between the braces; None: not plain, repeated or reserved."""
    labels: dict[str, str] = {}
    at = 0
    while at < len(text):
        found = _LABEL.match(text, at)
        if found is None or found[1] in labels or found[1].startswith("__"):
            return None
        labels[found[1]] = _unescaped(found[2])
        at = found.end()
    return labels


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
