"""Labels of services and SLOs. OpenSLO lets one label hold several values, written as a list.

Several values are kept as one text, joined by commas; a label fits when any of them does.
"""

from collections.abc import Iterable, Mapping

BETWEEN = ","


def joined(values: Iterable[str]) -> str:
    """The values of one label as one text."""
    return BETWEEN.join(values)


def fit(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether every wanted label is there with the wanted value."""
    return all(_holds(labels.get(name), value) for name, value in wanted.items())


def _holds(have: str | None, value: str) -> bool:
    return have is not None and (have == value or value in have.split(BETWEEN))
