"""A month of one-minute slices of many SLIs: Vigie's report engine beside pandas.

Run: .venv/bin/python benchmarks/report.py [--slis 1000] [--days 30] [--runs 3]
                                           [--pandas-python PYTHON]

A ledger is filled with slices (43.2 million by default) and its closed days are written to their
files, which is timed apart: it happens once. Then two programs answer the same questions from the
same files, in turn, each run a process of its own: good, total and measured time of every SLI, and
every spell in which under 95 % of its events were good. Vigie's is what `vigie slo report` calls
(vigie.store.history.days, slo.report_sums.count, slo.report_spells.spells), looking at the ledger
first to see that the files are still true. Each times itself from its first import to its answer;
peak memory is the process's own. The answers must be identical. Prints one JSON line a measurement;
ratios are medians over paired runs. Without --pandas-python a throwaway environment is made.
"""

# ruff: noqa: PLC0415 - each program pays for its own imports only

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DAY_MIN, FIRST_DAY, BELOW = 1440, 20_727, 0.95
WALL_TARGET, MEMORY_TARGET = 0.5, 0.125
PANDAS = """
import time; began = time.perf_counter()
import hashlib, json, sys
import pandas as pd
frame = pd.read_parquet(sys.argv[1])
sums = frame.groupby("sli", sort=True)[["good", "total", "measured_us"]].sum()
low = frame[(frame.total >= 3) & (frame.good < 0.95 * frame.total)]
low = low[["sli", "minute"]].sort_values(["sli", "minute"])
run = ((low.sli != low.sli.shift()) | (low.minute.diff() != 1)).cumsum()
spells = low.assign(run=run).groupby("run").agg(
    sli=("sli", "first"), first=("minute", "min"), last=("minute", "max"))
spells["last"] += 1
sums = [[int(x) for x in row] for row in sums.reset_index().values]
spells = [[int(x) for x in row] for row in spells.values]
answer = hashlib.sha256(json.dumps([sums, spells]).encode()).hexdigest()
print(json.dumps({"wall_s": time.perf_counter() - began, "answer": answer, "spells": len(spells),
    "peak_mib": int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024}))
"""


def main() -> int:
    options = _options()
    if options.ask:
        print(json.dumps(_ours(Path(options.ask), options.slis, options.days)))
        return 0
    with tempfile.TemporaryDirectory(prefix="vigie-report-") as name:
        folder = Path(name)
        python = options.pandas_python or _environment(folder / "pandas")
        _fill(folder, options.slis, options.days)
        began = time.perf_counter()
        first = _ours(folder, options.slis, options.days)
        _say("closed days written", wall_s=time.perf_counter() - began, spells=first["spells"])
        return _compare(folder, python, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--slis", type=int, default=1000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pandas-python", help="an interpreter with pandas and pyarrow")
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    return parser.parse_args()


def _environment(folder: Path) -> str:
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "pandas", "pyarrow"]
    subprocess.run(pip, check=True)
    return python


def _compare(folder: Path, python: str, options: argparse.Namespace) -> int:
    history = str(folder / "history")
    size = ["--slis", str(options.slis), "--days", str(options.days)]
    ours_argv = [sys.executable, __file__, "--ask", str(folder), *size]
    pairs = []
    for run in range(options.runs + 1):
        ours, theirs = _run(ours_argv), _run([python, "-c", PANDAS, history])
        if ours["answer"] != theirs["answer"]:
            _say("the answers differ", ours=ours, pandas=theirs)
            return 1
        if run:  # the first pair warms the page cache for both
            pairs.append((ours, theirs))
            _say("run", vigie=ours, pandas=theirs)
    ratios = {
        name: statistics.median(ours[name] / theirs[name] for ours, theirs in pairs)
        for name in ("wall_s", "peak_mib")
    }
    met = ratios["wall_s"] <= WALL_TARGET and ratios["peak_mib"] <= MEMORY_TARGET
    _say(
        "vigie / pandas",
        slices=options.slis * options.days * DAY_MIN,
        wall=round(ratios["wall_s"], 3),
        wall_target=WALL_TARGET,
        memory=round(ratios["peak_mib"], 4),
        memory_target=MEMORY_TARGET,
        met=met,
    )
    return 0 if met else 1


def _run(argv: list[str]) -> dict[str, float | str]:
    found = subprocess.run(argv, check=True, capture_output=True, text=True)
    answer: dict[str, float | str] = json.loads(found.stdout)
    return answer


def _fill(folder: Path, slis: int, days: int) -> None:
    """A ledger in which SLIs are down now and then; the same on every run."""
    sys.path.insert(0, str(ROOT))
    import numpy as np

    from slo.ledger import Row
    from vigie.store.db import open_database
    from vigie.store.ledger import sli_ids, write_slices

    rng = np.random.default_rng(1)
    down = np.zeros((days * DAY_MIN, slis), dtype=np.bool_)
    for column in range(slis):
        for _ in range(rng.integers(0, 8)):
            at = rng.integers(0, len(down))
            down[at : at + rng.integers(1, 180), column] = True
    database = open_database(f"sqlite:///{folder / 'vigie.db'}")
    ids = database.write(lambda c: sli_ids(c, [f"sli-{n}" for n in range(slis)]))
    measured = np.full(slis, 60_000_000)
    for day in range(days):
        rows = []
        for minute in range(day * DAY_MIN, (day + 1) * DAY_MIN):
            total = rng.poisson(600, slis)
            bad = rng.binomial(total, np.where(down[minute], 0.9, 0.0005))
            start = (FIRST_DAY * DAY_MIN + minute) * 60
            rows.append(Row(60, start, 1, total - bad, total, measured))
        database.write(lambda c, rows=rows: write_slices(c, rows, ids))
    database.close()
    _say("ledger filled", slices=slis * days * DAY_MIN)


def _ours(folder: Path, slis: int, days: int) -> dict[str, float | str]:
    began = time.perf_counter()
    sys.path.insert(0, str(ROOT))
    import hashlib

    from sqlalchemy import Connection

    from slo.report_spells import Looked, spells
    from slo.report_sums import Asked, count
    from vigie.store import history
    from vigie.store.db import open_database

    first, last = FIRST_DAY * DAY_MIN, (FIRST_DAY + days) * DAY_MIN
    database = open_database(f"sqlite:///{folder / 'vigie.db'}", read_only=True)

    def work(c: Connection) -> tuple[list[list[int]], list[list[int]]]:
        known = history.numbers(c, [f"sli-{n}" for n in range(slis)])
        ids = sorted(known.values())
        read = history.days(c, folder / "history", [(first, last)])
        counted = count([Asked(one, first, last) for one in ids], read)
        looked = spells([Looked(one, first, last, BELOW) for one in ids], read)
        sums = [
            [sli, one.all.good, one.all.total, one.all.measured_us]
            for sli, one in zip(ids, counted, strict=True)
        ]
        low = [[sli, *run] for sli, runs in zip(ids, looked, strict=True) for run in runs]
        return sums, low

    sums, low = database.read(work)
    database.close()
    answer = hashlib.sha256(json.dumps([sums, low]).encode()).hexdigest()
    return {
        "wall_s": time.perf_counter() - began,
        "answer": answer,
        "spells": len(low),
        "peak_mib": _peak_mib(),
    }


def _peak_mib() -> float:
    """Of this program; getrusage() would tell the parent's from before exec, if that was more."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _say(what: str, **facts: object) -> None:
    print(json.dumps({"what": what, **facts}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
