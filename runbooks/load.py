"""The kind `Runbook`: what to do about an incident, as steps."""

import re
from typing import Final
from urllib.parse import urlsplit

from runbooks.model import Match, Mode, Runbook, Step, StepKind
from slo.load.codes import Code
from slo.load.document import name_in, opened
from slo.load.yaml import Fields, Node, Problems, did_you_mean

PLACEHOLDERS: Final = ("service", "slo", "number")  # of the incident, in urls and texts
_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}?")


def read(node: Node, problems: Problems) -> Runbook | None:
    """A `Runbook` document."""
    before = len(problems.errors)
    with opened(node, problems) as document:
        spec = document.spec
        runbook = Runbook(
            name=document.name,
            title=spec.text("title"),
            match=_match(spec),
            mode=Mode(spec.choice("mode", [mode.value for mode in Mode], Mode.SUGGEST.value)),
            steps=_steps(spec),
            description=spec.text("description", ""),
            mark=document.mark,
        )
        if runbook.mode is Mode.DIAGNOSE and not any(step.read_only for step in runbook.steps):
            message = "`diagnose` runs the steps with `read_only: true`, and no step says that"
            problems.warn(spec.mark("mode"), message, Code.IGNORED)
    return runbook if len(problems.errors) == before else None


def _match(spec: Fields) -> Match:
    with spec.maybe_map("match") as match:
        if match is None:
            return Match()
        types = match.texts("types")
        known = _incident_types() if types else []
        for name in types:
            if name and name not in known:
                hint = did_you_mean(name, known)
                message = f"no incident type `{name}`; there are {', '.join(known)}{hint}"
                spec.problems.error(match.mark("types"), message, Code.NOT_ALLOWED)
        return Match(
            types=tuple(types),
            services=tuple(match.texts("services")),
            slos=tuple(match.texts("slos")),
            labels=match.labels("labels"),
        )


def _incident_types() -> list[str]:
    from incidents.model import IncidentType  # noqa: PLC0415 - `vigie slo check` waits 6 ms for it

    return [kind.value for kind in IncidentType]


def _steps(spec: Fields) -> tuple[Step, ...]:
    steps: list[Step] = []
    for fields in spec.maps("steps", required=True):
        step = _step(fields)
        if step.id and step.id in [other.id for other in steps]:
            message = f"another step has the id `{step.id}`: rename one of them"
            spec.problems.error(fields.mark("id"), message, Code.DUPLICATE)
        steps.append(step)
    return tuple(steps)


def _step(fields: Fields) -> Step:
    default = Step(id="", kind=StepKind.MANUAL, title="")
    kind = StepKind(fields.choice("kind", [kind.value for kind in StepKind]))
    step = Step(
        id=name_in(fields, "id"),
        kind=kind,
        title=fields.text("title"),
        text=fields.text("text", ""),
        url=fields.text("url") if kind is StepKind.HTTP else "",
        timeout_s=fields.duration("timeout", default.timeout_s),
        read_only=fields.flag("read_only", default.read_only),
    )
    if kind is StepKind.MANUAL:
        for key in ("url", "timeout", "read_only"):
            reason = "belongs to steps of kind http; a person does this one"
            fields.refuse(key, reason, Code.CONFLICT)
    elif step.url:
        _check_url(fields, step.url)
    for key in ("text", "url"):
        _check_placeholders(fields, key)
    return step


def _check_url(fields: Fields, url: str) -> None:
    filled = _PLACEHOLDER.sub("x", url)
    try:
        parts = urlsplit(filled)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an address in brackets that is none
        good = False
    if not good or any(c.isspace() for c in filled):
        message = f"`{url}` can't be fetched: write an http:// or https:// address"
        fields.problems.error(fields.mark("url"), message, Code.BAD_ADDRESS)


def _check_placeholders(fields: Fields, key: str) -> None:
    node = fields.node_of(key, required=False)
    for found in _PLACEHOLDER.finditer(str(node.raw.value) if node else ""):
        assert node is not None
        if found[0] not in [f"${{{name}}}" for name in PLACEHOLDERS]:
            allowed = ", ".join(f"${{{name}}}" for name in PLACEHOLDERS)
            hint = did_you_mean(found[1], PLACEHOLDERS)
            message = f"`{found[0]}` stands for nothing; there are {allowed}{hint}"
            fields.problems.error(node.mark_at(found.start()), message, Code.NOT_ALLOWED)
