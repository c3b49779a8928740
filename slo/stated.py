"""What an SLO states, in words: its window, and its queries as they were written."""

from slo import windows
from slo.spec import CompositeSli, CountingSli, ForeignSli, Op, SampledSli, Sli, Slo

SIGNS = {Op.LT: "<", Op.LTE: "<=", Op.GT: ">", Op.GTE: ">="}


def window_name(slo: Slo) -> str:
    """`30d` for a rolling window, `1M` for a calendar month."""
    if slo.calendar is None:
        return windows.show(slo.window_s)
    return f"{slo.calendar.count}{slo.calendar.unit}"


def queries(sli: Sli) -> dict[str, str]:
    """The queries of an SLI by what they give: `good` or `bad` and `total`; `good` alone for a
    ratio or a threshold; each component's under its name; `source` for what can't be measured.
    """
    if isinstance(sli, CompositeSli):
        return {c.name: "; ".join(queries(c.sli).values()) for c in sli.components}
    if isinstance(sli, ForeignSli):
        return {"source": sli.reason}
    if isinstance(sli, CountingSli):
        return {sli.kind.value: sli.part.query, "total": sli.total.query}
    if isinstance(sli, SampledSli):
        part, total = sli.part.query, sli.total.query if sli.total else ""
    else:
        part, total = sli.part, sli.total
    if sli.op is not None:
        part = f"{part} {SIGNS[sli.op]} {sli.value:g}"
    return {sli.kind.value: part, **({"total": total} if total else {})}
