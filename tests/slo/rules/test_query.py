"""Pieces of PromQL: windows as Prometheus spells them, and queries asked over them."""

import pytest

from slo.rules import query
from slo.spec import Events, Matcher, MatchOp, Selector

ALL = Selector("requests_total")
FAILED = Selector("requests_total", (Matcher("code", MatchOp.MATCH, "5.."),))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (300, "5m"),
        (5400, "1h30m"),
        (7 * 86400, "1w"),
        (28 * 86400, "4w"),
        (30 * 86400, "30d"),
        (365 * 86400, "1y"),
        (292.5, "4m52s500ms"),
        (0, "0s"),
    ],
)
def test_durations_are_spelled_as_prometheus_spells_them(seconds: float, text: str) -> None:
    assert query.duration(seconds) == text


@pytest.mark.parametrize("template", ["{{.window}}", "{{ .window }}", "{{- .window -}}"])
def test_every_spelling_of_the_window_is_filled_in(template: str) -> None:
    assert query.over(f"rate(a[{template}])", "5m") == "rate(a[5m])"


def test_a_query_without_a_window_is_asked_for_what_it_counts() -> None:
    written = Events("sum(rate(a[{{.window}}]))", (ALL,))
    assert query.rate(written, "1h") == "sum(rate(a[1h]))"
    plain = Events("requests_total - requests_total{code=~'5..'}", (ALL,), (FAILED,))
    assert query.rate(plain, "1h") == (
        'sum(rate(requests_total{}[1h])) - sum(rate(requests_total{code=~"5.."}[1h]))'
    )


def test_an_aggregation_is_asked_by_labels() -> None:
    assert query.grouped(" sum(up{job='a'}) ", "a, b") == "sum by (a, b) (up{job='a'})"
    for other in ("sum(a) / sum(b)", "sum by (x) (a)", "topk(1, a)", "up", "sum(", "sum(a) # b"):
        assert query.grouped(other, "a") is None


def test_a_comment_at_the_end_does_not_swallow_the_bracket() -> None:
    assert query.bracketed("a # note") == "(a # note\n)"
    assert query.bracketed("# note\na") == "(# note\na)"


def test_labels_get_names_that_prometheus_takes() -> None:
    assert query.label_names({"app.io/name": "x", "0a": "y"}) == {"app_io_name": "x", "_0a": "y"}
    assert query.matchers({"b": 'say "x"', "a": "1"}) == '{a="1", b="say \\"x\\""}'
