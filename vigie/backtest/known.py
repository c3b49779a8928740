"""Incidents that people know of, and how well the pages of a replay tell of them."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from statistics import median
from typing import Final

from incidents.model import IncidentType
from slo.load.codes import Code
from slo.load.yaml import Fields, LoadError, Mark, Problems, documents
from slo.spec import Slo
from vigie.backtest.incidents import Incident
from vigie.backtest.times import instant

_COLUMNS: Final = ("start", "end", "service", "slo")


@dataclass(frozen=True, slots=True)
class Known:
    """Something that went wrong from `start` to `end`; `slo` is empty where it is of the whole
    service.
    """

    start: float
    end: float
    service: str
    slo: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Detection:
    """How pages and known incidents meet. A page lasts from when it went out until its incident was
    resolved; the two meet where they have a moment in common.

    `detected` are the known incidents that a page met, `right` the pages that met one. A ratio is
    None where there is nothing to divide by.
    """

    known: int
    detected: int
    pages: int
    right: int
    detect_s: float | None  # median, from the start of an incident to its first page

    @property
    def precision(self) -> float | None:
        return self.right / self.pages if self.pages else None

    @property
    def recall(self) -> float | None:
        return self.detected / self.known if self.known else None


def read(text: str, path: str) -> list[Known]:
    """The known incidents of a file, YAML or (by its name) CSV with a header; LoadError with every
    problem of it.
    """
    problems = Problems()
    read_as = _csv if PurePath(path).suffix.lower() == ".csv" else _yaml
    found = read_as(text, path, problems)
    if problems.errors:
        raise LoadError(problems.in_order())
    return found


def within(known: Iterable[Known], start: float, end: float) -> list[Known]:
    """Those that have a moment in common with [start, end]."""
    return [one for one in known if one.start <= end and one.end >= start]


def of_slo(
    known: Iterable[Known], incidents: Iterable[Incident], slo: Slo, end: float
) -> Detection:
    """How well the pages of one SLO tell of what is known of it, or of its service."""
    mine = [one for one in known if one.service == slo.service and one.slo in ("", slo.name)]
    pages = [
        one
        for one in _pages(incidents)
        if one.type is IncidentType.SLO_BURN and (one.service, one.slo) == (slo.service, slo.name)
    ]
    return _detection(mine, pages, end)


def of_all(known: Sequence[Known], incidents: Iterable[Incident], end: float) -> Detection:
    """How well all pages together do, those about silence too."""
    return _detection(known, _pages(incidents), end)


def _pages(incidents: Iterable[Incident]) -> list[Incident]:
    return [one for one in incidents if one.paged_at is not None]


def _detection(known: Sequence[Known], pages: Sequence[Incident], end: float) -> Detection:
    firsts = []
    for one in known:
        met = [page.paged_at or 0.0 for page in pages if _meet(one, page, end)]
        if met:
            firsts.append(max(min(met) - one.start, 0.0))
    return Detection(
        known=len(known),
        detected=len(firsts),
        pages=len(pages),
        right=sum(any(_meet(one, page, end) for one in known) for page in pages),
        detect_s=median(firsts) if firsts else None,
    )


def _meet(known: Known, page: Incident, end: float) -> bool:
    assert page.paged_at is not None, "only pages are asked"
    over = end if page.resolved_at is None else page.resolved_at
    return (
        page.service == known.service
        and (not known.slo or page.slo in ("", known.slo))
        and page.paged_at <= known.end
        and over >= known.start
    )


# -- reading ----------------------------------------------------------------------------------


def _yaml(text: str, path: str, problems: Problems) -> list[Known]:
    found = []
    for node in documents(text, path, problems):
        fields = Fields(node, problems)
        values = [fields.text("start"), fields.text("end"), fields.text("service")]
        marks = [fields.mark("start"), fields.mark("end"), node.mark]
        values.append(fields.text("slo", ""))
        fields.close()
        found += _known(values, marks, problems)
    return found


def _csv(text: str, path: str, problems: Problems) -> list[Known]:
    rows = csv.DictReader(text.splitlines(), restkey="", skipinitialspace=True)
    head = [name.strip() for name in rows.fieldnames or ()]
    rows.fieldnames = head
    for name in _COLUMNS[:3]:
        if name not in head:
            message = f"no column `{name}`: the first line names them, {', '.join(_COLUMNS)}"
            problems.error(Mark(path, 1, 1), message, Code.MISSING_KEY)
    for name in head:
        if name not in _COLUMNS:
            message = f"unknown column `{name}`: there are {', '.join(_COLUMNS)}"
            problems.error(Mark(path, 1, 1), message, Code.UNKNOWN_KEY)
    if problems.errors:
        return []
    found = []
    for row in rows:
        mark = Mark(path, rows.line_num, 1)
        if "" in row:
            problems.error(mark, f"more values than the {len(head)} columns", Code.WRONG_TYPE)
            continue
        found += _known([(row.get(name) or "").strip() for name in _COLUMNS], [mark] * 3, problems)
    return found


def _known(values: Sequence[str], marks: Sequence[Mark], problems: Problems) -> list[Known]:
    """One incident from its texts; none where a problem was told."""
    start, end, service, slo = values
    before = len(problems.errors)
    times = []
    for name, text, mark in zip(_COLUMNS, (start, end), marks, strict=False):
        try:
            times.append(instant(text))
        except ValueError as error:
            problems.error(mark, f"`{name}`: {error}", Code.BAD_TIME)
    if not service:
        problems.error(marks[2], "`service` has no value", Code.EMPTY)
    if len(times) == 2 and times[1] < times[0]:
        problems.error(marks[1], "`end` lies before `start`", Code.BAD_TIME)
    if len(problems.errors) > before:
        return []
    return [Known(times[0], times[1], service, slo, marks[2])]
