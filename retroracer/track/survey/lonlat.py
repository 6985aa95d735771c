"""Projects longitude and latitude onto a plane, in metres.

Method: an orthographic projection. Points on the WGS 84 ellipsoid at height 0 become
Earth-centred coordinates, then are projected onto the plane that touches the ellipsoid in their
middle. Heights are ignored: a lap is measured on the map.

Accuracy: at a distance d from the middle, radial lengths are short by the fraction d^2 / (2 R^2),
and a position is off by at most d^3 / (6 R^2): 0.1 mm at 3 km, 0.5 m at 50 km. Directions from the
middle are exact, so nothing is rotated or mirrored.

Source: Snyder, Map Projections: A Working Manual, USGS 1395 (1987), chapter 20.
"""

from __future__ import annotations

import numpy as np

from retroracer.track.geometry import Array

RADIUS = 6_378_137.0
"""Equatorial radius of WGS 84 [m]."""
FLATTENING = 1.0 / 298.257223563
_E2 = FLATTENING * (2.0 - FLATTENING)
SMALLEST = 6.33e6
"""Smallest radius of curvature of the ellipsoid [m], for the error bound."""


def to_plane(lonlat: Array, middle: tuple[float, float]) -> Array:
    """Project onto the plane that touches the Earth at ``middle``.

    Args:
        lonlat: (m, 2) longitude and latitude [deg], east and north positive.
        middle: longitude and latitude of the origin [deg].

    Returns:
        (m, 2) metres east and north of the origin.
    """
    at = _earth_centred(lonlat) - _earth_centred(np.array([middle]))
    lam, phi = np.radians(middle)
    east = np.array([-np.sin(lam), np.cos(lam), 0.0])
    north = np.array([-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)])
    return np.stack([at @ east, at @ north], axis=1)


def middle_of(lonlat: Array) -> tuple[float, float]:
    """Longitude and latitude of the middle of points (m, 2) [deg], also across the date line."""
    lon, lat = lonlat.T
    rel = (lon - lon[0] + 180.0) % 360.0 - 180.0
    mid = float(lon[0] + 0.5 * (rel.min() + rel.max()))
    return (mid + 180.0) % 360.0 - 180.0, float(0.5 * (lat.min() + lat.max()))


def described(xy: Array, middle: tuple[float, float]) -> str:
    """One sentence for the user: the projection of ``xy`` (m, 2) [m], its origin, its error."""
    far = float(np.hypot(xy[:, 0], xy[:, 1]).max())
    error = far**3 / (6.0 * SMALLEST**2)
    small = f"{max(0.1, 1000.0 * error):.1f} mm" if error < 1.0 else f"{error:.1f} m"
    lon, lat = middle
    where = f"{abs(lat):.4f} {'S' if lat < 0 else 'N'}, {abs(lon):.4f} {'W' if lon < 0 else 'E'}"
    return (
        "longitude and latitude projected onto the plane that touches the Earth (WGS 84) at"
        f" {where}; no place is off by more than {small}"
    )


def _earth_centred(lonlat: Array) -> Array:
    lam, phi = map(np.radians, lonlat.T)
    prime = RADIUS / np.sqrt(1.0 - _E2 * np.sin(phi) ** 2)
    x, y = prime * np.cos(phi) * np.cos(lam), prime * np.cos(phi) * np.sin(lam)
    return np.stack([x, y, prime * (1.0 - _E2) * np.sin(phi)], axis=1)
