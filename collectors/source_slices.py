"""SLIs that only their DataSource can evaluate: what it computes for each slice, as estimates.

Part and total are asked in one request at one evaluation time, told apart by a marker label: two
requests would see two moments, and a part above its total.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import promql_parser as ast

from collectors.promapi import PromApi, Samples
from slo import promql_text
from slo.promql_text import Token, Tokens
from slo.spec import Op, RatioKind, ServerSli

MARKER: Final = "vigie_part"
SLICE_S: Final = 60
# increase() extrapolates part and total each for itself: so far a part may lie above its total.
EXTRAPOLATED: Final = 1.01
_COMPARE: Final[Mapping[Op, Callable[[float, float], bool]]] = {
    Op.LT: lambda value, bound: value < bound,
    Op.LTE: lambda value, bound: value <= bound,
    Op.GT: lambda value, bound: value > bound,
    Op.GTE: lambda value, bound: value >= bound,
}
_NUMBERS = ("time", "pi", "scalar")  # the functions that give a number and no series


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a server says of one slice. `part` are the good or the bad events, as the SLI's kind
    says; of a ratio its share of 1.0, of a threshold 0.0 or 1.0 of 1.0.

    `part` and `total` are None where the slice is unknown; `reason` then says why.
    """

    fingerprint: str
    slice_start: float
    part: float | None
    total: float | None
    reason: str = ""


async def estimates(
    api: PromApi, sli: ServerSli, start: float, end: float, slice_s: int = SLICE_S
) -> list[Estimate]:
    """The slices of [start, end), which begin and end on slice edges, in time order.

    SourceError when the source fails; QueryRefused may also mean that there are too many slices.
    """
    ends = range(int(start) + slice_s, int(end) + 1, slice_s)
    if not ends:
        return []
    expr = expression(sli, slice_s)
    if len(ends) == 1:
        answer = await api.query(expr, ends[0])
    else:
        answer = await api.query_range(expr, ends[0], ends[-1], slice_s)
    fingerprint = sli.fingerprint(slice_s)
    parts = _by_time([s for s in answer if s.labels.get(MARKER) != "total"])
    totals = _by_time([s for s in answer if s.labels.get(MARKER) == "total"])
    found = []
    for slice_end in ends:
        part, total, reason = _judged(sli, parts.get(slice_end, []), totals.get(slice_end, []))
        slice_start = float(slice_end - slice_s)
        if reason:
            found.append(Estimate(fingerprint, slice_start, None, None, reason))
        else:
            found.append(Estimate(fingerprint, slice_start, part, total))
    return found


def unknown(
    sli: ServerSli, start: float, end: float, reason: str, slice_s: int = SLICE_S
) -> list[Estimate]:
    """The slices of [start, end) of an SLI whose query can't be asked."""
    edges = range(int(start), int(end), slice_s)
    fingerprint = sli.fingerprint(slice_s)
    return [Estimate(fingerprint, float(edge), None, None, reason) for edge in edges]


def expression(sli: ServerSli, slice_s: int) -> str:
    """The one query that is asked for an SLI, for slices of `slice_s`."""
    part = Tokens(sli.part)
    if not sli.total:
        return _written(part.all, slice_s, counted=False)
    total = Tokens(sli.total)
    counted = _counts(part.all) and _counts(total.all)
    written = (_summed(tokens, slice_s, counted=counted) for tokens in (part, total))
    marked = (
        f'label_replace(({text}), "{MARKER}", "{name}", "", "")'
        for text, name in zip(written, ("part", "total"), strict=True)
    )
    return " or ".join(marked)


def _summed(tokens: Tokens, slice_s: int, *, counted: bool) -> str:
    text = _written(tokens.all, slice_s, counted=counted)
    return f"vector({text})" if _is_number(promql_text.parse(tokens)) else f"sum({text})"


def _written(tokens: list[Token], slice_s: int, *, counted: bool) -> str:
    """The text without its comments, which would swallow what is written behind it.

    Rates over the slice are written as increases: a ratio is the same, but busy slices weigh more.
    """
    parts = []
    for index, token in enumerate(tokens):
        text = token.text
        if token.kind == "template":
            text = f"{slice_s}s"
        elif counted and token.kind == "word" and text == "rate" and _calls(tokens, index):
            text = "increase"
        parts.append((" " if token.gap else "") + text)
    return "".join(parts).strip()


def _counts(tokens: list[Token]) -> bool:
    """Whether every range is one of rate() or increase() over the slice, and there is one."""
    ranges = [index for index, token in enumerate(tokens) if token.text == "["]
    return bool(ranges) and all(
        tokens[index + 1].kind == "template"
        and tokens[index + 2].text == "]"
        and _function(tokens, index) in ("rate", "increase")
        for index in ranges
    )


def _function(tokens: list[Token], index: int) -> str:
    """The function whose brackets hold the token; empty when there is none."""
    depth = 0
    for at in range(index - 1, 0, -1):
        depth += (tokens[at].text in (")", "}", "]")) - (tokens[at].text in ("(", "{", "["))
        if depth < 0 and tokens[at - 1].kind == "word":
            return tokens[at - 1].text
    return ""


def _calls(tokens: list[Token], index: int) -> bool:
    return index + 1 < len(tokens) and tokens[index + 1].text == "("


def _is_number(node: ast.Expr) -> bool:
    match node:
        case ast.NumberLiteral():
            return True
        case ast.ParenExpr() | ast.UnaryExpr():
            return _is_number(node.expr)
        case ast.Call():
            return node.func.name in _NUMBERS
        case ast.BinaryExpr():
            return _is_number(node.lhs) and _is_number(node.rhs)
        case _:
            return False


def _by_time(answer: list[Samples]) -> dict[float, list[float]]:
    values: dict[float, list[float]] = {}
    for series in answer:
        for at, value in zip(series.at.tolist(), series.values.tolist(), strict=True):
            values.setdefault(at, []).append(value)
    return values


def _judged(sli: ServerSli, parts: list[float], totals: list[float]) -> tuple[float, float, str]:
    """Part, total and why they aren't known."""
    if sli.total:
        if not totals:
            return 0.0, 0.0, "the total has no data"
        # The series of a part may not exist yet, as those of errors before the first one.
        return _checked(parts[0] if parts else 0.0, totals[0])
    if not parts:
        return 0.0, 0.0, "the query has no data"
    if len(parts) > 1:
        return 0.0, 0.0, f"the query gives {len(parts)} series: aggregate it to one"
    if sli.op is None:
        return _checked(parts[0], 1.0)
    good = _COMPARE[sli.op](parts[0], sli.value)
    return float(good is (sli.kind is RatioKind.GOOD)), 1.0, ""


def _checked(part: float, total: float) -> tuple[float, float, str]:
    if not (0.0 <= part < float("inf") and 0.0 <= total < float("inf")):
        return part, total, f"{part:g} of {total:g} is no count"
    if part > total * EXTRAPOLATED:
        return part, total, f"{part:g} of {total:g}: the part is above its total"
    return min(part, total), total, ""
