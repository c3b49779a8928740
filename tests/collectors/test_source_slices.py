"""What a server is asked for each slice, and what its answers are taken for."""

import numpy as np
import promql_parser
import pytest

from collectors.promapi import Samples
from collectors.source_slices import Estimate, estimates, expression, unknown
from slo.spec import Op, RatioKind, ServerSli

MARKED = (
    'label_replace(({}), "vigie_part", "part", "", "")'
    ' or label_replace(({}), "vigie_part", "total", "", "")'
)
WINDOW = "[{{.window}}]"


def sli(part: str, total: str = "", op: Op | None = None, **options: object) -> ServerSli:
    kind = options.pop("kind", RatioKind.BAD)
    return ServerSli(kind, part, total, "main", op, **options)


@pytest.mark.parametrize(
    ("part", "total", "asked_part", "asked_total"),
    [
        # Rates over the slice become counts, in both or in neither.
        (f"rate(e{WINDOW})", f"rate(t{WINDOW})", "sum(increase(e[60s]))", "sum(increase(t[60s]))"),
        (
            f"sum(rate(e{WINDOW}))",
            f"increase(t{WINDOW})",
            "sum(sum(increase(e[60s])))",
            "sum(increase(t[60s]))",
        ),
        ("rate(e[5m])", f"rate(t{WINDOW})", "sum(rate(e[5m]))", "sum(rate(t[60s]))"),
        (f"irate(e{WINDOW})", f"rate(t{WINDOW})", "sum(irate(e[60s]))", "sum(rate(t[60s]))"),
        (
            f"max_over_time(rate(e{WINDOW})[5m:1m])",
            f"rate(t{WINDOW})",
            "sum(max_over_time(rate(e[60s])[5m:1m]))",
            "sum(rate(t[60s]))",
        ),
        # A metric or label may be called like the function, and a text may hold anything.
        (
            f'increase(rate{{rate="rate(x)"}}{WINDOW}) # rate(',
            f"rate(t{WINDOW})",
            'sum(increase(rate{rate="rate(x)"}[60s]))',
            "sum(increase(t[60s]))",
        ),
        # Numbers are no vectors.
        ("e", "2 * scalar(x) + (1)", "sum(e)", "vector(2 * scalar(x) + (1))"),
    ],
)
def test_part_and_total_are_one_query(
    part: str, total: str, asked_part: str, asked_total: str
) -> None:
    expr = expression(sli(part, total), 60)
    assert expr == MARKED.format(asked_part, asked_total)
    promql_parser.parse(expr)


def test_a_ratio_or_a_threshold_is_asked_as_it_is() -> None:
    assert expression(sli(f"a{WINDOW} # b\n"), 30) == "a[30s]"


class Answering:
    """A source that gives one answer."""

    def __init__(self, answer: dict[str, list[tuple[float, float]]]) -> None:
        self.answer = answer
        self.asked: list[tuple[float, ...]] = []

    async def query(self, expr: str, at: float) -> list[Samples]:
        self.asked.append((at,))
        return self._answer()

    async def query_range(self, expr: str, *range_: float) -> list[Samples]:
        self.asked.append(range_)
        return self._answer()

    def _answer(self) -> list[Samples]:
        return [
            Samples(
                {"vigie_part": name.rstrip("2")},
                np.array([at for at, _ in samples]),
                np.array([value for _, value in samples]),
            )
            for name, samples in self.answer.items()
        ]


RATIO = sli("a", "b")
GOOD = sli("a", op=Op.GTE, value=5.0, kind=RatioKind.GOOD)
BAD = sli("a", op=Op.GTE, value=5.0, kind=RatioKind.BAD)


@pytest.mark.parametrize(
    ("asked", "answer", "part", "total", "reason"),
    [
        (RATIO, {"part": 1.0, "total": 4.0}, 1.0, 4.0, ""),
        (RATIO, {"total": 4.0}, 0.0, 4.0, ""),  # no series of errors yet
        (RATIO, {"part": 1.0}, None, None, "the total has no data"),
        (RATIO, {"part": 44.198, "total": 44.19}, 44.19, 44.19, ""),  # extrapolated apart
        (RATIO, {"part": 5.0, "total": 4.0}, None, None, "5 of 4: the part is above its total"),
        (RATIO, {"part": -1.0, "total": 4.0}, None, None, "-1 of 4 is no count"),
        (RATIO, {"part": 1.0, "total": float("inf")}, None, None, "1 of inf is no count"),
        (RATIO, {"part": 0.0, "total": 0.0}, 0.0, 0.0, ""),
        (sli("a"), {"": 0.25}, 0.25, 1.0, ""),
        (sli("a"), {"": 1.5}, None, None, "1.5 of 1: the part is above its total"),
        (sli("a"), {}, None, None, "the query has no data"),
        (sli("a"), {"": 0.1, "2": 0.2}, None, None, "gives 2 series: aggregate it to one"),
        (GOOD, {"": 5.0}, 1.0, 1.0, ""),
        (GOOD, {"": 4.9}, 0.0, 1.0, ""),
        (BAD, {"": 5.0}, 0.0, 1.0, ""),
        (BAD, {"": 4.9}, 1.0, 1.0, ""),
    ],
)
async def test_an_answer_is_taken_for_what_it_says(
    asked: ServerSli,
    answer: dict[str, float],
    part: float | None,
    total: float | None,
    reason: str,
) -> None:
    api = Answering({name: [(120.0, value)] for name, value in answer.items()})
    (found,) = await estimates(api, asked, 60, 120)
    assert api.asked == [(120,)]
    assert (found.part, found.total) == (part, total)
    assert found.reason.endswith(reason)
    assert bool(found.reason) is bool(reason)


async def test_many_slices_are_one_question_at_the_ends_of_the_slices() -> None:
    api = Answering({"part": [(120.0, 1.0)], "total": [(120.0, 2.0), (240.0, 3.0)]})
    found = await estimates(api, RATIO, 60, 240)
    assert api.asked == [(120, 240, 60)]
    key = RATIO.fingerprint(60)
    assert found == [
        Estimate(key, 60.0, 1.0, 2.0),
        Estimate(key, 120.0, None, None, "the total has no data"),
        Estimate(key, 180.0, 0.0, 3.0),
    ]


async def test_no_whole_slice_is_no_question() -> None:
    api = Answering({})
    assert await estimates(api, RATIO, 60, 119) == []
    assert api.asked == []


def test_slices_that_cannot_be_asked_for_say_why() -> None:
    assert unknown(RATIO, 0, 120, "no") == [
        Estimate(RATIO.fingerprint(60), 0.0, None, None, "no"),
        Estimate(RATIO.fingerprint(60), 60.0, None, None, "no"),
    ]
