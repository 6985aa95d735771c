"""The projection agrees with distances on the ellipsoid and mirrors nothing."""

from __future__ import annotations

import numpy as np
import pytest

from retroracer.track.survey.lonlat import described, middle_of, to_plane


def plane(lon, lat, at):
    return to_plane(np.array([[lon, lat]], float), at)[0]


@pytest.mark.parametrize("lat", [-60.0, -33.9, 0.0, 26.0, 45.6, 69.0])
def test_east_is_right_and_north_is_up_everywhere(lat):
    assert plane(10.01, lat, (10.0, lat))[0] > 0.0
    assert plane(10.0, lat + 0.01, (10.0, lat))[1] > 0.0
    assert np.abs(plane(10.0, lat, (10.0, lat))).max() < 1e-6


@pytest.mark.parametrize(
    ("lat", "degree"), [(0.0, 110_574.3), (45.0, 111_131.7), (80.0, 111_659.9)]
)
def test_a_minute_of_latitude_has_its_published_length(lat, degree):
    # Degrees of latitude from lat - 0.5 to lat + 0.5 on WGS 84 (NGA tables).
    above, below = (plane(10.0, lat + half, (10.0, lat))[1] for half in (1 / 120.0, -1 / 120.0))
    assert above - below == pytest.approx(degree / 60.0, rel=2e-5)


def test_a_minute_of_longitude_has_its_published_length():
    for lat, degree in ((0.0, 111_319.5), (45.0, 78_846.8), (60.0, 55_800.0)):
        assert plane(0.5 / 60.0, lat, (0.0, lat))[0] * 120.0 == pytest.approx(degree, rel=2e-5)


def test_the_date_line_is_no_edge():
    lon, lat = np.array([179.99, -179.99, 179.995]), np.array([10.0, 10.0, 10.01])
    lonlat = np.stack([lon, lat], axis=1)
    middle = middle_of(lonlat)
    xy = to_plane(lonlat, middle)
    assert abs(abs(middle[0]) - 180.0) < 0.01
    assert np.ptp(xy[:, 0]) == pytest.approx(0.02 * 109_639.0, rel=1e-3)
    assert np.allclose(xy, to_plane(lonlat + [360.0, 0.0], middle), atol=1e-6)


def test_the_error_told_is_that_of_lengths_outwards():
    # 0.045 degrees of latitude along a meridian, about 5 km: an arc against its shadow.
    y = plane(0.0, 45.045, (0.0, 45.0))[1]
    arc = 0.045 * 111_131.7 + 0.045**2 / 2 * 9.7  # the degree grows with latitude
    assert abs(arc - y) < 0.15
    assert "0.5 mm" in described(np.array([[0.0, 5000.0]]), (0.0, 45.0))
    assert "45.0000 N, 0.0000 E" in described(np.array([[0.0, 1.0]]), (0.0, 45.0))
