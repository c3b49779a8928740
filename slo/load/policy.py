"""The kind `Policy`: how the SLOs that it selects are watched."""

from typing import Final

from slo.load.codes import Code
from slo.load.document import name_in, opened
from slo.load.yaml import Fields, Node, Problems, did_you_mean, text_of
from slo.policies import arm_name
from slo.recovery import OnRecovery
from slo.spec import Act, Arm, ArmKind, BudgetAction, Policy, Rule, Unknown

MAX_GROUPS: Final = 10_000  # of one grouped SLO; each weighs as much as an SLO


def read(node: Node, problems: Problems) -> Policy | None:
    """A `Policy` document."""
    before = len(problems.errors)
    with opened(node, problems) as document:
        spec, default = document.spec, Policy("")
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
            min_total=spec.integer("min_total", default.min_total, at_least=1),
            alpha=spec.number("alpha", default.alpha, above=0.0, below=1.0),
            zero_traffic=_rule(spec, "zero_traffic", default.zero_traffic),
            missing=_rule(spec, "missing", default.missing),
            late=_rule(spec, "late", default.late),
            max_groups=spec.integer(
                "max_groups", default.max_groups, at_least=1, at_most=MAX_GROUPS
            ),
            no_data_after_s=spec.duration("no_data_after", default.no_data_after_s),
            recover_after_s=spec.duration("recover_after", default.recover_after_s),
            down_below=spec.number("down_below", default.down_below, at_least=0.0, below=1.0),
            alert_no_data=spec.flag("alert_no_data", default.alert_no_data),
            alert_resolved=spec.flag("alert_resolved", default.alert_resolved),
            on_recovery=_on_recovery(spec),
            actions=_actions(spec),
            gate_on_unknown=Unknown(
                spec.choice("gate_on_unknown", list(Unknown), default.gate_on_unknown)
            ),
            mark=document.mark,
        )
    return policy if len(problems.errors) == before else None


def _rule(spec: Fields, key: str, default: Rule) -> Rule:
    return Rule(spec.choice(key, list(Rule), default))


def _on_recovery(spec: Fields) -> OnRecovery | None:
    """None where it is not written: then it depends on whether somebody has acknowledged."""
    written = spec.has("on_recovery")
    return OnRecovery(spec.choice("on_recovery", list(OnRecovery))) if written else None


def _arms(spec: Fields) -> tuple[Arm, ...] | None:
    """The written arms, unique in kind and lengths as their names say; None leaves Vigie's own."""
    arms: dict[str, Arm] = {}
    for fields in spec.maps("arms"):
        arm = _arm(fields)
        if arm.name in arms:
            message = f"another arm is a {arm.kind} with these lengths: keep one of them"
            spec.problems.error(fields.node.mark, message, Code.DUPLICATE)
        arms[arm.name] = arm
    return tuple(arms.values()) or None


def _arm(fields: Fields) -> Arm:
    kind = ArmKind(fields.choice("kind", list(ArmKind)))
    burn_rate = fields.number("burn_rate", above=0.0)
    long_s, short_s = fields.duration("long"), fields.duration("short")
    if long_s and short_s >= long_s:
        message = f"`{fields.where}.short` must be shorter than `long`: a twelfth of it is usual"
        fields.problems.error(fields.mark("short"), message, Code.OUT_OF_BOUNDS)
    return Arm(
        name=arm_name(kind, long_s, short_s),
        kind=kind,
        burn_rate=burn_rate,
        long_s=long_s,
        short_s=short_s,
        after_s=fields.duration("after", 0.0),
        mark=fields.mark("burn_rate"),
    )


def _actions(spec: Fields) -> tuple[BudgetAction, ...]:
    """What is done about a budget that runs out; names are unique in the policy."""
    actions: list[BudgetAction] = []
    for fields in spec.maps("budget"):
        action = _action(fields)
        if action.name and action.name in [other.name for other in actions]:
            message = f"another budget action is called `{action.name}`: rename one of them"
            spec.problems.error(fields.mark("name"), message, Code.DUPLICATE)
        actions.append(action)
    return tuple(actions)


def _action(fields: Fields) -> BudgetAction:
    name, before = name_in(fields, "name"), len(fields.problems.errors)
    acts = _acts(fields)
    runs, misread = Act.RUNBOOK in acts, len(fields.problems.errors) > before
    with fields.map("when") as when:
        remaining_below, burning_above, over_s = _condition(when)
    if not runs and not misread:
        reason = f"is run by `{Act.RUNBOOK}`: add it to `do`, or remove the runbook"
        fields.refuse("runbook", reason, Code.CONFLICT)
    return BudgetAction(
        name=name,
        acts=acts,
        remaining_below=remaining_below,
        burning_above=burning_above,
        over_s=over_s,
        runbook=fields.text("runbook", None if runs else ""),
        mark=fields.mark("runbook" if runs else "name"),
    )


def _condition(when: Fields) -> tuple[float | None, float | None, float]:
    """`remaining_below`, `burning_above`, and the seconds that the burn rate is asked over."""
    below, above, over_s = None, None, BudgetAction("", ()).over_s
    if when.has("remaining_below"):  # may be negative: of a budget that is overspent
        below = when.number("remaining_below", at_most=1.0)
    if when.has("burning_above"):
        above = when.number("burning_above", above=0.0)
        over_s = when.duration("over", over_s)
    else:
        when.refuse("over", "is the window of `burning_above`: write both", Code.CONFLICT)
    if below is None and above is None:
        when.ignore("remaining_below", "burning_above")  # so that a misspelt one gets its hint
        message = f"`{when.where}` asks nothing: write `remaining_below` or `burning_above`"
        when.problems.error(when.node.mark, message, Code.MISSING_KEY)
    return below, above, over_s


def _acts(fields: Fields) -> tuple[Act, ...]:
    acts: list[Act] = []
    known = [act.value for act in Act]
    for node in fields.items("do", required=True):
        word = text_of(node, fields.problems, f"{fields.where}.do")
        if word in known:
            acts.append(Act(word))
        elif word:
            hint = did_you_mean(word, known)
            message = f"`{word}` is nothing that a budget does: {', '.join(known)} are{hint}"
            fields.problems.error(node.mark, message, Code.NOT_ALLOWED)
    return tuple(dict.fromkeys(acts))
