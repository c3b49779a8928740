"""Whether so many failures can still be chance: the binomial tail, for a few arms at a time."""

from math import erfc, exp, lgamma, log, log1p, sqrt

_NORMAL_FROM = 100_000.0  # expected failures from which the normal tail is exact to three digits
_MAX_STEPS = 5000  # of the continued fraction; it converges in O(sqrt(n)) of them
_EPSILON = 1e-12
_TINY = 1e-300


def tail(bad: int, total: int, p: float) -> float:
    """P(X >= bad) of `total` events that each fail with probability `p`.

    That it is under alpha says the same as that the one-sided Clopper-Pearson lower bound of the
    failing share, bad / total, lies above p. It equals the regularised incomplete beta function
    I_p(bad, total - bad + 1) (Abramowitz and Stegun, 26.5.24).
    """
    if bad <= 0 or p >= 1.0:
        return 1.0
    if p <= 0.0 or bad > total:
        return 0.0
    if total * p > _NORMAL_FROM:
        deviations = (bad - 0.5 - total * p) / sqrt(total * p * (1.0 - p))
        return 0.5 * erfc(deviations / sqrt(2.0))
    return _beta(p, float(bad), float(total - bad + 1))


def surely(bad: int, total: int, p: float, alpha: float) -> bool:
    """Whether `tail` is under alpha. Most answers need no more than Chernoff's bound."""
    if bad <= p * total:
        return False
    return _chernoff(bad / total, p) * total > -log(alpha) or tail(bad, total, p) < alpha


def _chernoff(share: float, p: float) -> float:
    """The exponent D of P(X >= share * n) <= exp(-n D): the Kullback-Leibler divergence."""
    rest = (1.0 - share) * log((1.0 - share) / (1.0 - p)) if share < 1.0 else 0.0
    return share * log(share / p) + rest


def _beta(x: float, a: float, b: float) -> float:
    """I_x(a, b), by the continued fraction on the side where it converges fast."""
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _fraction(1.0 - x, b, a)
    return _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """I_x(a, b) for x below (a + 1) / (a + b + 2), by Lentz's method (DLMF 8.17.22)."""
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    c, d = 1.0, 1.0 / _kept_off_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _MAX_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for step in (even, odd):
            d = 1.0 / _kept_off_zero(1.0 + step * d)
            c = _kept_off_zero(1.0 + step / c)
            value *= c * d
        if abs(c * d - 1.0) < _EPSILON:
            break
    return front * value


def _kept_off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
