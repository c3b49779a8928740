"""Any page under any rules is read as its whole reading, relabelled, or refused."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors import strict
from collectors.exposition import ExpositionError, Reader
from collectors.labels import as_seen
from collectors.lines import Format, key_of
from collectors.relabel import Action, Rule
from collectors.scraping import Scraping
from exposition_pages import OPENMETRICS, TEXT, mutated, mutations, openmetrics_pages, text_pages
from slo.spec import Matcher, MatchOp, Selector

NOTHING = {TEXT: b"", OPENMETRICS: b"# EOF\n"}
FORMATS = {TEXT: Format.TEXT, OPENMETRICS: Format.OPENMETRICS}
OWN = {"job": "shop", "instance": "a:1"}
NAMES = st.sampled_from(["__name__", "code", "le", "a", "_b2", "job", "instance"])
RULES = st.lists(
    st.builds(
        Rule,
        action=st.sampled_from(Action),
        source_labels=st.lists(NAMES, max_size=2).map(tuple),
        regex=st.sampled_from(["(.*)", "a_total", "(.).*", ".*_total.*", "code|a", "", ".+"]),
        target_label=st.sampled_from(["__name__", "a", "job", "z"]),
        replacement=st.sampled_from(["$1", "requests_total", "b", "", "x_$0"]),
        modulus=st.integers(1, 3),
    ),
    max_size=3,
).map(tuple)
WANTED = (
    *(Selector(metric) for metric in ("a_total", "requests_total", "b", "x_b")),
    Selector("a_total", (Matcher("job", MatchOp.EQUAL, "shop"),)),
)
SCRAPING = st.builds(Scraping, honor_labels=st.booleans(), metric_relabel=RULES)


def expected(body: bytes, content_type: str, scraping: Scraping) -> dict[bytes, float] | None:
    """What a page says, from prometheus_client's reading of all of it; None: it is refused."""
    found: dict[bytes, float] = {}
    stored: set[bytes] = set()
    for sample in strict.read(body, FORMATS[content_type], None):
        seen = as_seen(OWN, scraping, sample.metric, sample.labels)
        if seen is None:
            continue
        if not seen[0]:
            return None
        if seen[0] not in {selector.metric for selector in WANTED}:
            continue
        identity = key_of(*seen)
        if identity in stored or not 0 <= sample.value < 2**63:
            return None
        stored.add(identity)
        kept = OWN if scraping.honor_labels else ()
        found[key_of(sample.metric, sample.labels, kept)] = sample.value
    return found


def agrees(body: bytes, content_type: str, scraping: Scraping) -> None:
    """A fast reading is what relabelling the whole strict one gives, or a refusal; and where the
    strict one has no fault, it is no refusal.
    """
    tested = Reader(OWN, frozenset(WANTED), scraping=scraping)
    tested.read(NOTHING[content_type], content_type, 0.0)
    try:
        page = tested.read(body, content_type, 1.0)[0]
    except ExpositionError:
        page = None
    try:
        wanted = expected(body, content_type, scraping)
    except ExpositionError:
        return
    if page is None:
        return
    assert dict(zip(page.layout.keys, page.values.tolist(), strict=True)) == wanted
    again = tested.read(body, content_type, 2.0)[0]
    assert again.layout is page.layout


def refused(tested: Reader, body: bytes, content_type: str) -> None:
    with pytest.raises(ExpositionError):
        tested.read(body, content_type, 1.0)


@settings(max_examples=settings().max_examples // 2)
@given(text_pages(), SCRAPING)
def test_a_text_page_is_read_as_its_whole_reading_relabelled(
    written: tuple[str, object], scraping: Scraping
) -> None:
    body = written[0].encode()
    wanted = expected(body, TEXT, scraping)
    for past_the_first in (False, True):
        tested = Reader(OWN, frozenset(WANTED), scraping=scraping)
        if past_the_first:
            tested.read(b"", TEXT, 0.0)
        if wanted is None:
            refused(tested, body, TEXT)
        else:
            page = tested.read(body, TEXT, 1.0)[0]
            assert dict(zip(page.layout.keys, page.values.tolist(), strict=True)) == wanted


@settings(max_examples=settings().max_examples // 2)
@given(openmetrics_pages(), SCRAPING)
def test_an_openmetrics_page_is_read_as_its_whole_reading_relabelled(
    written: tuple[str, object, object], scraping: Scraping
) -> None:
    body = written[0].encode()
    wanted = expected(body, OPENMETRICS, scraping)
    tested = Reader(OWN, frozenset(WANTED), scraping=scraping)
    if wanted is None:
        refused(tested, body, OPENMETRICS)
    else:
        for at in (1.0, 2.0):  # strictly, then fast
            page = tested.read(body, OPENMETRICS, at)[0]
            assert dict(zip(page.layout.keys, page.values.tolist(), strict=True)) == wanted


@settings(max_examples=settings().max_examples // 2)
@given(text_pages(), mutations, SCRAPING)
def test_a_mangled_text_page_is_relabelled_or_refused(
    written: tuple[str, object], changes: list[tuple[float, int, bytes]], scraping: Scraping
) -> None:
    agrees(mutated(written[0].encode(), changes), TEXT, scraping)


@settings(max_examples=settings().max_examples // 2)
@given(openmetrics_pages(), mutations, SCRAPING)
def test_a_mangled_openmetrics_page_is_relabelled_or_refused(
    written: tuple[str, object, object],
    changes: list[tuple[float, int, bytes]],
    scraping: Scraping,
) -> None:
    agrees(mutated(written[0].encode(), changes), OPENMETRICS, scraping)


def read(body: bytes, scraping: Scraping) -> int | None:
    """How many samples are kept of a text page; None: it is refused."""
    tested = Reader(OWN, frozenset(WANTED), scraping=scraping)
    try:
        tested.read(body, TEXT, 1.0)
    except ExpositionError:
        return None
    return tested.counts.kept


@settings(max_examples=settings().max_examples // 2)
@given(text_pages(), SCRAPING, st.integers(1, 8), st.integers(1, 6))
def test_limits_refuse_just_the_pages_that_are_over_them(
    written: tuple[str, object], scraping: Scraping, most: int, labels: int
) -> None:
    body = written[0].encode()
    kept = read(body, scraping)
    limited = replace(scraping, sample_limit=most)
    assert read(body, limited) == (None if kept is None or kept > most else kept)
    seen = [
        as_seen(OWN, scraping, sample.metric, sample.labels)
        for sample in strict.read(body, Format.TEXT, None)
    ]
    widest = max((len(one[1]) + 1 for one in seen if one is not None), default=0)
    assert kept is None or kept == sum(one is not None for one in seen)
    limited = replace(scraping, label_limit=labels)
    assert read(body, limited) == (None if kept is None or widest > labels else kept)
