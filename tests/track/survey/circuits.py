"""A circuit to write in many formats: closed, asymmetric, with unlike widths."""

from __future__ import annotations

import numpy as np

T = np.linspace(0.0, 2.0 * np.pi, 120, endpoint=False)
R = 220.0 + 50.0 * np.sin(2.0 * T + 0.4) + 20.0 * np.cos(3.0 * T)
XY = np.stack([1.4 * R * np.cos(T), R * np.sin(T)], axis=1).round(3)
RIGHT = (4.0 + np.cos(T)).round(3)
LEFT = (6.0 + np.sin(T)).round(3)
ROWS = np.column_stack([XY, RIGHT, LEFT])


def edges(xy=XY, right=RIGHT, left=LEFT):
    """Points of the left and the right edge beside the line, counter-clockwise."""
    along = np.roll(xy, -1, axis=0) - np.roll(xy, 1, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.hypot(*along.T)[:, None]
    return xy + normal * left[:, None], xy - normal * right[:, None]


def lonlat(xy=XY, lon=9.28, lat=45.62):
    """Longitude and latitude of points in metres, by the radii of curvature at a latitude."""
    phi = np.radians(lat)
    w = 1.0 - 0.00669437999014 * np.sin(phi) ** 2
    meridian = 6_378_137.0 * (1.0 - 0.00669437999014) / w**1.5
    prime = 6_378_137.0 / np.sqrt(w)
    return np.stack(
        [
            lon + np.degrees(xy[:, 0] / (prime * np.cos(phi))),
            lat + np.degrees(xy[:, 1] / meridian),
        ],
        axis=1,
    )
