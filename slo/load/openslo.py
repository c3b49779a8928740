"""OpenSLO v1: the kinds SLO and Service, read but for the names of other documents in them.

The format: https://github.com/OpenSLO/OpenSLO. Its other kinds have modules of their own;
`slo.load.resolve` joins them.
"""

from dataclasses import dataclass

from slo.load import openslo_alerts, openslo_metadata, openslo_objective, openslo_window
from slo.load.codes import Code
from slo.load.document import name_in
from slo.load.openslo_alerts import AlertPolicy
from slo.load.openslo_metadata import Metadata, Reference
from slo.load.openslo_objective import Objective
from slo.load.openslo_sli import Indicator
from slo.load.openslo_window import MAX_ROLLING_S as MAX_WINDOW_S
from slo.load.openslo_window import MIN_S as MIN_WINDOW_S
from slo.load.openslo_window import TimeWindow
from slo.load.yaml import Fields, Mark, Node, Problems
from slo.spec import Format, Method, Service

__all__ = ["MAX_WINDOW_S", "MIN_WINDOW_S", "SloDocument", "read_service", "read_slo"]


@dataclass(frozen=True, slots=True)
class SloDocument:
    """An `SLO` document of either version, from which one or several SLOs follow.

    `indicator` is None where every objective has its own; `composite` makes these one SLO.
    """

    metadata: Metadata
    service: str
    description: str
    window: TimeWindow
    method: Method
    indicator: Indicator | Reference | None
    objectives: tuple[Objective, ...]
    composite: bool
    policies: tuple[AlertPolicy | Reference, ...]
    format: Format
    mark: Mark


def read_service(node: Node, problems: Problems) -> Service | None:
    """A `Service` document of either version."""
    before = len(problems.errors)
    fields = Fields(node, problems)
    fields.ignore("apiVersion", "kind")
    meta = openslo_metadata.read(fields)
    with fields.maybe_map("spec") as spec:
        description = spec.text("description", "") if spec else ""
    fields.close()
    if len(problems.errors) > before:
        return None
    return Service(meta.name, meta.display_name, description, meta.labels, node.mark)


def read_slo(node: Node, problems: Problems) -> SloDocument | None:
    """An `SLO` document of v1."""
    before = len(problems.errors)
    fields = Fields(node, problems)
    fields.ignore("apiVersion", "kind")
    metadata = openslo_metadata.read(fields)
    with fields.map("spec") as spec:
        method = Method(spec.choice("budgetingMethod", list(Method)))
        indicator = openslo_objective.own_indicator(spec)
        objectives = [
            openslo_objective.read(objective, method)
            for objective in spec.maps("objectives", required=True)
        ]
        document = SloDocument(
            metadata=metadata,
            service=name_in(spec, "service"),
            description=spec.text("description", ""),
            window=openslo_window.read(spec),
            method=method,
            indicator=indicator,
            objectives=tuple(objectives),
            composite=any(objective.own for objective in objectives),
            policies=openslo_alerts.policies(spec),
            format=Format.OPENSLO,
            mark=node.mark,
        )
        _check_indicators(spec, document)
    fields.close()
    return document if len(problems.errors) == before else None


def _check_indicators(spec: Fields, document: SloDocument) -> None:
    """The SLI stands at the SLO, or each objective has its own."""
    written = [key for key in ("indicator", "indicatorRef") if spec.has(key)]
    if not document.composite:
        if not written:
            message = f"missing key `{spec.where}.indicator`, or an SLI's name as `indicatorRef`"
            spec.problems.error(spec.node.mark, message, Code.MISSING_KEY)
        return
    for key in written:
        reason = "stands beside objectives with an `indicator` of their own: keep one or the other"
        spec.refuse(key, reason, Code.CONFLICT)
    for objective in document.objectives:
        if not objective.own:
            message = "an objective without `indicator`, beside others that have one: write its own"
            spec.problems.error(objective.mark, message, Code.MISSING_KEY)
