"""The kind `PriorityMatrix`: what comes first, why, and how soon it is answered and resolved."""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Final

from incidents.matrix import (
    PRIORITIES,
    SEVERITIES,
    URGENCIES,
    USUAL,
    Modifier,
    PriorityMatrix,
    TimeTarget,
    inversions,
    most_specific,
)
from slo.load.codes import Code
from slo.load.document import opened
from slo.load.yaml import Fields, Mark, Node, Problems, did_you_mean
from slo.windows import show

LEVELS: Final = tuple(f"P{level}" for level in PRIORITIES)
ROWS: Final = tuple(f"SEV{severity}" for severity in SEVERITIES)
EFFECTS: Final = ("raise", "lower", "at_least", "at_most")
MOST_MOVES: Final = len(PRIORITIES) - 1
MAX_REASON: Final = 200
MAX_WITHIN_S: Final = 366 * 86_400.0
# Where no `notice_before` is written: three quarters of the time are gone.
NOTICE_SHARE: Final = 0.25


def read(node: Node, problems: Problems) -> PriorityMatrix | None:
    """A `PriorityMatrix` document."""
    before = len(problems.errors)
    with opened(node, problems) as document:
        spec = document.spec
        with spec.maybe_map("select") as select:
            services = tuple(select.texts("services")) if select else ()
            match_labels = select.labels("labels") if select else {}
        matrix = PriorityMatrix(
            name=document.name,
            services=services,
            match_labels=match_labels,
            levels=_levels(spec),
            modifiers=tuple(_modifier(fields) for fields in spec.maps("modifiers")),
            response=_targets(spec, "response"),
            resolution=_targets(spec, "resolution"),
            mark=document.mark,
        )
        _check_order(matrix, spec)
    return matrix if len(problems.errors) == before else None


def check(
    matrices: Sequence[PriorityMatrix],
    services: Mapping[str, Mapping[str, str]],
    problems: Problems,
) -> None:
    """Over all files: no two matrices select one service equally (an error), and none selects a
    service that there is not (a warning). `services` are the labels of each by name.
    """
    told: set[tuple[str, str]] = set()
    for service, labels in services.items():
        fitting = most_specific(matrices, service, labels)
        for first, other in pairwise(fitting):
            if (first.name, other.name) not in told:
                told.add((first.name, other.name))
                _tell_of_tie(first, other, service, problems)
    for matrix in matrices:
        _warn_of_unknown(matrix, services, problems)


def _levels(spec: Fields) -> Mapping[tuple[int, str], int]:
    with spec.maybe_map("matrix") as rows:
        if rows is None:
            return USUAL
        levels: dict[tuple[int, str], int] = {}
        before = len(rows.problems.errors)
        for severity, name in zip(SEVERITIES, ROWS, strict=True):
            with rows.map(name) as row:
                for urgency in URGENCIES:
                    levels[severity, urgency] = _level(row, urgency)
        if len(rows.problems.errors) == before:
            for severity, later, sooner in inversions(levels):
                message = f"{later} comes after {sooner}: what is worse would wait longer"
                mark = rows.mark(ROWS[severity - 1])
                rows.problems.warn(mark, message, Code.OUT_OF_ORDER)
        return levels


def _level(fields: Fields, key: str) -> int:
    return LEVELS.index(fields.choice(key, LEVELS)) + 1


def _modifier(fields: Fields) -> Modifier:
    with fields.map("when") as when:
        labels, types = when.labels("labels"), _types(when)
        if not labels and not types and not (when.has("labels") or when.has("types")):
            message = f"`{when.where}` asks nothing: write `labels` or `types`"
            when.problems.error(when.node.mark, message, Code.MISSING_KEY)
    effect = _effect(fields)
    return Modifier(
        reason=_reason(fields),
        labels=labels,
        types=types,
        moves=_moves(fields, effect),
        at_least=_level(fields, "at_least") if effect == "at_least" else None,
        at_most=_level(fields, "at_most") if effect == "at_most" else None,
    )


def _types(when: Fields) -> tuple[str, ...]:
    types = when.texts("types")
    known = _incident_types() if types else []
    for name in types:
        hint = did_you_mean(name, known)
        if name and name not in known and hint:  # people have types of their own
            message = f"no incident that Vigie opens has the type `{name}`{hint}"
            when.problems.warn(when.mark("types"), message, Code.MISSPELT)
    return tuple(types)


def _incident_types() -> list[str]:
    from incidents.model import IncidentType  # noqa: PLC0415 - `vigie slo check` waits 6 ms for it

    return [kind.value for kind in IncidentType]


def _effect(fields: Fields) -> str:
    """The one thing that a modifier does; empty, with a problem, where that is not clear."""
    said = [key for key in EFFECTS if fields.has(key)]
    fields.ignore(*EFFECTS)
    if len(said) == 1:
        return said[0]
    if said:
        message = f"`{fields.where}` says {' and '.join(said)}: make a modifier of each"
        fields.problems.error(fields.mark(said[1]), message, Code.CONFLICT)
    else:
        message = f"`{fields.where}` does nothing: write one of {', '.join(EFFECTS)}"
        fields.problems.error(fields.node.mark, message, Code.MISSING_KEY)
    return ""


def _moves(fields: Fields, effect: str) -> int:
    if effect not in ("raise", "lower"):
        return 0
    moves = fields.integer(effect, at_least=1, at_most=MOST_MOVES)
    return moves if effect == "raise" else -moves


def _reason(fields: Fields) -> str:
    reason = fields.text("reason").strip()
    if len(reason) > MAX_REASON or not reason.isprintable():
        message = f"`{fields.where}.reason` must be one line of at most {MAX_REASON} characters"
        fields.problems.error(fields.mark("reason"), message, Code.OUT_OF_BOUNDS)
    return reason


def _targets(spec: Fields, key: str) -> Mapping[int, TimeTarget]:
    targets: dict[int, TimeTarget] = {}
    with spec.maybe_map(key) as by_level:
        for level, name in zip(PRIORITIES, LEVELS, strict=True):
            if by_level is None:
                break
            with by_level.maybe_map(name) as fields:
                if fields is not None:
                    targets[level] = _target(fields)
    return targets


def _target(fields: Fields) -> TimeTarget:
    within_s = fields.duration("within")
    if within_s > MAX_WITHIN_S:
        message = f"`{fields.where}.within` is at most {show(MAX_WITHIN_S)}"
        fields.problems.error(fields.mark("within"), message, Code.OUT_OF_BOUNDS)
    notice_s = fields.duration("notice_before", within_s * NOTICE_SHARE, above_s=-1.0)
    if within_s and notice_s >= within_s:
        message = (
            f"`{fields.where}.notice_before` is {show(notice_s)}: it must be under `within`, else "
            "the notice would go out with the incident itself"
        )
        fields.problems.error(fields.mark("notice_before"), message, Code.OUT_OF_BOUNDS)
    return TimeTarget(within_s, notice_s)


def _check_order(matrix: PriorityMatrix, spec: Fields) -> None:
    """Nothing is resolved before it is answered; what comes first is not given more time."""
    for level, response in matrix.response.items():
        resolution = matrix.resolution.get(level)
        if resolution is not None and 0.0 < resolution.within_s < response.within_s:
            message = (
                f"P{level} is to be resolved within {show(resolution.within_s)} and answered "
                f"within {show(response.within_s)}: resolving takes at least as long"
            )
            spec.problems.error(spec.mark("resolution"), message, Code.OUT_OF_BOUNDS)
    for key, targets in (("response", matrix.response), ("resolution", matrix.resolution)):
        for sooner, later in pairwise(sorted(targets)):
            if targets[sooner].within_s > targets[later].within_s:
                message = f"`{spec.where}.{key}`: P{sooner} is given more time than P{later}"
                spec.problems.warn(spec.mark(key), message, Code.OUT_OF_ORDER)


def _tell_of_tie(
    first: PriorityMatrix, other: PriorityMatrix, service: str, problems: Problems
) -> None:
    message = (
        f"priority matrices `{first.name}` ({first.mark}) and `{other.name}` select service "
        f"`{service}` equally: make one of them more specific"
    )
    problems.error(_mark(other), message, Code.TIE)


def _warn_of_unknown(matrix: PriorityMatrix, known: Collection[str], problems: Problems) -> None:
    for name in matrix.services:
        if name not in known:
            hint = did_you_mean(name, known)
            message = f"priority matrix `{matrix.name}` selects service `{name}`, which no file"
            problems.warn(_mark(matrix), f"{message} names{hint}", Code.NO_SUCH_THING)


def _mark(matrix: PriorityMatrix) -> Mark:
    return matrix.mark or Mark("?", 1, 1)
