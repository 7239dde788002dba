"""How a cost grows with a size: least squares over points [x, y, ...]."""

from dataclasses import dataclass

import numpy


@dataclass(frozen=True)
class Line:
    base: float
    slope: float

    def at(self, x):
        return self.base + self.slope * x


@dataclass(frozen=True)
class Power:
    factor: float
    exponent: float

    def at(self, x):
        return self.factor * x**self.exponent


def line(points):
    """y = base + slope * x, where neither is negative: no cost is, at no size.

    Errors count in proportion to y, since sizes span decades: a small heap tells as much as a large one.
    """
    x, y = (numpy.array(column, float) for column in list(zip(*points))[:2])
    slope, base = numpy.polyfit(x, y, 1, w=1 / y)
    if base < 0:
        base, slope = 0.0, numpy.sum(x / y) / numpy.sum((x / y) ** 2)
    elif slope < 0:
        base, slope = numpy.sum(1 / y) / numpy.sum(1 / y**2), 0.0
    return Line(float(base), float(slope))


def power(points):
    """y = factor * x ** exponent: a line through the logarithms."""
    x, y = (numpy.log(numpy.array(column, float)) for column in list(zip(*points))[:2])
    exponent, factor = numpy.polyfit(x, y, 1)
    return Power(float(numpy.exp(factor)), float(exponent))
