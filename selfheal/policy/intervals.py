"""95 % intervals, as the views of the metrics have them; promotion of modes goes by the first."""

import math

Z = 1.959963984540054


def wilson(successes: int, of: int) -> tuple[float, float]:
    """Wilson's interval of a rate, which holds for few and for extreme results too; (0, 1) of nothing."""
    if not 0 <= successes <= of:
        raise ValueError(f"{successes} of {of} is no rate")
    if of == 0:
        return 0.0, 1.0
    return _low(successes, of), 1.0 - _low(of - successes, of)


def _low(successes: int, of: int) -> float:
    square = Z * Z
    spread = math.sqrt(square * (successes * (of - successes) / of + square / 4))
    return max(0.0, (successes + square / 2 - spread) / (of + square))
