"""What benchmarks share: what the kernel says of a process, and the line that a figure is told on.

A line is one JSON object {name, ours, peer, ratio, target, holds}; `ratio` is ours / peer, and it
holds when that is at most the target. Where `peer` is a limit that was set, `note` says so.
"""

import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Reading:
    """CPU seconds of a process so far, and its memory in MB: resident, and what of it is its own
    (anonymous: without mapped files, whose pages the kernel may take back).
    """

    cpu_s: float
    memory_mb: float
    own_mb: float


def reading(pid: int) -> Reading:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    resident, own = (int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon"))
    return Reading(cpu_s(pid), resident, own)


def cpu_s(pid: int) -> float:
    """CPU time of all threads of a process, ended ones too, to the nanosecond.

    /proc/PID/stat has it in hundredths of a second, as long as a whole round of ours.
    """
    clock = (~pid << 3) | 2  # as clock_getcpuclockid(3) makes it
    return time.clock_gettime(clock)


def line(
    name: str, ours: float, peer: float, target: float, note: str = "", **more: float | str
) -> bool:
    """Print one figure; whether it holds."""
    ratio = ours / peer
    facts: dict[str, object] = {
        "name": name,
        "ours": _short(ours),
        "peer": _short(peer),
        "ratio": _short(ratio),
        "target": _short(target),
        "holds": ratio <= target,
    }
    if note:
        facts["note"] = note
    print(json.dumps({**facts, **more}), flush=True)
    return ratio <= target


def say(what: str, **facts: object) -> None:
    """Print something that is no claim."""
    print(json.dumps({"what": what, **facts}), flush=True)


def load_average() -> list[float]:
    return [round(value, 2) for value in os.getloadavg()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _short(value: float) -> float:
    """Four digits that mean something."""
    return float(f"{value:.4g}")
