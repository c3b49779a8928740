"""One of the `objectives` of an OpenSLO document: its target, threshold and time slices."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from slo.load import openslo_window
from slo.load.codes import Code
from slo.load.openslo_metadata import Reference, reference
from slo.load.openslo_sli import Indicator, inline
from slo.load.yaml import Fields, Mark
from slo.spec import Budgeting, Method, Op
from slo.windows import UNITS_S, show

MAX_SLICE_S: Final = UNITS_S["d"]
SHORT_SLICES_S: Final = (10.0, 20.0, 30.0)  # the ledger's slices divide them, and they a minute
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Objective:
    """What an objective asks. `op` and `value` judge a threshold and are None where not written;
    `indicator` is its own SLI, where it has one.
    """

    display_name: str
    target: float
    op: Op | None
    value: float | None
    budgeting: Budgeting
    weight: float
    indicator: Indicator | Reference | None
    own: bool  # has an SLI of its own, readable or not
    mark: Mark
    op_mark: Mark


def read(fields: Fields, method: Method) -> Objective:
    """An objective of v1. A problem gives one that must not be used."""
    indicator = own_indicator(fields)
    weight = fields.number("compositeWeight", 1.0, above=0.0)
    if fields.has("compositeWeight") and indicator is None:
        message = (
            f"`{fields.where}.compositeWeight` says nothing here: objectives with an `indicator` "
            "of their own are weighed"
        )
        fields.problems.warn(fields.mark("compositeWeight"), message, Code.IGNORED)
    return _objective(fields, method, indicator, weight, slice_s=None)


def read_alpha(
    fields: Fields, method: Method, ratio: Callable[[Fields], Indicator | None]
) -> Objective:
    """An objective of v1alpha, which knows no slice width (a minute is taken)."""
    return _objective(fields, method, ratio(fields), 1.0, slice_s=UNITS_S["m"])


def own_indicator(fields: Fields) -> Indicator | Reference | None:
    """`indicator` or `indicatorRef`, of an SLO or of an objective."""
    ref = reference(fields, "indicatorRef")
    if fields.node_of("indicator", required=False) is None:
        return ref
    if ref is not None:
        message = f"`{fields.where}.indicatorRef` stands beside `indicator`: keep one of them"
        fields.problems.error(ref.mark, message, Code.CONFLICT)
    with fields.map("indicator") as indicator:
        return inline(indicator)


def _objective(
    fields: Fields,
    method: Method,
    indicator: Indicator | Reference | None,
    weight: float,
    slice_s: float | None,
) -> Objective:
    return Objective(
        display_name=fields.text("displayName", ""),
        target=_target(fields),
        op=_op(fields),
        value=fields.number("value") if fields.has("value") else None,
        budgeting=_budgeting(fields, method, slice_s),
        weight=weight,
        indicator=indicator,
        own=any(fields.has(key) for key in ("indicator", "indicatorRef", "ratioMetrics")),
        mark=fields.node.mark,
        op_mark=fields.mark("op"),
    )


def _target(fields: Fields) -> float:
    """The share of good events that is asked: above 0 and below 1."""
    keys = [key for key in ("target", "targetPercent", "budgetTarget") if fields.has(key)]
    for key in keys[1:]:
        fields.refuse(key, f"stands beside `{keys[0]}`: keep one of them", Code.CONFLICT)
    key = keys[0] if keys else "target"
    whole = 100.0 if key == "targetPercent" else 1.0
    before = len(fields.problems.errors)
    value = fields.number(key)
    if len(fields.problems.errors) == before and not 0.0 < value < whole:
        rule = "above 0" if value <= 0.0 else f"below {whole:g}"
        hint = _meant(value) if key != "targetPercent" else ""
        message = f"`{fields.where}.{key}` is {value:g}; it must be {rule}{hint}"
        fields.problems.error(fields.mark(key), message, Code.OBJECTIVE)
    return round(value / whole, 12)


def _meant(value: float) -> str:
    """A hint at what was probably meant by a target that looks like a percentage."""
    if not 50.0 <= value < 100.0:
        return ""
    return f": write {value / 100:g}, or `targetPercent: {value:g}`"


def _op(fields: Fields) -> Op | None:
    text = fields.maybe_text("op")
    if not text:
        return None
    word = text.casefold()
    if word in list(Op):
        return Op(word)
    fields.choice("op", [op.value for op in Op])
    return None


def _budgeting(fields: Fields, method: Method, slice_s: float | None) -> Budgeting:
    """What the method needs; what it doesn't is a warning."""
    if method is not Method.TIMESLICES:
        _ignored(fields, "timeSliceTarget", method)
    if method is Method.OCCURRENCES:
        _ignored(fields, "timeSliceWindow", method)
        return Budgeting(method)
    target = 0.0
    if method is Method.TIMESLICES:
        target = fields.number("timeSliceTarget", above=0.0, at_most=1.0)
    given = slice_s is not None and not fields.has("timeSliceWindow")
    return Budgeting(method, target, slice_s or 0.0 if given else _slice(fields))


def _ignored(fields: Fields, key: str, method: Method) -> None:
    fields.ignore(key)
    if fields.has(key):
        message = f"`{fields.where}.{key}` says nothing about {method} and is ignored: remove it"
        fields.problems.warn(fields.mark(key), message, Code.IGNORED)


def _slice(fields: Fields) -> float:
    """`timeSliceWindow`: a duration, or a number of minutes."""
    text = fields.text("timeSliceWindow")
    if _NUMBER.fullmatch(text):
        seconds = float(text) * UNITS_S["m"]
    else:
        seconds = openslo_window.shorthand(fields, "timeSliceWindow").seconds
        if not seconds:
            return 0.0
    whole = seconds % UNITS_S["m"] == 0 and 0 < seconds <= MAX_SLICE_S
    if not whole and seconds not in SHORT_SLICES_S:
        message = (
            f"`{fields.where}.timeSliceWindow` is {text}; it must be whole minutes up to "
            f"{show(MAX_SLICE_S)}, or 10s, 20s or 30s"
        )
        fields.problems.error(fields.mark("timeSliceWindow"), message, Code.OUT_OF_BOUNDS)
    return seconds
