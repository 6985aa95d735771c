"""Checks that a circuit's size is plausible, and asks the user for the scale if it is not.

Real roads are 6 to 25 m wide. If no width in a file is near that, the file describes a model
(such as 1:10) or uses another unit. Nothing is scaled on a guess: the error message names the
likely factor, and the user gives it with ``--scale``.
"""

from __future__ import annotations

import numpy as np

from retroracer.errors import UserError
from retroracer.track.geometry import Array
from retroracer.track.survey.surveyed import Surveyed

NARROWEST = 3.0
"""If no road width is above this [m], the user is asked."""
WIDEST = 30.0
"""If every road width is above this [m], the user is asked."""
SMALLEST = 20.0
"""Smallest extent of a circuit [m]."""
USUAL = 12.0
"""Width of a typical road [m]."""
_FACTORS = {k: f"at 1:{k:g}" for k in (10.0, 8.0, 18.0, 24.0, 32.0, 43.0, 100.0)}
_FACTORS[1000.0] = "in kilometres"
_SMALLER = {0.3048: "in feet", 0.1: "in decimetres", 0.01: "in centimetres", 0.001: "in mm"}


def check_size(points: Surveyed, scale: float | None) -> None:
    """Refuse a circuit of implausible size, with a question to the user.

    The points are already multiplied by the user's ``--scale``. If it is given, even as 1, widths
    are not questioned.

    Raises:
        UserError: with the question, and the option that answers it.
    """
    file = points.places.file
    extent = float(np.ptp(points.xy, axis=0).max())
    if extent < SMALLEST:
        degrees = extent < 1.0 and float(np.abs(points.xy).max()) <= 180.0 and scale is None
        asked = "; name the columns lon,lat if they are degrees" if degrees else ""
        raise UserError(
            f"{file}: all points lie within {extent:.2g} m; columns must be metres (x_m,y_m), not"
            f" degrees or kilometres{asked}; --scale 1000 turns kilometres into metres"
        )
    if scale is not None or points.on_earth or points.right is None or points.left is None:
        return
    width = points.right + points.left
    middle = float(np.median(width))
    if float(width.max()) < NARROWEST:
        factor, what = _nearest(_FACTORS, middle)
    elif float(width.min()) > WIDEST:
        factor, what = _nearest(_SMALLER, middle)
    else:
        return
    raise UserError(
        f"{file}: {_range(width)}: is this {what}? then add --scale {factor:g};"
        " if it is in metres at full size, add --scale 1"
    )


def _nearest(factors: dict[float, str], width: float) -> tuple[float, str]:
    """The most common factor if it gives a road's width, else the one closest to ``USUAL``."""
    first = next(iter(factors.items()))
    if 7.0 <= width * first[0] <= 25.0:
        return first
    return min(factors.items(), key=lambda f: abs(np.log(width * f[0] / USUAL)))


def _range(width: Array) -> str:
    low, high = f"{width.min():.3g}", f"{width.max():.3g}"
    return f"widths of {low} m" if low == high else f"widths of {low} to {high} m"
