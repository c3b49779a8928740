"""Budget and burn: the formulas, for one SLO. Ratios are 0..1; None where nothing happened."""


def burn(good: int, total: int, objective: float) -> float | None:
    """How many times faster than allowed the budget is spent: error ratio / (1 - objective).

    Source: SRE Workbook, "Alerting on SLOs".
    """
    return (total - good) / total / (1.0 - objective) if total else None


def remaining(good: int, total: int, objective: float) -> float | None:
    """The share of the budget that is left, signed and unclamped."""
    burnt = burn(good, total, objective)
    return None if burnt is None else 1.0 - burnt
