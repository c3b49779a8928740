"""One execution of a runbook, pure: which step comes next, and what its placeholders stand for.

A placeholder is `${service}`, `${slo}` or `${number}`. It is replaced by a value and nothing more:
no expressions, no defaults. In a URL the value is quoted, so that it never ends the part of the URL
that it stands in; in the host, where quoting means nothing, it must be a plain name.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from urllib.parse import quote

from runbooks.model import Mode, Step, StepKind

NAMES = ("service", "slo", "number")
_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}?")
_IN_HOST = re.compile(r"https?://[^/?#]*")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")


class StepState(StrEnum):
    """Where one step of a run stands."""

    WAITING = "waiting"  # may run, by itself or when a person says so
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    MANUAL = "manual"  # a person does it
    SKIPPED = "skipped"


class PlaceholderError(ValueError):
    """A placeholder that stands for nothing; the message names it."""


def first_state(step: Step) -> StepState:
    """The state of a step when its run begins."""
    return StepState.MANUAL if step.kind is StepKind.MANUAL else StepState.WAITING


def runs_alone(step: Step) -> bool:
    """Whether Vigie may run the step without asking: it looks and changes nothing."""
    return step.kind is StepKind.HTTP and step.read_only


def next_step(mode: Mode, steps: Sequence[Step], states: Mapping[str, str]) -> Step | None:
    """The step to run now, in the order of the runbook; None when nothing is left to do alone.

    A failed step does not stop a diagnosis: the next one may still say what is wrong.
    """
    if mode is not Mode.DIAGNOSE:
        return None
    for step in steps:
        if runs_alone(step) and states.get(step.id) == StepState.WAITING:
            return step
    return None


def render_url(url: str, values: Mapping[str, str]) -> str:
    """The URL with its placeholders filled and quoted; PlaceholderError when one can't be."""

    def fill(found: re.Match[str]) -> str:
        value = _value(found, values)
        if _IN_HOST.fullmatch(url[: found.start()]):
            if not _PLAIN_NAME.fullmatch(value):
                raise PlaceholderError(f"`{found[0]}` is `{value}`, which is no name of a host")
            return value
        # quote() leaves dots alone, and a path of dots climbs out of its folder (RFC 3986, 5.2.4).
        if value in (".", ".."):
            raise PlaceholderError(f"`{found[0]}` is `{value}`, which no address can hold")
        return quote(value, safe="")

    return _PLACEHOLDER.sub(fill, url)


def render_text(text: str, values: Mapping[str, str]) -> str:
    """The text for a person, its placeholders filled; one that can't be stays as it is."""

    def fill(found: re.Match[str]) -> str:
        return values.get(found[1]) or found[0]

    return _PLACEHOLDER.sub(fill, text)


def values_of(*, number: int, service: str, slo: str) -> dict[str, str]:
    """What the placeholders stand for in one incident."""
    return {"number": str(number), "service": service, "slo": slo}


def _value(found: re.Match[str], values: Mapping[str, str]) -> str:
    value = values.get(found[1])
    if value is None:
        allowed = ", ".join(f"${{{name}}}" for name in NAMES)
        raise PlaceholderError(f"`{found[0]}` stands for nothing; there are {allowed}")
    if not value:  # an incident of a whole service has no slo
        raise PlaceholderError(f"`{found[0]}`: this incident has none")
    return value
