"""Which row of the ledger an SLI has, and what its counts are worth."""

from slo.spec import MICRO, BasicSli, Policy, Rule, SampledSli, ServerSli

Group = tuple[tuple[str, str], ...]  # label and value, in the order of `group_by`


def key_of(sli: BasicSli, group: Group, policy: Policy, slice_s: int) -> str:
    """The fingerprint under which the ledger keeps what an SLI measured, of one group of its
    series. Events that are told too late are part of it where a policy counts them.
    """
    key = sli.fingerprint(slice_s) + (repr(group) if group else "")
    return f"{key}|late {policy.late}" if late_of(policy) is not Rule.IGNORE else key


def late_of(policy: Policy) -> Rule:
    """What late events count as. Their time is unmeasured as it is, so that `freeze` asks for
    nothing more than `ignore`.
    """
    return policy.late if policy.late in (Rule.GOOD, Rule.BAD) else Rule.IGNORE


def unit_of(sli: BasicSli) -> int:
    """How many counts of its row make one event, or one sample."""
    return MICRO if isinstance(sli, SampledSli | ServerSli) else 1
