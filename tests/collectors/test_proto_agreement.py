"""Any page in protobuf is read as a plain model of it says, and any other is refused by name."""

import contextlib
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.exposition import ExpositionError, Reader
from collectors.lines import key_of
from proto_pages import (
    COUNTER,
    EVERY_KIND,
    HISTOGRAM,
    NATIVE,
    PROTO,
    SUMMARY,
    UNTYPED,
    Histogram,
    Plain,
    Summary,
    family,
)
from slo.series import Page
from slo.spec import Matcher, MatchOp, Selector


def reader(*selectors: Selector) -> Reader:
    return Reader({}, frozenset(selectors))


def values(page: Page) -> dict[bytes, float]:
    return dict(zip(page.layout.keys, page.values.tolist(), strict=True))


LABELS = st.dictionaries(
    st.sampled_from(["code", "a", "Z", "é"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    max_size=2,
)
COUNTS = st.floats(0, 1e15)


@st.composite
def pages(
    draw: st.DrawFn,
) -> tuple[list[bytes], dict[tuple[str, frozenset[tuple[str, str]]], float]]:
    """Two pages with the same series, and what the second one says."""
    model: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    both_pages = [b"", b""]

    def say(name: str, labels: Mapping[str, str], value: float) -> None:
        model[name, frozenset((n, v) for n, v in labels.items() if v)] = value

    for name in draw(st.lists(st.sampled_from("abcde"), unique=True, max_size=4)):
        kind = draw(st.sampled_from([COUNTER, UNTYPED, SUMMARY, HISTOGRAM]))
        own = draw(
            st.lists(
                LABELS,
                max_size=3,
                unique_by=lambda o: tuple(sorted((n, v) for n, v in o.items() if v)),
            )
        )
        created = draw(st.none() | st.integers(1, 10**9).map(float))
        for turn in (0, 1):
            model_of = say if turn else lambda *_: None
            metrics: list[tuple[dict[str, str], Plain | Summary | Histogram]] = []
            for labels in own:
                if kind in (COUNTER, UNTYPED):
                    number = draw(COUNTS)
                    stamp = created if kind == COUNTER else None
                    metrics.append((labels, Plain(number, stamp, exemplar=draw(st.booleans()))))
                    model_of(name, labels, number)
                elif kind == SUMMARY:
                    size, total = draw(st.integers(0, 2**60)), draw(COUNTS)
                    metrics.append((labels, Summary(size, total, {0.5: 1.0}, created)))
                    model_of(name, {**labels, "quantile": "0.5"}, 1.0)
                    model_of(f"{name}_sum", labels, total)
                    model_of(f"{name}_count", labels, float(size))
                else:
                    upto = sorted(draw(st.lists(st.integers(0, 2**50), min_size=3, max_size=3)))
                    bounds = {0.5: upto[0], 2.5: upto[1]}
                    metrics.append((labels, Histogram(upto[2], 1.0, bounds, created)))
                    for le, number in (("0.5", upto[0]), ("2.5", upto[1]), ("+Inf", upto[2])):
                        model_of(f"{name}_bucket", {**labels, "le": le}, float(number))
                    model_of(f"{name}_sum", labels, 1.0)
                    model_of(f"{name}_count", labels, float(upto[2]))
            both_pages[turn] += family(name, kind, *metrics)
    return both_pages, model


ALL = [Selector(f"{n}{s}") for n in "abcde" for s in ("", "_sum", "_count", "_bucket")]


@given(pages())
def test_any_page_says_what_a_plain_model_says(
    drawn: tuple[list[bytes], dict[tuple[str, frozenset[tuple[str, str]]], float]],
) -> None:
    (first, second), model = drawn
    tested = reader(*ALL)
    tested.read(first, PROTO, 1.0)
    page, scraped = tested.read(second, PROTO, 2.0)
    assert scraped == len(model)
    peer = Reader({}, frozenset(ALL))
    peer.read(second, PROTO, 1.0)  # strictly: nothing of it was seen before
    assert values(page) == values(peer.read(second, PROTO, 2.0)[0])
    assert values(page) == {key_of(name, dict(own)): value for (name, own), value in model.items()}


@settings(max_examples=300)
@given(st.data())
def test_any_page_with_wrong_bytes_is_refused_or_right(data: st.DataObject) -> None:
    body = EVERY_KIND + family("native", HISTOGRAM, ({}, NATIVE))
    start = data.draw(st.integers(0, len(body) - 1))
    end = min(len(body), start + data.draw(st.integers(0, 6)))
    broken = body[:start] + data.draw(st.binary(max_size=6)) + body[end:]
    asked = (
        Selector("requests_total"),
        Selector("latency_seconds_bucket"),
        Selector("native_bucket", (Matcher("le", MatchOp.EQUAL, "1"),)),
    )
    tested = reader(*asked)
    if data.draw(st.booleans()):
        tested.read(body, PROTO, 0.0)
    with contextlib.suppress(ExpositionError):
        page, scraped = tested.read(broken, PROTO, 1.0)
        fresh, counted = reader(*asked).read(broken, PROTO, 1.0)
        assert (values(page), scraped) == (values(fresh), counted)
