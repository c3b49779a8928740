"""What a task's check asks, and what an answer means: one of an SLO, a query, a run of a runbook.

An answer that is not there is unknown, which verifies nothing.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from slo import windows

MAX_EXPR: Final = 2_000
COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class SloCheck(NamedTuple):
    """An SLO is met over a window (0: its own), or burns below a rate over it."""

    slo: str
    window_s: float = 0.0
    burn_below: float | None = None


class PromqlCheck(NamedTuple):
    """Every series that an expression gives compares so with a value. Without a source: the
    default DataSource, or the only one.
    """

    expr: str
    source: str = ""
    op: str = "!="
    value: float = 0.0


class RunCheck(NamedTuple):
    """A runbook ran on the incident, and ended well."""

    runbook: str


Check: TypeAlias = SloCheck | PromqlCheck | RunCheck


class Finding(NamedTuple):
    """What a look found: `holds` is None where it cannot be known."""

    holds: bool | None
    text: str


def check_of(said: Mapping[str, Any]) -> Check:
    """The check that a mapping describes; ValueError names what is wrong with it."""
    kind = said.get("kind")
    if kind == "slo":
        _only(said, "slo", "window", "burn_below")
        window = said.get("window")
        window_s = windows.parse(_text(said, "window")) if window is not None else 0.0
        burn = said.get("burn_below")
        below = None if burn is None else _number(said, "burn_below")
        if below is not None and below <= 0:
            raise ValueError("`burn_below` is to be above 0")
        return SloCheck(_text(said, "slo"), window_s, below)
    if kind == "promql":
        _only(said, "expr", "source", "op", "value")
        expr, op = _text(said, "expr"), said.get("op", "!=")
        if len(expr) > MAX_EXPR:
            raise ValueError(f"`expr` has {len(expr)} characters; at most {MAX_EXPR} are taken")
        if op not in COMPARISONS:
            raise ValueError(f"`op` is one of {' '.join(COMPARISONS)}")
        source = _text(said, "source") if said.get("source") else ""
        return PromqlCheck(expr, source, op, _number(said, "value") if "value" in said else 0.0)
    if kind == "run":
        _only(said, "runbook")
        return RunCheck(_text(said, "runbook"))
    raise ValueError("`kind` of a check is one of slo, promql, run")


def stored(check: Check) -> dict[str, Any]:
    """A check as JSON, of which `check_of` makes it again."""
    match check:
        case SloCheck(slo, window_s, burn_below):
            window = {"window": windows.show(window_s)} if window_s else {}
            burn = {} if burn_below is None else {"burn_below": burn_below}
            return {"kind": "slo", "slo": slo, **window, **burn}
        case PromqlCheck(expr, source, op, value):
            named = {"source": source} if source else {}
            return {"kind": "promql", "expr": expr, **named, "op": op, "value": value}
        case RunCheck(runbook):
            return {"kind": "run", "runbook": runbook}


def described(check: Check) -> str:
    """A check in words."""
    match check:
        case SloCheck(slo, window_s, burn_below):
            over = f"over {windows.show(window_s)}" if window_s else "over its window"
            wanted = "is met" if burn_below is None else f"burns below {burn_below:g}x"
            return f"{slo} {wanted} {over}"
        case PromqlCheck(expr, source, op, value):
            asked = f", asked of {source}" if source else ""
            return f"{expr} {op} {value:g}{asked}"
        case RunCheck(runbook):
            return f"runbook {runbook} ran on this incident and ended well"


def judge_slo(  # noqa: PLR0917 - the check, and the figures that answer it
    check: SloCheck,
    objective: float,
    sli: float | None,
    burn_rate: float | None,
    coverage: float,
    floor: float,
) -> Finding:
    """What the figures of a window say: below the floor of coverage nothing is known."""
    over = f"over {windows.show(check.window_s)}" if check.window_s else "over its window"
    if coverage < floor:
        return Finding(None, f"no data: {coverage:.0%} of the time {over} was measured")
    if sli is None or burn_rate is None:
        return Finding(None, f"no data: nothing happened {over}")
    if check.burn_below is not None:
        holds = burn_rate < check.burn_below
        return Finding(
            holds, f"burns at {burn_rate:.3g}x {over}, below {check.burn_below:g}x asked"
        )
    return Finding(sli >= objective, f"{sli:.4%} good {over}, {objective:.4%} promised")


def judge_values(check: PromqlCheck, values: Iterable[float]) -> Finding:
    """What the newest values of the series of an expression say. No series is no answer: an
    expression that leaves out what it compares away says the same when nothing is scraped.
    """
    found = list(values)
    wanted = f"{check.op} {check.value:g}"
    if not found:
        return Finding(None, "no data: the expression gives no series")
    if any(math.isnan(value) for value in found):
        return Finding(None, "no data: the expression gives NaN")
    wrong = [v for v in found if not COMPARISONS[check.op](v, check.value)]
    if wrong:
        return Finding(
            False, f"{len(wrong)} of {len(found)} series not {wanted}, e.g. {wrong[0]:g}"
        )
    shown = f"{found[0]:g}" if len(found) == 1 else f"{len(found)} series"
    return Finding(True, f"{shown} {wanted}")


def judge_run(check: RunCheck, state: str | None) -> Finding:
    """What the state of the runbook's run on the incident says; None: it did not run."""
    if state is None:
        return Finding(False, f"runbook {check.runbook} has not run on this incident")
    if state == "running":
        return Finding(None, f"runbook {check.runbook} is still running")
    return Finding(state == "done", f"runbook {check.runbook} ended as {state}")


def _only(said: Mapping[str, Any], *names: str) -> None:
    for name in said:
        if name not in {"kind", *names}:
            raise ValueError(f"a check of kind `{said['kind']}` has no `{name}`")


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value.strip() or "\x00" in value:
        raise ValueError(f"a check of kind `{said['kind']}` needs `{name}`, a text")
    if len(value) > MAX_EXPR:
        raise ValueError(f"`{name}` has {len(value)} characters; at most {MAX_EXPR} are taken")
    return value.strip()


def _number(said: Mapping[str, Any], name: str) -> float:
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"`{name}` is to be a number")
    return float(value)
