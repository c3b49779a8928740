"""Both readings of a page and a model of it agree, on any page, and a mangled one is refused or
read as prometheus_client reads it.
"""

import math

from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse_text

from collectors import strict
from collectors.exposition import ExpositionError, Reader
from collectors.lines import Format, key_of
from exposition_pages import (
    OPENMETRICS,
    TEXT,
    Series,
    mutated,
    mutations,
    openmetrics_pages,
    series_of,
    text_pages,
)
from slo.series import Page
from slo.spec import Selector

NOTHING = {TEXT: b"", OPENMETRICS: b"# EOF\n"}
WANTED = frozenset({Selector("a_total"), Selector("requests_total"), Selector("b")})
WANTED_METRICS = frozenset(s.metric for s in WANTED)


def said_by(page: Page) -> dict[Series, float]:
    """The values by series, with the keys read back by prometheus_client."""
    found = {}
    for key, value in zip(page.layout.keys, page.values.tolist(), strict=True):
        (family,) = parse_text(f"{key.decode()} 0\n")
        found[series_of(family.samples[0].name, family.samples[0].labels)] = value
    return found


@settings(max_examples=settings().max_examples // 2)
@given(text_pages())
def test_fast_strict_and_model_agree_on_any_text_page(
    written: tuple[str, dict[Series, float]],
) -> None:
    text, model = written
    tested = Reader({}, WANTED)
    wanted = {series: value for series, value in model.items() if series[0] in WANTED_METRICS}
    first, samples = tested.read(text.encode(), TEXT, 1.0)  # strictly: both readings agree
    again, _ = tested.read(text.encode(), TEXT, 2.0)
    assert said_by(first) == said_by(again) == wanted
    assert again.layout is first.layout
    assert samples == len(model)


@settings(max_examples=settings().max_examples // 2)
@given(openmetrics_pages())
def test_fast_strict_and_model_agree_on_any_openmetrics_page(
    written: tuple[str, dict[Series, float], dict[Series, float]],
) -> None:
    text, model, created = written
    tested = Reader({}, WANTED)
    wanted = {series: value for series, value in model.items() if series[0] in WANTED_METRICS}
    for at in (1.0, 2.0):
        page, samples = tested.read(text.encode(), OPENMETRICS, at)
        assert said_by(page) == wanted
        assert samples == len(model) + len(created)
        times = dict(zip(said_by(page), page.created.tolist(), strict=True))
        known = {series: at for series, at in times.items() if not math.isnan(at)}
        assert known == {s: at for s, at in created.items() if s[0] in WANTED_METRICS}


def agrees_with_prometheus_client(body: bytes, content_type: str) -> None:
    """Where prometheus_client accepts a page, fast reading gives the same values or refuses it;
    and it never raises anything but its own refusal.
    """
    try:
        fast = Reader({}, WANTED)
        fast.read(NOTHING[content_type], content_type, 0.0)  # past its strict first page
        page, _ = fast.read(body, content_type, 1.0)
    except ExpositionError:
        return
    format_ = Format.OPENMETRICS if content_type == OPENMETRICS else Format.TEXT
    try:
        samples = strict.read(body, format_, WANTED_METRICS)
    except ExpositionError:
        return
    peer = {key_of(s.metric, s.labels): s.value for s in samples}
    assert dict(zip(page.layout.keys, page.values.tolist(), strict=True)) == peer


@settings(max_examples=settings().max_examples // 2)
@given(text_pages(), mutations)
@example(("a_total 1\n b 2\nb{} 3", {}), [(0.5, 0, b"\x0b")])
def test_a_mangled_text_page_is_read_as_prometheus_client_does_or_refused(
    written: tuple[str, dict[Series, float]], changes: list[tuple[float, int, bytes]]
) -> None:
    agrees_with_prometheus_client(mutated(written[0].encode(), changes), TEXT)


@settings(max_examples=settings().max_examples // 2)
@given(openmetrics_pages(), mutations)
def test_a_mangled_openmetrics_page_is_read_as_prometheus_client_does_or_refused(
    written: tuple[str, dict[Series, float], dict[Series, float]],
    changes: list[tuple[float, int, bytes]],
) -> None:
    agrees_with_prometheus_client(mutated(written[0].encode(), changes), OPENMETRICS)


@settings(max_examples=settings().max_examples // 2)
@given(st.binary(max_size=200), st.sampled_from([TEXT, OPENMETRICS]))
def test_garbage_is_read_or_refused_and_never_anything_else(body: bytes, content_type: str) -> None:
    agrees_with_prometheus_client(body, content_type)
