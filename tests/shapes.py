"""Simple tracks whose geometry is known in closed form, shared by tests."""

from __future__ import annotations

import numpy as np

from retroracer.track.geometry import Corner, Straight, profile_of
from retroracer.track.track import Track, even_track


def circle(radius=60.0, half_width=8.0, spacing=1.0, turn=1, **fields) -> Track:
    """A circle driven anticlockwise (``turn`` 1) or clockwise (-1)."""
    length = 2.0 * np.pi * radius
    n = round(length / spacing)
    angle = turn * np.arange(n) * 2.0 * np.pi / n
    side = -turn * np.pi / 2.0
    xy = radius * np.stack([np.cos(angle + side), np.sin(angle + side)], axis=1)
    width = np.full(n, half_width)
    return even_track("circle", xy, width, width, heading=angle, length=length, **fields)


def _laid_out(name, pieces, half_width, spacing=2.0, **fields) -> Track:
    profile = profile_of(pieces)
    n = round(profile.length / spacing)
    s = np.arange(n) * profile.length / n
    width = np.full(n, half_width)
    return even_track(
        name,
        profile.xy_at(s),
        width,
        width,
        heading=profile.heading_at(s),
        length=profile.length,
        **fields,
    )


def oval(straight=300.0, radius=60.0, half_width=6.0, turn=1, **fields) -> Track:
    """Two straights and two half circles; the line is at the start of a straight."""
    bend = Corner(turn, np.pi, radius)
    pieces = [Straight(straight), bend, Straight(straight), bend]
    return _laid_out("oval", pieces, half_width, **fields)


def figure_of_eight(radius=50.0, half_width=6.0, **fields) -> Track:
    """Two straights crossing at right angles, joined by three quarters of a circle each."""
    pieces = [
        Straight(radius),
        Corner(1, 1.5 * np.pi, radius),
        Straight(2.0 * radius),
        Corner(-1, 1.5 * np.pi, radius),
        Straight(radius),
    ]
    return _laid_out("eight", pieces, half_width, crossing=True, **fields)


def walled(track_maker=oval, distance=9.0, **kwargs) -> Track:
    """A track with walls on both sides, ``distance`` metres from the centreline."""
    n = track_maker(**kwargs).n
    wall = np.full(n, distance)
    return track_maker(wall_left=wall, wall_right=wall, **kwargs)
