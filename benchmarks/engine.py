"""The engine against its limits: evaluation, memory, restart and the durable tick.

    .venv/bin/python benchmarks/engine.py [--only evaluate|memory|restore|durable]

- evaluate: windows, arms and alerts of 10,000 SLOs, and the whole of `decide` with the pages of the
  targets whose turn it is; CPU on one core, 10 ms. Beside it a plain loop over dicts that finds the
  same alerts.
- memory: how much larger a server without its HTTP side is with 10,000 SLOs and 35 days of history
  than with one SLO; 40 kB an SLO.
- restore: 1,000 SLOs from a database as 35 days leave it (hours, minutes, and slices of two hours);
  1 s.
- durable: a committed tick of 1,000 SLOs, less what the disk takes to sync as many bytes; 5 ms.

`peer` is the limit where none is named. Every part runs in processes of its own.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from engine_world import INTERVAL_S, NOW, open_world, prepare, read_config
from measuring import line, load_average, reading, say
from slo_fleet import Fleet
from slo_history import DAY_S, SLICE_S

from incidents.model import EventKind
from slo.ledger import HOUR_S
from slo.spec import AlertState
from vigie.pipeline.decide import decide
from vigie.pipeline.judge import figures_of
from vigie.pipeline.restore import restore
from vigie.pipeline.silence import below_since
from vigie.pipeline.state import Batch, State
from vigie.pipeline.windows import measured_windows, pending
from vigie.store import incidents
from vigie.store.db import open_database

TICKS = 120
FLEETS = {
    "many": Fleet(10_000, services=200, burning=10, burns_since=NOW - 2 * HOUR_S),
    "some": Fleet(1000, services=20),
    "one": Fleet(1),  # a server without any SLO refuses its files
}
EVALUATE_MS, LOOP_SHARE, MEMORY_KB, RESTORE_S, TICK_MS = 10.0, 1 / 4, 40.0, 1.0, 5.0
NEWEST_MINUTES_S = 32 * HOUR_S  # no restart reads older ones
LIMIT = "peer is the limit"


def main() -> int:
    options = _options()
    if options.child:
        logging.disable()  # nobody is told of incidents, and the log would say so
        print(json.dumps(CHILDREN[options.child](Path(options.folder))))
        return 0
    with tempfile.TemporaryDirectory(prefix="vigie-engine-") as name:
        folder = Path(name)
        _prepare(folder)
        parts = [PARTS[options.only]] if options.only else list(PARTS.values())
        held = [part(folder, options) for part in parts]
    say("conditions", load_average=load_average(), cores=os.cpu_count())
    return 0 if all(held) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=list(PARTS))
    parser.add_argument("--runs", type=int, default=5, help="processes that each restore once")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


def _prepare(folder: Path) -> None:
    """Fill the databases, two at a time."""
    began = time.monotonic()
    with ThreadPoolExecutor(2) as two:
        done = list(two.map(lambda name: _child("prepared", folder / name), FLEETS))
    rows = {name: one["rows"] for name, one in zip(FLEETS, done, strict=True)}
    say("prepared", ledger_rows=rows, took_s=round(time.monotonic() - began))


# -- what is measured, in the process that prints ------------------------------------------------


def evaluation(folder: Path, _: argparse.Namespace) -> bool:
    found = _child("evaluate", folder / "many")
    of = f"of {FLEETS['many'].slos} SLOs, ms"
    return all(
        [
            line(f"engine: windows, arms and alerts {of}", found["ours"], EVALUATE_MS, 1, LIMIT),
            line(
                f"engine: windows, arms and alerts {of}, beside a loop over dicts",
                found["ours"],
                found["loop"],
                LOOP_SHARE,
            ),
            line(f"engine: decide {of}", found["decide"], EVALUATE_MS, 1, LIMIT),
        ]
    )


def memory(folder: Path, _: argparse.Namespace) -> bool:
    """Memory of a server with many SLOs over that of one with hardly any."""
    with_many, with_one = (_child("fill", folder / name) for name in ("many", "one"))
    each = (with_many["mb"] - with_one["mb"]) * 1024 / (FLEETS["many"].slos - 1)
    whole = [round(one["mb"], 1) for one in (with_many, with_one)]
    return line("engine: memory of an SLO, kB", each, MEMORY_KB, 1, LIMIT, processes_mb=str(whole))


def restart(folder: Path, options: argparse.Namespace) -> bool:
    found = [_child("start", folder / "some") for _ in range(options.runs)]
    took, cpu = (median(one[name] for one in found) for name in ("s", "cpu_s"))
    name = f"engine: {FLEETS['some'].slos} SLOs restored at start, s"
    return line(name, took, RESTORE_S, 1, LIMIT, cpu_s=round(cpu, 3))


def durable(folder: Path, _: argparse.Namespace) -> bool:
    held = []
    for which, what in (("one", "one target read"), ("all", "all targets read")):
        found = _child(f"tick_{which}", folder / "some")
        name = f"engine: durable tick of {FLEETS['some'].slos} SLOs, {what}, less the sync, ms"
        own = found["tick"] - found["sync"]
        facts = {fact: round(found[fact], 3) for fact in ("tick", "sync", "cpu", "bytes")}
        held.append(line(name, own, TICK_MS, 1, LIMIT, **facts))
    return all(held)


PARTS: dict[str, Callable[[Path, argparse.Namespace], bool]] = {
    "evaluate": evaluation,
    "memory": memory,
    "restore": restart,
    "durable": durable,
}
Found = dict[str, float]
Times = list[float]  # in ms


def _child(name: str, folder: Path) -> Found:
    """What a process of its own finds."""
    argv = [sys.executable, __file__, "--child", name, "--folder", str(folder)]
    found = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    answer: Found = json.loads(found)
    return answer


# -- what is measured, in the processes that work ------------------------------------------------


def prepared(folder: Path) -> Found:
    """Fill a database; that of some SLOs as a server leaves it that has read all of its targets."""
    fleet = FLEETS[folder.name]
    if folder.name != "some":
        return {"rows": prepare(folder, fleet, NEWEST_MINUTES_S)}
    rows = prepare(folder, fleet)
    world = open_world(folder, fleet)
    asyncio.run(world.warm_up())
    asyncio.run(world.stop())
    return {"rows": rows}


def evaluate(folder: Path) -> Found:
    """CPU milliseconds of looking at every SLO, by the engine and by a loop, and of `decide`."""
    _on_one_core()
    world = open_world(folder, FLEETS[folder.name])
    asyncio.run(world.warm_up())
    state, open_ = world.pipeline.state, world.database.read(incidents.open_incidents)
    ours: Times = []
    decided: Times = []
    loop: Times = []
    for second in range(1, 4 * INTERVAL_S + 1):
        now = NOW + 3 * INTERVAL_S + second
        world.clock.set(now)
        turn = range(second % INTERVAL_S, world.fleet.services, INTERVAL_S)
        batch = Batch(tuple(world.read(turn)))
        with _cpu_ms(ours):
            waits = pending(state, now)
            windows, _ = measured_windows(state, state.ledger, waits, now)
            below = below_since(state, now)
            figures = figures_of(
                state, state.ledger, windows, below=below, pending_s=waits, now=now
            )
        if second % INTERVAL_S == 0:
            firing = figures.alerts.state == AlertState.FIRING
            assert firing.any(), "some SLOs burn"
            assert _by_loop(state, now, loop) == firing.tolist(), "both find the same alerts"
        with _cpu_ms(decided):
            state, effects = decide(state, batch, open_, now)
        assert not any(event.kind is EventKind.OPENED for event in effects.events)
    asyncio.run(world.stop())
    return {"ours": median(ours), "decide": median(decided), "loop": median(loop)}


def _by_loop(state: State, now: float, times: Times) -> list[bool]:
    """Which arms fire, by a plain loop: what lay before each window is looked up in a dict, as is
    what there is now.
    """
    plan, ledger = state.plan, state.ledger
    good, total = (sums.tolist() for sums in ledger.totals())
    before = {}
    for length in plan.lengths:
        window = ledger.window(now, length)
        sums = zip(good, total, window.good.tolist(), window.total.tolist(), strict=True)
        before[length] = {slo: (g - a, t - b) for slo, (g, t, a, b) in enumerate(sums)}
    watches = list(plan.watches)
    cols = plan.col_of_slo.tolist()
    firing = []
    with _cpu_ms(times):
        for watch, col in zip(watches, cols, strict=True):
            all_good, all_total = good[col], total[col]
            for arm in watch.arms:
                limit = arm.burn_rate * (1.0 - watch.slo.objective)
                burns = True
                for length in (arm.long_s, arm.short_s):
                    good_before, total_before = before[length][col]
                    events = all_total - total_before
                    bad = events - (all_good - good_before)
                    burns = burns and bad >= watch.policy.min_bad and bad >= limit * events
                firing.append(burns)
    return firing


def fill(folder: Path) -> Found:
    """Memory of a server that has read all of its targets."""
    world = open_world(folder, FLEETS[folder.name])
    asyncio.run(world.warm_up())
    gc.collect()
    found = reading(os.getpid()).memory_mb
    asyncio.run(world.stop())
    return {"mb": found}


def start(folder: Path) -> Found:
    """How long it takes to restore, once the files are read."""
    _on_one_core()
    config = read_config(folder)
    database = open_database(f"sqlite:///{folder / 'vigie.db'}")
    now = NOW + 4 * INTERVAL_S
    took, cpu = time.perf_counter(), time.process_time()
    restored = database.write(lambda c: restore(c, config, SLICE_S, now))
    took, cpu = time.perf_counter() - took, time.process_time() - cpu
    events = restored.state.ledger.window(now, 30 * DAY_S).total
    assert len(events) == len(config.watches), "every SLO has a column"
    assert (events > 30 * DAY_S).all(), "30 days are there: the slowest counts two events a second"
    database.close()
    return {"s": took, "cpu_s": cpu}


def tick_one(folder: Path) -> Found:
    return asyncio.run(_ticks(folder, every_s=1, targets=1))


def tick_all(folder: Path) -> Found:
    return asyncio.run(_ticks(folder, every_s=INTERVAL_S, targets=FLEETS[folder.name].services))


async def _ticks(folder: Path, every_s: int, targets: int) -> Found:
    """Medians of committed ticks and of the sync of as many bytes, each after the other, in ms."""
    world = open_world(folder, FLEETS[folder.name], NOW + 4 * INTERVAL_S)
    await world.warm_up()
    ticks: Times = []
    cpu: Times = []
    syncs: Times = []
    sizes: list[int] = []
    with _BareDisk(folder / "bare") as bare:
        for number in range(TICKS):
            world.clock.set(world.clock.now() + every_s)
            for scrape in world.read((number + i) % world.fleet.services for i in range(targets)):
                world.pipeline.deliver(scrape)
            written = _bytes_written()
            with _wall_ms(ticks), _cpu_ms(cpu):
                await world.tick()
            sizes.append(_bytes_written() - written)
            with _wall_ms(syncs):
                bare.write(sizes[-1])
    await world.stop()
    return {
        "tick": median(ticks),
        "cpu": median(cpu),
        "sync": median(syncs),
        "bytes": median(sizes),
    }


class _BareDisk:
    """A file beside the database that is written over and over, as its log is, and synced."""

    SIZE = 8_000_000

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT)
        os.pwrite(self._file, b"1" * self.SIZE, 0)
        os.fsync(self._file)
        self._at = 0

    def __enter__(self) -> "_BareDisk":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def write(self, size: int) -> None:
        if self._at + size > self.SIZE:
            self._at = 0
        os.pwrite(self._file, b"2" * size, self._at)
        os.fdatasync(self._file)
        self._at += size


def _bytes_written() -> int:
    """What this process has handed to the kernel to be written."""
    counts = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(count.split()[1]) for count in counts if count.startswith("wchar"))


CHILDREN: dict[str, Callable[[Path], Found]] = {
    one.__name__: one for one in (prepared, evaluate, fill, start, tick_one, tick_all)
}


def _on_one_core() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


@contextmanager
def _cpu_ms(times: Times) -> Iterator[None]:
    began = time.process_time()
    yield
    times.append((time.process_time() - began) * 1000)


@contextmanager
def _wall_ms(times: Times) -> Iterator[None]:
    began = time.perf_counter()
    yield
    times.append((time.perf_counter() - began) * 1000)


if __name__ == "__main__":
    sys.exit(main())
