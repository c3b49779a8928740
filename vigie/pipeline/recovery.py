"""What the policies say of incidents that are measured to be over, told with their signals."""

from collections.abc import Iterable
from dataclasses import replace

from incidents.model import Signal
from slo import recovery
from slo.recovery import OnRecovery
from slo.spec import SloId
from vigie.pipeline.plan import Plan


def with_recovery(plan: Plan, signals: Iterable[Signal]) -> list[Signal]:
    """The signals, those that are clear with what the policy of their SLO says; one about no SLO
    with what those of its service say together.
    """
    return [_with(plan, one) if one.clear else one for one in signals]


def _with(plan: Plan, signal: Signal) -> Signal:
    written = _written(plan, signal)
    return signal if written is None else replace(signal, on_recovery=written)


def _written(plan: Plan, signal: Signal) -> OnRecovery | None:
    if signal.slo:
        index = plan.index.get(SloId(f"{signal.service}/{signal.slo}"))
        return None if index is None else plan.watches[index].policy.on_recovery
    indexes = plan.slos_of_service.get(signal.service, ())
    return recovery.together(plan.watches[int(i)].policy.on_recovery for i in indexes)
