"""What a page holds, for people: its families with type, help, size, and a sample line of each."""

import io
import re
from dataclasses import dataclass
from typing import Final

from collectors.errors import ExpositionError
from collectors.lines import PROTOBUF, key_of, shortened
from collectors.proto import Kind, Message, families, metric_of
from collectors.proto_samples import EXTRA, counted, samples, spelt, value_of

MOST_FAMILIES: Final = 500
_MOST_TEXT: Final = 300  # characters of a help text or a sample line
_MOST_LINE: Final = 2000  # bytes of a line that are looked at
_ABOUT = re.compile(r"\s*#\s*(TYPE|HELP|UNIT)\s+(\"(?:[^\"\\]|\\.)*\"|\S+)[ \t]*(.*)", re.DOTALL)
_NAME = re.compile(r"\s*(?:([a-zA-Z_:][a-zA-Z0-9_:]*)|\{\s*(\"(?:[^\"\\]|\\.)*\"))")
_HISTOGRAM = ("", "_bucket", "_count", "_sum", "_created", "_gcount", "_gsum")
_SUFFIXES: Final = {
    "counter": ("", "_total", "_created"),
    "histogram": _HISTOGRAM,
    "gaugehistogram": _HISTOGRAM,
    "summary": ("", "_count", "_sum", "_created"),
    "info": ("", "_info"),
}


@dataclass(frozen=True, slots=True)
class Family:
    """Metrics that belong together. `type` is as the page states it, empty where it does not;
    `sample` is the first line, shortened, empty when the family has none.
    """

    name: str
    type: str
    help: str
    samples: int
    sample: str


@dataclass(frozen=True, slots=True)
class Families:
    """The families of a page in its order; `left_out` were beyond the first 500."""

    items: tuple[Family, ...]
    left_out: int = 0


class _Growing:
    """A family while its lines go by."""

    def __init__(self) -> None:
        self.type = self.help = self.sample = ""
        self.samples = 0

    def take(self, line: str) -> None:
        self.samples += 1
        self.sample = self.sample or shortened(line.strip(), _MOST_TEXT)


def families_of(body: bytes, content_type: str = "") -> Families:
    """The families of a page, in protobuf where its Content-Type says so, as it states them.

    In text a sample belongs to the family last named above it if its name fits the type of that,
    else to the one of its own name. Lines that can't be read are left out, and of a page in
    protobuf what follows on that: whether a page is sound is for the Reader to say.
    """
    if content_type.partition(";")[0].strip().lower() == PROTOBUF:
        return _in_protobuf(body)
    found: dict[str, _Growing] = {}
    last = ""
    for raw in io.BytesIO(body):
        line = raw[:_MOST_LINE].decode(errors="replace")
        if about := _ABOUT.match(line):
            last = about[2].strip('"')
            _note(found.setdefault(last, _Growing()), about[1], about[3].strip())
        elif named := _NAME.match(line):
            metric = named[1] or named[2].strip('"')
            fits = _SUFFIXES.get(found[last].type, ("",)) if last in found else ()
            name = last if metric.removeprefix(last) in fits else metric
            found.setdefault(name, _Growing()).take(line)
    shown = list(found.items())[:MOST_FAMILIES]
    return Families(
        tuple(Family(name, f.type, f.help, f.samples, f.sample) for name, f in shown),
        len(found) - len(shown),
    )


def _note(family: _Growing, what: str, text: str) -> None:
    if what == "TYPE":
        family.type = shortened(text, _MOST_TEXT)
    elif what == "HELP":
        family.help = shortened(text, _MOST_TEXT)


def _in_protobuf(body: bytes) -> Families:
    shown: list[Family] = []
    left_out = 0
    try:
        for message in families(body):
            if len(shown) < MOST_FAMILIES:
                shown.append(_family(message))
            else:
                left_out += 1
    except ExpositionError:
        pass
    return Families(tuple(shown), left_out)


def _family(message: Message) -> Family:
    name, kind = message.name, Kind(message.type)
    sample = ""
    if message.metric:
        first = metric_of(message.metric[0], name)
        (suffix, number), value = samples(value_of(first, kind, name), kind)[0]
        labels = {pair.name: pair.value for pair in first.label}
        if number is not None:
            labels[EXTRA[suffix]] = spelt(number)
        sample = f"{key_of(name + suffix, labels).decode()} {spelt(value)}"
    return Family(
        name=shortened(name, _MOST_TEXT),
        type=kind.name.lower(),
        help=shortened(message.help, _MOST_TEXT),
        samples=counted(message.metric, kind, name),
        sample=shortened(sample, _MOST_TEXT),
    )
