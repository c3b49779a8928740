"""What a runbook is: plain values, the same for every file format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from slo.load.yaml import Mark


class StepKind(StrEnum):
    MANUAL = "manual"
    HTTP = "http"


class Mode(StrEnum):
    """`suggest` shows the runbook; `diagnose` also runs its read-only steps at once."""

    SUGGEST = "suggest"
    DIAGNOSE = "diagnose"


@dataclass(frozen=True, slots=True)
class Step:
    """One action. `http` GETs `url`; `manual` shows `text` to a person."""

    id: str
    kind: StepKind
    title: str
    text: str = ""
    url: str = ""
    timeout_s: float = 10.0
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """Which incidents a runbook is for; an empty field fits every one."""

    types: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    slos: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Runbook:
    name: str
    title: str
    match: Match
    mode: Mode
    steps: tuple[Step, ...]
    description: str = ""
    mark: Mark | None = None
