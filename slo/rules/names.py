"""The series that the rules of style `exact` record, and their labels; constants only.

Named `level:metric:operation` as Prometheus advises. All have `service` and `slo`.
"""

from typing import Final

GOOD: Final = "vigie:sli_good:increase"  # the step follows: `vigie:sli_good:increase15s`
TOTAL: Final = "vigie:sli_total:increase"
SLICE_GOOD: Final = "vigie:slice_good:increase"  # events of a time slice, before it is judged
SLICE_TOTAL: Final = "vigie:slice_total:increase"

TOTAL_SUM: Final = "vigie:sli_total:sum"  # these four have `window`
BAD_SUM: Final = "vigie:sli_bad:sum"
ERROR_RATIO: Final = "vigie:sli_error:ratio"
BURN_RATE: Final = "vigie:burn_rate:ratio"

OBJECTIVE: Final = "vigie:slo_objective:ratio"
WINDOW_SECONDS: Final = "vigie:slo_window:seconds"
REMAINING: Final = "vigie:error_budget_remaining:ratio"

INHIBITS: Final = "inhibits"  # of a page: the severity that it makes needless
