"""The kind `Policy`: how the SLOs that it selects are watched."""

from slo.load.document import opened
from slo.load.yaml import Fields, Node, Problems
from slo.policies import arm_name
from slo.spec import Arm, ArmKind, Policy


def read(node: Node, problems: Problems) -> Policy | None:
    """A `Policy` document."""
    before = len(problems.errors)
    default = Policy("")
    with opened(node, problems) as document:
        spec = document.spec
        with spec.maybe_map("select") as select:
            services = tuple(select.texts("services")) if select else ()
            slos = tuple(select.texts("slos")) if select else ()
            match_labels = select.labels("labels") if select else {}
        policy = Policy(
            name=document.name,
            services=services,
            slos=slos,
            match_labels=match_labels,
            arms=_arms(spec),
            coverage_floor=spec.number(
                "coverage_floor", default.coverage_floor, above=0.0, at_most=1.0
            ),
            min_bad=spec.integer("min_bad", default.min_bad, at_least=1),
            no_data_after_s=spec.duration("no_data_after", default.no_data_after_s),
            recover_after_s=spec.duration("recover_after", default.recover_after_s),
            down_below=spec.number("down_below", default.down_below, at_least=0.0, below=1.0),
            mark=document.mark,
        )
    return policy if len(problems.errors) == before else None


def _arms(spec: Fields) -> tuple[Arm, ...] | None:
    """The written arms, unique in kind and lengths as their names say; None leaves Vigie's own."""
    arms: dict[str, Arm] = {}
    for fields in spec.maps("arms"):
        arm = _arm(fields)
        if arm.name in arms:
            message = f"another arm is a {arm.kind} with these lengths: keep one of them"
            spec.problems.error(fields.node.mark, message)
        arms[arm.name] = arm
    return tuple(arms.values()) or None


def _arm(fields: Fields) -> Arm:
    kind = ArmKind(fields.choice("kind", [kind.value for kind in ArmKind]))
    burn_rate = fields.number("burn_rate", above=0.0)
    long_s, short_s = fields.duration("long"), fields.duration("short")
    if long_s and short_s >= long_s:
        message = f"`{fields.where}.short` must be shorter than `long`: a twelfth of it is usual"
        fields.problems.error(fields.mark("short"), message)
    return Arm(
        name=arm_name(kind, long_s, short_s),
        kind=kind,
        burn_rate=burn_rate,
        long_s=long_s,
        short_s=short_s,
        mark=fields.mark("burn_rate"),
    )
