"""PromQL for other formats: queries over `{{.window}}`, bare selectors, differences."""

from typing import Final

import promql_parser as ast

from slo import promql_text
from slo.promql import QueryError, compile_events
from slo.promql_text import Tokens
from slo.rules.query import bracketed, has_window
from slo.selector import Selector
from slo.spec import CountingSli, Events, RatioKind

WINDOW: Final = "{{.window}}"
_STEP: Final = "1m"  # how often current values are sampled where a query must have a window


def windowed(sli: CountingSli) -> tuple[str, str]:
    """Part and total with their `{{.window}}`: as written where both have it; else both written
    anew from what they count, alike, since rates and increases don't divide.
    """
    part, total = sli.part, sli.total
    if has_window(part.query) and has_window(total.query):
        return part.query, total.query
    return _rates(part), _rates(total)


def errors(sli: CountingSli) -> tuple[str, str]:
    """The bad events and the total, with their `{{.window}}`.

    Where good events are stated, bad ones are the total less these; a good series that isn't there
    (nothing has succeeded yet) must then be zero, or an outage would have no errors.
    """
    part, total = windowed(sli)
    if sli.kind is RatioKind.BAD:
        return part, total
    bad = _less(total, part)
    if not _subtracts(bad, sli):
        part, total = _rates(sli.part), _rates(sli.total)
        bad = _less(total, part)
    return bad, total


def over_time(function: str, query: str) -> str:
    """Current values as a query over `{{.window}}`, of one sample a minute."""
    return f"{function}_over_time({bracketed(query)}[{WINDOW}:{_STEP}])"


def quotient(part: str, total: str) -> str:
    """One query divided by another."""
    return f"{term(part)}\n/\n{term(total)}"


def complement(query: str) -> str:
    """One less a share."""
    return f"1 - (\n{query}\n)"


def bare(query: str, selector: Selector) -> str:
    """A query that is nothing but this selector: as written where it is that, else spelled anew."""
    try:
        root = promql_text.parse(Tokens(query))
    except QueryError:
        return spelled(selector)
    return query.strip() if isinstance(root, ast.VectorSelector) else spelled(selector)


def spelled(selector: Selector) -> str:
    """A selector without needless braces."""
    return str(selector) if selector.matchers else selector.metric


def term(query: str) -> str:
    """A query as one side of an operation, in brackets where it needs them."""
    text = query.strip()
    try:
        root = promql_text.parse(Tokens(text))
    except QueryError:
        return bracketed(text)
    whole = isinstance(root, ast.AggregateExpr | ast.Call | ast.ParenExpr | ast.VectorSelector)
    return text if whole and "#" not in text else bracketed(text)


def _less(total: str, part: str) -> str:
    return f"{term(total)}\n- ({term(part)} or vector(0))"


def _rates(events: Events) -> str:
    plus = " + ".join(f"sum(rate({spelled(s)}[{WINDOW}]))" for s in events.selectors)
    return plus + "".join(f" - sum(rate({spelled(s)}[{WINDOW}]))" for s in events.minus)


def _subtracts(query: str, sli: CountingSli) -> bool:
    """Whether a difference says what it must; one of bare series would pair them by labels."""
    try:
        found = compile_events(query)
    except QueryError:
        return False
    plus = sorted((*sli.total.selectors, *sli.part.minus))
    minus = sorted((*sli.total.minus, *sli.part.selectors))
    return sorted(found.selectors) == plus and sorted(found.minus) == minus
