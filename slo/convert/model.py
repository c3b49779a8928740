"""What a conversion gives: documents of the other format, and what that format can't say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from slo.load.marks import Mark
from slo.spec import DataSource, Service, Slo

Document: TypeAlias = dict[str, Any]  # as YAML has it, keys in the order of the format's own pages


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that the other format can't say.

    `what` is the field of `slo.spec.Slo`, such as `window_s` or `alerting.arms`; of a DataSource or
    a Service (`slo` is then empty) its kind and name. With `whole` the SLO is not converted at all.
    """

    slo: str
    what: str
    why: str
    mark: Mark | None = None
    whole: bool = False

    def __str__(self) -> str:
        """One line for people, with its place."""
        level = "error" if self.whole else "warning"
        subject = f"SLO `{self.slo}`: " if self.slo else ""
        what = "not converted" if self.whole else self.what
        return f"{self.mark or Mark('?', 1, 1)}: {level}: {subject}{what}: {self.why}"


@dataclass(frozen=True, slots=True)
class Converted:
    """Documents in the order to write them, and the losses in the order of the SLOs."""

    documents: tuple[Document, ...]
    losses: tuple[Loss, ...]


Converter: TypeAlias = Callable[
    [Sequence[Slo], Mapping[str, DataSource], Mapping[str, Service]], Converted
]


class Losses:
    """Those of one SLO, as they are found."""

    def __init__(self, slo: Slo) -> None:
        self._slo = slo
        self.items: list[Loss] = []

    def add(self, what: str, why: str) -> None:
        self.items.append(Loss(self._slo.id, what, why, self._slo.mark))

    def add_if(self, lost: object, what: str, why: str) -> None:
        """A loss where something was said."""
        if lost:
            self.add(what, why)


def refused(slo: Slo, why: str) -> Loss:
    """An SLO that is not converted."""
    return Loss(slo.id, "slo", why, slo.mark, whole=True)


def without_empty(document: Document) -> Document:
    """A mapping without the keys that say nothing."""
    return {key: value for key, value in document.items() if value not in ("", None, {}, [])}


def number(value: float) -> float | int:
    """A number as people write it: 1 rather than 1.0."""
    return int(value) if value == int(value) else value


def percent(objective: float) -> float | int:
    """An objective as Sloth and Pyrra state it: 99.9 for 0.999."""
    return number(round(objective * 100, 10))  # 0.999 * 100 is 99.9 in floats, 0.57 * 100 is not 57


def lost_services(services: Mapping[str, Service], format_name: str) -> list[Loss]:
    """What services say besides their names, in a format that knows only these."""
    why = f"{format_name} knows a service by its name only"
    return [
        Loss("", f"Service {service.name}", why, service.mark)
        for service in services.values()
        if service.display_name or service.description or service.labels
    ]


def lost_sources(sources: Mapping[str, DataSource], format_name: str) -> list[Loss]:
    """DataSources, in a format that has none."""
    why = f"{format_name} asks the one server that it is set up with"
    return [Loss("", f"DataSource {name}", why, one.mark) for name, one in sources.items()]
