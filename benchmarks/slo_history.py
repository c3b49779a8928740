"""The past of a fleet: rows in Vigie's ledger, and samples for Prometheus' blocks.

Rows are those that a server that ran all the time would have left: every hour and minute, and the
slices of the last two hours. Samples are those that a Prometheus with Sloth's rules would have:
the raw counters as far back as a rule looks at them (3 days), and the ratio of 5 minutes that the
30-day rule is made from.
"""

import math
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from slo_fleet import BAD, CODES, JOB, Fleet, address, slices

from slo.ledger import HOUR_S, MINUTE_S, Row
from slo.series import Ints
from vigie.config import Config
from vigie.pipeline.plan import compile_plan
from vigie.store.db import open_database
from vigie.store.keep import FINE_S
from vigie.store.ledger import sli_ids, write_slices

DAY_S = 86_400
SLICE_S = 10
RAW_S, RATIO_S = 3 * DAY_S, 30 * DAY_S
STEP_S = 60
BLOCK, BLOCK_S = "54h", 54 * 3600  # the widest that promtool takes for less than a week
_TOGETHER = 500


def fill_ledger(
    path: Path, config: Config, fleet: Fleet, now: float, days: int, minutes_s: float | None = None
) -> int:
    """Fill a SQLite file with the slices of the last days; how many rows that makes. With
    `minutes_s`, minutes only so far back: what lies before, no restart reads.
    """
    ids_of = compile_plan(config, SLICE_S).ids
    assert [int(watch.slo.name[1:]) for watch in config.watches.values()] == list(range(fleet.slos))
    assert len(ids_of) == fleet.slos, "one column an SLO, in the order of the routes"
    database = open_database(f"sqlite:///{path}")
    ids = database.write(lambda c: sli_ids(c, ids_of))
    count = 0
    rows: list[Row] = []
    for row in _rows(fleet, now, days * DAY_S, days * DAY_S if minutes_s is None else minutes_s):
        rows.append(row)
        count += 1
        if len(rows) == _TOGETHER:
            database.write(partial(write_slices, rows=rows, ids=ids))
            rows = []
    database.write(lambda c: write_slices(c, rows, ids))
    database.close()
    return count


def _rows(fleet: Fleet, now: float, all_s: float, minutes_s: float) -> Iterator[Row]:
    for width, reach_s in ((HOUR_S, all_s), (MINUTE_S, minutes_s), (SLICE_S, FINE_S)):
        first, last = (int((now - back) // width) * width for back in (reach_s, 0))
        starts = range(first, last, width)
        for start, sums in slices(fleet, starts, width):
            yield Row(width, start, 1, *sums.astype(np.int64))


def fill_prometheus(folder: Path, fleet: Fleet, port: int, now: float, scratch: Path) -> int:
    """Fill a folder with blocks up to now; how many samples they hold. Text is written while
    promtool makes blocks of what was written before.
    """
    first = int((now - RATIO_S) // BLOCK_S) * BLOCK_S
    makers: list[subprocess.Popen[bytes]] = []
    samples = 0
    for start in range(first, int(now), BLOCK_S):
        _wait(makers, most=1)
        page = scratch / f"{start}.om"
        samples += _write_samples(page, fleet, port, (start, min(start + BLOCK_S, int(now))), now)
        makers.append(_blocks(page, folder))
    _wait(makers, most=0)
    return samples


def _wait(makers: list[subprocess.Popen[bytes]], most: int) -> None:
    """Until so many of these run at most."""
    while len(makers) > most:
        if makers.pop(0).wait():
            raise RuntimeError("promtool made no blocks; it says why above")


def _blocks(page: Path, folder: Path) -> "subprocess.Popen[bytes]":
    command = 'promtool tsdb create-blocks-from openmetrics --max-block-duration="$3" "$1" "$2"'
    argv = ["sh", "-c", f'{command} && rm "$1"', "sh", str(page), str(folder), BLOCK]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL)


def _write_samples(path: Path, fleet: Fleet, port: int, span: tuple[int, int], now: float) -> int:
    """Write the samples of one span of time as OpenMetrics text; how many there are."""
    count = 0
    with path.open("w", encoding="ascii") as file:
        for kind, series in (
            ("http_requests counter", _counters(fleet, port, _times(span, now - RAW_S))),
            ("slo:sli_error:ratio_rate5m gauge", _ratios(fleet, _times(span, now - RATIO_S))),
        ):
            file.write(f"# TYPE {kind}\n")
            for name, points in series:
                file.write("".join([f"{name} ", f"\n{name} ".join(points), "\n"]))
                count += len(points)
        file.write("# EOF\n")
    return count


def _times(span: tuple[int, int], oldest: float) -> Ints:
    """Every whole step of a span that is not too old."""
    first = max(span[0], int(oldest)) // STEP_S * STEP_S
    return np.arange(first, span[1], STEP_S, dtype=np.int64)


def _counters(fleet: Fleet, port: int, times: Ints) -> Iterator[tuple[str, list[str]]]:
    """The raw series with their points, as text."""
    if not len(times):
        return
    counts = np.stack([fleet.counts(at) for at in times.tolist()]).astype(np.int64)
    stamps = times.tolist()
    for number, service in enumerate(fleet.names):
        of = f'job="{JOB}",instance="{address(number, port)}",service="{service}"'
        for route in fleet.routes(number):
            for place, code in enumerate(CODES):
                values = counts[:, place, route].tolist()
                name = f'http_requests_total{{{of},route="r{route:05}",code="{code}"}}'
                yield name, [f"{v} {t}" for v, t in zip(values, stamps, strict=True)]


def _ratios(fleet: Fleet, times: Ints) -> Iterator[tuple[str, list[str]]]:
    """The recorded ratios with their points, as text; they swing, as ratios do."""
    swings = [
        [f"{BAD * (1 + 0.3 * math.sin(t / 700 + phase)):.12g} {t}" for t in times.tolist()]
        for phase in range(7)
    ]
    for number, service in enumerate(fleet.names):
        for route in fleet.routes(number):
            of = f'sloth_id="{service}-r{route:05}",sloth_service="{service}"'
            name = f'slo:sli_error:ratio_rate5m{{{of},sloth_slo="r{route:05}",sloth_window="5m"}}'
            yield name, swings[route % len(swings)]
