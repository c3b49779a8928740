"""Pieces of PromQL that rules are written with: windows, selectors, the queries of an SLI."""

import re
from collections.abc import Mapping

import promql_parser

from slo.selector import quoted
from slo.spec import Events

_WINDOW = re.compile(r"\{\{-?\s*\.window\s*-?\}\}")
# As Prometheus spells durations: years and weeks only where nothing is left over, 28d being 4w.
_UNITS_MS = (
    ("y", 31_536_000_000, True),
    ("w", 604_800_000, True),
    ("d", 86_400_000, False),
    ("h", 3_600_000, False),
    ("m", 60_000, False),
    ("s", 1000, False),
    ("ms", 1, False),
)
_NOT_IN_LABEL = re.compile(r"[^A-Za-z0-9_]", re.ASCII)


def duration(seconds: float) -> str:
    """Seconds as Prometheus itself prints them: 2419200 -> `4w`, 5400 -> `1h30m`."""
    left_ms = round(seconds * 1000)
    parts = []
    for unit, size_ms, whole in _UNITS_MS:
        count, rest_ms = divmod(left_ms, size_ms)
        if count and not (whole and rest_ms):
            parts.append(f"{count}{unit}")
            left_ms = rest_ms
    return "".join(parts) or "0s"


def has_window(query: str) -> bool:
    """Whether a query says where its window goes."""
    return _WINDOW.search(query) is not None


def over(query: str, window: str) -> str:
    """A query with its `{{.window}}` filled in."""
    return _WINDOW.sub(window, query)


def bracketed(query: str) -> str:
    """A query in brackets; a comment at its end must not swallow the closing one."""
    last = query.rpartition("\n")[2]
    return f"({query}\n)" if "#" in last else f"({query})"


def matchers(labels: Mapping[str, str]) -> str:
    """`{a="b", c="d"}`, by name."""
    return "{" + ", ".join(f"{k}={quoted(v)}" for k, v in sorted(labels.items())) + "}"


def label_name(name: str) -> str:
    """A name that Prometheus takes for a label, as its own service discovery would spell it."""
    spelled = _NOT_IN_LABEL.sub("_", name)
    return f"_{spelled}" if spelled[:1].isdigit() else spelled


def label_names(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels under names that Prometheus takes."""
    return {label_name(name): value for name, value in labels.items()}


def grouped(text: str, by: str) -> str | None:
    """A query that is one aggregation without groups, by labels; None if it is anything else."""
    text = text.strip()
    try:
        root = promql_parser.parse(over(text, "1m"))
    except ValueError:
        return None
    if not isinstance(root, promql_parser.AggregateExpr) or root.modifier or root.param:
        return None
    name, bracket, rest = text.partition("(")
    return f"{name.strip()} by ({by}) {bracket}{rest}" if text.endswith(")") else None


def rate(events: Events, window: str) -> str:
    """The events per second over a window: as written, where the query says where its window goes;
    else from what it counts, since a query of one fixed window can't be asked for another.
    """
    if has_window(events.query):
        return over(events.query, window)
    plus = " + ".join(f"sum(rate({selector}[{window}]))" for selector in events.selectors)
    minus = "".join(f" - sum(rate({selector}[{window}]))" for selector in events.minus)
    return plus + minus
