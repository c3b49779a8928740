"""Reading recordings: by time whatever their order, and refused when they can't be trusted."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import openmetrics
from collectors.errors import ExpositionError
from collectors.openmetrics import read
from collectors.source_pages import DOWN
from slo.series import Page
from slo.spec import Matcher, MatchOp, Selector

ALL = Selector("requests_total")
FAILED = Selector("requests_total", (Matcher("code", MatchOp.MATCH, "5.."),))
DEPTH = Selector("depth")
A = 'job="api",instance="a:1"'


def recorded(*lines: str) -> list[str]:
    return [*lines, "# EOF"]


def shown(page: Page) -> dict[str, float]:
    counters = zip(page.layout.keys, page.values.tolist(), strict=True)
    gauges = zip(page.gauge_layout.keys, page.gauges.tolist(), strict=True)
    return {key.decode(): value for key, value in (*counters, *gauges)}


def test_samples_that_share_job_instance_and_time_are_one_page() -> None:
    lines = recorded(
        "# TYPE requests counter",
        "# HELP requests What was asked.",
        f'requests_total{{{A},code="200"}} 1 100.5',
        f'requests_total{{{A},code="200"}} 4 115.5',
        f'requests_total{{code="500",{A}}} 1 115.5 # {{trace="x y"}} 1 115.25',
        f'requests_created{{{A},code="500"}} 110.25 115.5',
        'requests_total{job="api",instance="b:1",code="200"} 7 1.005e2',
        "# TYPE process_start_time_seconds gauge",
        f"process_start_time_seconds{{{A}}} 50.75 115.5",
        "# TYPE depth gauge",
        f"depth{{{A}}} -3 100.5",
        "# TYPE other gauge",
        "other 1 100",
    )
    pages = list(read(lines, frozenset({ALL, FAILED}), frozenset({DEPTH})))
    assert [(target, dict(labels), page.at, shown(page)) for target, labels, page in pages] == [
        (
            "file:api/a:1",
            {"job": "api", "instance": "a:1"},
            100.5,
            {'requests_total{code="200"}': 1.0, "depth": -3.0},
        ),
        (
            "file:api/b:1",
            {"job": "api", "instance": "b:1"},
            100.5,
            {'requests_total{code="200"}': 7.0},
        ),
        (
            "file:api/a:1",
            {"job": "api", "instance": "a:1"},
            115.5,
            {'requests_total{code="200"}': 4.0, 'requests_total{code="500"}': 1.0},
        ),
    ]
    last = pages[-1][2]
    assert last.layout.named_by == ((str(ALL),), (str(ALL), str(FAILED)))
    assert last.process_start == 50.75
    assert last.created.tolist()[1] == 110.25
    assert pages[0][2].process_start is None


def test_what_failed_and_what_was_empty_are_told_apart_by_up() -> None:
    lines = recorded(f"up{{{A}}} 0 10", f"up{{{A}}} 1 20")
    scrapes = list(read(lines, frozenset({ALL})).scrapes())
    assert [(scrape.at, scrape.error) for scrape in scrapes] == [(10.0, DOWN), (20.0, None)]


def test_disorder_is_mended_and_counted() -> None:
    lines = recorded(
        "requests_total 5 30",
        "requests_total 1 10",
        "requests_total 3 20",
        "requests_total 3 20.0001",  # the same millisecond, the same value
        "requests_total 4 20",
        "requests_total 9 40",
        "requests_total NaN 50",
    )
    recording = read(lines, frozenset({ALL}))
    assert [(page.at, page.values.tolist()) for *_, page in recording] == [
        (10.0, [1.0]),
        (20.0, [3.0]),
        (30.0, [5.0]),
        (40.0, [9.0]),
    ]
    assert (recording.out_of_order, recording.duplicates, recording.conflicts) == (4, 2, 1)
    assert recording.samples == 4
    assert len(list(recording)) == 4  # and once more


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "no # EOF"),
        (["requests_total 1 10"], "no # EOF"),
        (["# EOF", "requests_total 1 10"], "no # EOF"),
        (recorded("requests_total 1"), "no timestamp in `requests_total 1`"),
        (recorded('requests_total{a="b c"} 1'), "no timestamp"),
        (recorded('requests_total 1 # {a="b"} 1'), "no timestamp"),
        (recorded("requests_total 1 10", "requests_total 1_0 10"), "unreadable line"),
        (recorded("requests_total 1 10", "requests_total x 10"), "unreadable line"),
        (recorded("requests_total 1 nan"), "no time|unreadable line"),
        (recorded("requests_total{a=} 1 10"), "unreadable line"),
    ],
)
def test_what_is_no_recording_is_refused_by_its_line(lines: list[str], reason: str) -> None:
    with pytest.raises(ExpositionError, match=reason):
        read(lines, frozenset({ALL}))


def test_a_file_is_read_in_blocks_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "world.om"
    lines = [f'requests_total{{n="{n % 3}"}} {n} {10 * (n // 3)}' for n in range(60)]
    path.write_text("\n".join(recorded(*lines)) + "\n")
    whole = [(page.at, page.values.tolist()) for *_, page in read(path, frozenset({ALL}))]
    assert whole == [(10.0 * n, [3.0 * n, 3.0 * n + 1, 3.0 * n + 2]) for n in range(20)]
    monkeypatch.setattr(openmetrics, "_SORTED_AT_ONCE", 7)
    for size in (1, 7, 64):
        monkeypatch.setattr(openmetrics, "_READ_BYTES", size)
        for file in (path, str(path), [*lines, "# EOF\n"]):
            pages = [(page.at, page.values.tolist()) for *_, page in read(file, frozenset({ALL}))]
            assert pages == whole
    path.write_text("\n".join(lines))
    with pytest.raises(ExpositionError, match="no # EOF"):
        read(path, frozenset({ALL}))


SAMPLES = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.sampled_from("123"), st.integers(0, 9)),
    st.integers(0, 99),
    max_size=40,
)


@given(samples=SAMPLES, random=st.randoms())
def test_the_order_of_the_lines_means_nothing(
    samples: dict[tuple[str, str, int], int], random: object
) -> None:
    lines = [
        f'requests_total{{instance="{i}",n="{n}"}} {value} {at}'
        for (i, n, at), value in samples.items()
    ]
    random.shuffle(lines)
    found = {
        (labels["instance"], key.decode(), page.at): value
        for _, labels, page in read(recorded(*lines), frozenset({ALL}))
        for key, value in zip(page.layout.keys, page.values.tolist(), strict=True)
    }
    assert found == {
        (i, f'requests_total{{n="{n}"}}', float(at)): float(value)
        for (i, n, at), value in samples.items()
    }
    order = [(p.at, target) for target, _, p in read(recorded(*lines), frozenset({ALL}))]
    assert [at for at, _ in order] == sorted(at for at, _ in order)
    assert len(order) == len(set(order))


def test_a_recording_takes_little_memory_for_a_sample(tmp_path: Path) -> None:
    path = tmp_path / "long.om"
    count = 20_000
    with path.open("w") as file:
        for n in range(4):
            labels = f'{A},code="200",path="/a/rather/long/path/{n}"'
            file.writelines(f"requests_total{{{labels}}} {at} {at * 15}\n" for at in range(count))
        file.write("# EOF\n")
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    recording = read(path, frozenset({ALL}))
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert recording.samples == 4 * count
    assert held / recording.samples < 40  # 20 for the sample, 8 for its place, some to spare
