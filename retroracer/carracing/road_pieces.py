"""The road of one episode as quadrilaterals, ready to be covered.

Owns: the corners of tiles and kerbs, and to which side the stock painter's borders move each.
Does not draw.

The stock env paints tiles and kerbs in order, each over what is there. Coverage adds up in no
order, which comes to the same where the pieces do not overlap. They do so only by their borders,
hence the sides here: the road of CarRacing never comes upon itself (in none of 2,400 tracks did
pieces more than six tiles apart come within each other's circles), and its tightest turn is
wider than the road.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
WHITE, RED = -1, -2
"""Paint of kerbs; paint from 0 on is a tile's."""


@dataclass(frozen=True)
class RoadPieces:
    """The quadrilaterals of one track.

    Attributes:
        corners: (P, 4, 4) x, y in the world, and the direction (x, y) in which the stock
            painter's border moves the corner.
        paint: (P,) the tile whose colour it has, or ``WHITE`` or ``RED``.
        circle: (P, 3) x, y and radius of a circle around it.
    """

    corners: Floats
    paint: Ints
    circle: Floats


def road_pieces(
    road_poly: Sequence[tuple[Any, Any]], track: Sequence[tuple[float, ...]]
) -> RoadPieces:
    """The pieces of a track.

    Args:
        road_poly: the stock env's polygons and colours in painting order: a tile, and behind it
            its kerb if it has one (a kerb's colour is a tuple, a tile's an array).
        track: the stock env's nodes: angle, heading of the cross-section [rad], x, y.
    """
    kerb = np.array([isinstance(colour, tuple) for _, colour in road_poly])
    tile = np.cumsum(~kerb) - 1
    corners = np.empty((len(road_poly), 4, 4))
    corners[..., :2] = [poly for poly, _ in road_poly]
    corners[..., 2:] = _borders(np.array([node[1] for node in track]), tile, kerb)
    circle = np.empty((len(road_poly), 3))
    circle[:, :2] = corners[..., :2].mean(1)
    circle[:, 2] = np.sqrt(((corners[..., :2] - circle[:, None, :2]) ** 2).sum(-1)).max(1)
    return RoadPieces(corners, np.where(kerb, np.where(tile % 2 == 0, WHITE, RED), tile), circle)


def _borders(heading: Floats, tile: Ints, kerb: npt.NDArray[np.bool_]) -> Floats:
    """Directions (P, 4, 2) in which the stock painter's borders move the corners."""
    n = len(heading)
    before = np.arange(n) - 1
    across = np.stack([np.cos(heading), np.sin(heading)], -1)  # to the right, x - to its left
    along = np.stack([-np.sin(heading), np.cos(heading)], -1)
    side = np.zeros(n)  # of the kerb: 1 right, -1 left, 0 none
    side[tile[kerb]] = np.sign(heading[before] - heading)[tile[kerb]]
    out = np.empty((len(tile), 4, 2))
    here, back = across[tile], across[before[tile]]
    # A tile grows to both sides, but a kerb is painted over its edge and grows inwards.
    left = np.where(side[tile] < 0, 1.0, -1.0)[:, None]
    right = np.where(side[tile] > 0, -1.0, 1.0)[:, None]
    out[:, 0], out[:, 1] = left * here, right * here
    out[:, 2], out[:, 3] = right * back, left * back
    k = np.flatnonzero(kerb)
    s = side[tile[k]][:, None]
    followed = (side[(tile[k] + 1) % n] != 0) & (tile[k] + 1 < n)
    front = np.where(followed, -1.0, 1.0)[:, None] * along[tile[k]]
    behind = -along[before[tile[k]]]
    out[k, 0], out[k, 1] = -s * here[k] + front, s * here[k] + front
    out[k, 2], out[k, 3] = s * back[k] + behind, -s * back[k] + behind
    return out
