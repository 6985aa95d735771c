"""Many tracks packed into a few contiguous arrays for compiled code.

Owns the packed layout (column names below) and ``TrackBank``. A row of ``main`` is one cache line;
``side`` is read only near or beyond the edge of the road, ``way`` only for the road ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from retroracer.track.geometry import Array
from retroracer.track.track import Track

# Columns of ``main``: float64, one row per sample.
# CURVATURE is that of the cell up to the next sample. PLAIN is the distance from the centreline [m]
# up to which the cell has only asphalt, and no wall within reach of a car's body.
X, Y, TX, TY, LEFT, RIGHT, CURVATURE, PLAIN = range(8)
# Columns of ``way``: float64. BEND is the integral of curvature squared from the start [1/m].
HEADING, BEND = range(2)
# Columns of ``side``: float32.
(
    KERB_L,
    KERB_R,
    WALL_L,
    WALL_R,
    ROAD,
    KERB,
    RUNOFF_L,
    RUNOFF_R,
) = (0, 1, 2, 3, 4, 7, 10, 13)
N_SIDE = 16
# Each of the four surfaces takes three columns; these are their offsets from its first column.
GRIP, DRAG, PLOUGHING = range(3)
# Columns of ``facts``: float64, one row per track.
LENGTH, SPACING, CLOSING_TURN, TOTAL_BEND, GRID_GAP, START_SIDE, N_SECTORS, SECTORS = range(8)
MAX_SECTORS = 8

BODY_REACH = 6.0
"""Largest distance of a car's body from its centre [m]; ``physics.car`` enforces it."""


class TrackBank(NamedTuple):
    """Packed tracks; a NamedTuple of arrays, which compiled code accepts.

    Attributes:
        main: (M, 8) float64 samples of all tracks, one track after the other.
        way: (M, 2) float64 heading and bend of the same samples.
        edges: (M, 2) float32 half-widths of the road there, left and right [m].
        side: (M, 16) float32 surfaces and walls of the same samples.
        start: (T,) first row of each track.
        size: (T,) number of samples of each track. One more row follows them: the first sample
            again, a lap later, so that every cell ends in the row after its first.
        facts: (T, 7 + 7) float64: length, spacing, turn and bend of a lap, grid gap, start
            side, number of sectors, then the stations where sectors 2... begin.
    """

    main: Array
    way: Array
    edges: npt.NDArray[np.float32]
    side: npt.NDArray[np.float32]
    start: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    facts: Array

    @property
    def n_tracks(self) -> int:
        """Number of tracks."""
        return len(self.start)


def pack(tracks: Sequence[Track], room: int = 0) -> TrackBank:
    """Pack tracks of any lengths.

    Args:
        tracks: one or more tracks.
        room: least number of rows reserved for each, so that ``put`` can replace it later.

    Raises:
        ValueError: if there is no track, or one has more than 8 sectors.
    """
    if not tracks:
        raise ValueError("a bank needs at least one track")
    size = np.array([t.n for t in tracks], np.int64)
    end = np.cumsum(np.maximum(size, room) + 1)
    bank = TrackBank(
        main=np.empty((int(end[-1]), 8)),
        way=np.empty((int(end[-1]), 2)),
        edges=np.empty((int(end[-1]), 2), np.float32),
        side=np.empty((int(end[-1]), N_SIDE), np.float32),
        start=np.concatenate([[0], end[:-1]]).astype(np.int64),
        size=size,
        facts=np.full((len(tracks), SECTORS + MAX_SECTORS - 1), np.inf),
    )
    for k, track in enumerate(tracks):
        put(bank, k, track)
    return bank


def put(bank: TrackBank, slot: int, t: Track) -> None:
    """Replace the track in ``slot``, in place; no car may be driving there.

    Raises:
        ValueError: if it has more than 8 sectors, or more samples than the slot has room for.
    """
    if len(t.sectors) >= MAX_SECTORS:
        raise ValueError(f"track {t.name!r} has more than {MAX_SECTORS} sectors")
    start = int(bank.start[slot])
    ends = bank.start[slot + 1] if slot + 1 < bank.n_tracks else len(bank.main)
    if t.n >= ends - start:
        raise ValueError(f"track {t.name!r} has {t.n} samples, the slot {ends - start - 1}")
    rows = slice(start, start + t.n)
    last = start + t.n
    main, way, side, facts = bank.main, bank.way, bank.side, bank.facts
    bank.size[slot] = t.n
    surfaces = np.array([(s.grip, s.drag, s.ploughing) for s in t.surfaces])
    kerb = next((k for k, s in enumerate(t.surfaces) if s.name == "kerb"), 0)
    bend = t.curvature**2 * t.spacing
    main[rows, X:TX] = t.xy
    main[rows, TX:LEFT] = tangent = t.tangent
    main[rows, LEFT] = t.half_width_left
    main[rows, RIGHT] = t.half_width_right
    ahead = np.roll(tangent, -1, axis=0)
    cross = tangent[:, 0] * ahead[:, 1] - tangent[:, 1] * ahead[:, 0]
    main[rows, CURVATURE] = cross / t.spacing
    main[rows, PLAIN] = _plain(t, surfaces)
    main[last] = main[start]
    way[rows, HEADING] = t.heading
    way[last, HEADING] = t.heading[0] + t.closing_turn
    way[start, BEND] = 0.0
    way[start + 1 : last + 1, BEND] = np.cumsum(bend)
    bank.edges[rows, 0] = t.half_width_left
    bank.edges[rows, 1] = t.half_width_right
    bank.edges[last] = bank.edges[start]
    side[rows, KERB_L] = t.kerb_left
    side[rows, KERB_R] = t.kerb_right
    side[rows, WALL_L] = t.wall_left
    side[rows, WALL_R] = t.wall_right
    side[rows, ROAD:KERB] = surfaces[t.road]
    side[rows, KERB:RUNOFF_L] = surfaces[kerb]
    side[rows, RUNOFF_L:RUNOFF_R] = surfaces[t.runoff_left]
    side[rows, RUNOFF_R:N_SIDE] = surfaces[t.runoff_right]
    side[last] = side[start]
    facts[slot, SECTORS:] = np.inf
    facts[slot, :N_SECTORS] = (
        t.length,
        t.spacing,
        t.closing_turn,
        way[last, BEND],
        t.grid_gap,
        t.start_side,
    )
    facts[slot, N_SECTORS] = len(t.sectors) + 1
    facts[slot, SECTORS : SECTORS + len(t.sectors)] = t.sectors


def _plain(t: Track, surfaces: Array) -> Array:
    edge = np.minimum(t.half_width_left, t.half_width_right)
    edge = np.minimum(edge, np.roll(edge, -1))
    wall = np.minimum(t.wall_left, t.wall_right) - BODY_REACH
    asphalt = (surfaces[t.road] == (1.0, 0.0, 0.0)).all(axis=1)
    return np.where(asphalt, np.minimum(edge, wall), -1.0)
