"""How many spans a sampled one stands for, by the probability that its tracestate carries; and
which spans show that their traces were chosen at the tail, where nothing says how many were not.

Sources: OpenTelemetry, "TraceState: Probability Sampling" (`ot=th:`, the rejection threshold of 56
bits) and its predecessor (`ot=p:`, the negative power of two; 63 is a probability of zero). What
the Collector's tail sampling processor leaves on the scope of what it keeps, where its feature gate
`processor.tailsamplingprocessor.recordpolicy` is on: `tailsampling.policy` and two others.
"""

from functools import lru_cache
from typing import Any, Final

ONE: Final = 1 << 64  # a weight of one span: weights are whole numbers of 2^-64 of a span
MAX_WEIGHT: Final = 1 << 20  # spans; of what is rarer, one would outweigh an hour of events
_THRESHOLDS: Final = 1 << 56
_DIGITS: Final = 14
_HEX: Final = frozenset("0123456789abcdef")
_MAX_POWER: Final = 63
TAIL: Final = "tailsampling."


@lru_cache(maxsize=4096)
def weight(tracestate: str) -> int | None:
    """The spans that one with this tracestate stands for, in units of 1/ONE, rounded up: sums of
    weights that make a whole number then do so here. ONE where it names no probability; None where
    what it names cannot be, or is under one in MAX_WEIGHT.
    """
    members = _open_telemetry(tracestate)
    threshold, power = members.get("th"), members.get("p")
    if threshold is not None:
        return _by_threshold(threshold)
    if power is not None:
        return _by_power(power)
    return ONE


def is_tail_sampled(scope: Any) -> bool:
    """Whether an instrumentation scope shows that a tail sampler chose its spans."""
    return any(one.key.startswith(TAIL) for one in scope.attributes)


def _open_telemetry(tracestate: str) -> dict[str, str]:
    """The keys of OpenTelemetry's own entry."""
    for entry in tracestate.split(","):
        vendor, _, value = entry.strip().partition("=")
        if vendor == "ot":
            pairs = (pair.partition(":") for pair in value.split(";"))
            return {key.strip(): text.strip() for key, _, text in pairs}
    return {}


def _by_threshold(digits: str) -> int | None:
    if not 1 <= len(digits) <= _DIGITS or not _HEX.issuperset(digits):
        return None
    kept = _THRESHOLDS - int(digits.ljust(_DIGITS, "0"), 16)
    return _bounded(-(-ONE * _THRESHOLDS // kept))


def _by_power(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal()) or len(text) > 2 or int(text) > _MAX_POWER:
        return None
    return 0 if int(text) == _MAX_POWER else _bounded(ONE << int(text))


def _bounded(value: int) -> int | None:
    return value if value <= MAX_WEIGHT * ONE else None
