"""A PromQL query that is nothing but a vector selector, for what reads series as they are."""

from typing import Final

import promql_parser as ast

from slo import promql_text
from slo.load.codes import Code
from slo.promql_text import QueryError, Tokens
from slo.promql_walk import Walk
from slo.selector import Selector

_INSTEAD: Final = 'write a metric and its matchers, such as up{job="shop"}'


def compile_selector(query: str) -> Selector:
    """The series that the query names; QueryError, also where it is more than a selector."""
    tokens = Tokens(query)
    return _Selecting(tokens, _INSTEAD).selector(promql_text.parse(tokens))


class _Selecting(Walk):
    def selector(self, node: ast.Expr) -> Selector:
        if not isinstance(node, ast.VectorSelector):
            raise QueryError(f"this is no vector selector: {self._instead}", 0, Code.NOT_ALLOWED)
        return self._selector(node)
