"""Several values of one thing: what is in the middle, and how far they lie apart."""

from statistics import median


def spread(values):
    values = list(values)
    return {"median": median(values), "low": min(values), "high": max(values)}


def ratios(values, others):
    """Pair by pair: both of a pair were measured one after the other."""
    return spread(value / other for value, other in zip(values, others))
