"""Of a recorded line the first whole lap is taken, and its ends meet."""

from __future__ import annotations

import numpy as np
import pytest

from retroracer.errors import UserError
from retroracer.track.importing import survey
from retroracer.track.points import SmoothLoop
from retroracer.track.validity import is_valid
from tests.track.survey.circuits import XY

LOOP = SmoothLoop(XY)


def driven(length, step=8.0, start=0.0, aside=0.0, noise=0.0):
    """A recording: so many metres of the circuit, drifting aside along the way."""
    s = np.arange(start, start + length, step)
    xy, heading = LOOP.pose(s % LOOP.length)
    normal = np.stack([-np.sin(heading), np.cos(heading)], axis=1)
    drift = np.linspace(0.0, aside, len(s))[:, None]
    return xy + normal * drift + np.random.default_rng(5).normal(0.0, noise, xy.shape)


def take(tmp_path, xy, header="x,y"):
    path = tmp_path / "lap.csv"
    np.savetxt(path, xy, delimiter=",", fmt="%.4f", header=header, comments="")
    return survey(path, "x", 11.0)


def farthest(points):
    import shapely

    ring = shapely.LinearRing(LOOP.pose(np.arange(0.0, LOOP.length, 1.0))[0])
    return float(shapely.distance(shapely.points(points), ring).max())


@pytest.mark.slow
@pytest.mark.parametrize("past", [9.0, 40.0, 300.0])
@pytest.mark.parametrize(("aside", "noise"), [(0.0, 0.0), (4.0, 0.0), (0.0, 0.3), (-6.0, 0.2)])
@pytest.mark.parametrize("start", [0.0, 500.0])
def test_a_lap_that_runs_past_its_start_is_cut_there_and_joined(
    tmp_path, past, aside, noise, start
):
    xy = driven(LOOP.length + past, start=start, aside=aside, noise=noise)
    found = take(tmp_path, xy)
    assert is_valid(found.track)
    assert found.track.length == pytest.approx(LOOP.length, rel=0.02)
    assert farthest(found.xy) < abs(aside) + 5.0 * noise + 0.5
    assert any("past its start" in note for note in found.notes)
    if not noise:
        assert any("were joined" in note for note in found.notes) is (aside != 0.0)
        assert np.abs(np.diff(found.track.curvature)).max() < 0.01  # no kink where the ends meet


@pytest.mark.parametrize("laps", [2.0, 2.6, 5.3])
def test_of_several_laps_the_first_is_taken(tmp_path, laps):
    found = take(tmp_path, driven(laps * LOOP.length, aside=3.0))
    assert found.track.length == pytest.approx(LOOP.length, rel=0.02)
    assert "the first whole lap was taken (line 2 to line" in found.notes[0]


def test_a_way_in_from_beside_the_circuit_is_left_out(tmp_path):
    xy = driven(2.4 * LOOP.length, aside=2.0)
    way_in = xy[0] + np.linspace(1.0, 0.05, 12)[:, None] * (XY[0] * 0.4 + [0.0, -90.0])
    found = take(tmp_path, np.vstack([way_in, xy]))
    assert found.track.length == pytest.approx(LOOP.length, rel=0.02)
    assert "before it" in found.notes[0]


def test_a_closed_line_is_left_as_it_is(tmp_path):
    for xy in (XY, np.vstack([XY, XY[:1]]), np.vstack([XY, XY[:1] + [0.3, 0.2]])):
        found = take(tmp_path, xy)
        assert found.notes == () and np.allclose(found.xy, XY, atol=1e-4)


def test_a_figure_of_eight_is_not_cut_where_it_crosses(tmp_path):
    t = np.linspace(0.0, 2.0 * np.pi, 300, endpoint=False)
    xy = np.stack([500.0 * np.sin(t), 300.0 * np.sin(2.0 * t)], axis=1)
    found = take(tmp_path, np.vstack([xy, xy[:6]]))
    assert len(found.xy) == 300 and found.track.crossing


def test_half_a_lap_is_refused(tmp_path):
    with pytest.raises(UserError, match="must come back to its start"):
        take(tmp_path, driven(0.6 * LOOP.length))
