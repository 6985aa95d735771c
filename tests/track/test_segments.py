"""Segments closed into a lap, in each of the three ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retroracer.errors import UserError
from retroracer.track.problems import Report
from retroracer.track.schema import Layout
from retroracer.track.segments import lay_segments


def lay(segments, **layout):
    report = Report("page.yaml")
    try:
        return lay_segments(Layout(segments=segments, width=12, **layout), report), report
    except UserError:
        return None, report


def corner(side, radius, angle, **more):
    return {"corner": side, "radius": radius, "angle": angle, **more}


def assert_closed_and_smooth(line):
    """The lap ends where and as it starts, and nowhere does heading jump."""
    n = round(line.length / 0.5)
    xy, heading = line.pose(np.linspace(0.0, line.length, n, endpoint=False))
    step = np.hypot(*(np.roll(xy, -1, axis=0) - xy).T)
    assert np.allclose(step, line.length / n, rtol=5e-3)
    turn = np.angle(np.exp(1j * (np.roll(heading, -1) - heading)))
    assert np.abs(turn).max() < 0.5 / 4.5  # no tighter than the corners given below
    chord = np.roll(xy, -1, axis=0) - xy
    along = np.arctan2(chord[:, 1], chord[:, 0])
    assert np.abs(np.angle(np.exp(1j * (along - heading - turn / 2.0)))).max() < 5e-3


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.lists(st.floats(20.0, 80.0), min_size=4, max_size=4),
    st.floats(100.0, 400.0),
    st.sampled_from(["left", "right"]),
)
def test_two_automatic_straights_close_any_four_corners(radii, straight, side):
    segments = [
        {"straight": straight}, corner(side, radii[0], 90),
        {"straight": straight}, corner(side, radii[1], 90),
        {"straight": "auto"}, corner(side, radii[2], 90),
        {"straight": "auto"}, corner(side, radii[3], 90),
    ]  # fmt: skip
    line, report = lay(segments)
    if line is None:
        assert {p.code for p in report.errors} == {"T13"}
        return
    assert_closed_and_smooth(line)


def test_the_remedy_for_a_negative_automatic_straight_works():
    def page(first):
        return [
            {"straight": first}, corner("left", 50, 90),
            {"straight": 100}, corner("left", 50, 90),
            {"straight": "auto"}, corner("left", 90, 90),
            {"straight": "auto"}, corner("left", 20, 90),
        ]  # fmt: skip

    line, report = lay(page(20))
    assert line is None
    (problem,) = report.errors
    assert problem.code == "T13" and "lengthen line 0 (20) by ~" in problem.text
    more = float(problem.text.split("~")[1].split(" ")[0])
    assert lay(page(20 + more))[0] is not None


def test_exact_layouts_close_and_spread_an_error_below_a_metre():
    oval = [{"straight": 200}, corner("left", 60, 180), {"straight": 200}, corner("left", 60, 180)]
    line, _ = lay(oval, closing="exact")
    assert_closed_and_smooth(line)
    oval[0] = {"straight": 200.6}
    line, _ = lay(oval)  # no 'auto' is needed where the loop closes by itself
    assert_closed_and_smooth(line)
    xy, _ = line.pose(np.array([0.0, line.length - 1e-9]))
    assert np.allclose(xy[0], xy[1], atol=1e-6)


def test_a_closing_curve_continues_position_heading_and_curvature():
    segments = [
        {"straight": 300}, corner("left", 60, 90), {"straight": 100}, corner("left", 60, 100),
        {"straight": 200},
    ]  # fmt: skip
    line, report = lay(segments, closing="curve")
    assert line is not None, report.text()
    assert_closed_and_smooth(line)
    s = np.linspace(0.0, line.length, 4000, endpoint=False)
    _, heading = line.pose(s)
    bend = np.gradient(np.unwrap(heading), s)
    assert np.abs(np.diff(bend)).max() < 2e-3
    assert line.spans[-1].name == "closing curve"
    left, right = line.half_widths(s)
    assert np.allclose(left, 6.0) and np.allclose(right, 6.0)


def test_ease_zero_makes_a_plain_arc_and_ease_lengthens_the_corner():
    def length(ease):
        segments = [
            {"straight": 200}, corner("left", 60, 180, ease=ease),
            {"straight": 200}, corner("left", 60, 180, ease=ease),
        ]  # fmt: skip
        line, _ = lay(segments)
        return line.length

    assert length(0) == pytest.approx(400 + 2 * np.pi * 60)
    assert length(20) == pytest.approx(length(0) + 2 * 20)


@pytest.mark.parametrize(
    ("turns", "crossings", "ok"),
    [
        (["left", "left"], "forbid", True),
        (["left", "right"], "forbid", False),
        (["left", "left"], "bridge", True),
    ],
)
def test_corners_must_turn_a_full_circle(turns, crossings, ok):
    segments = []
    for side in turns:
        segments += [{"straight": 200}, corner(side, 60, 180)]
    line, report = lay(segments, crossings=crossings)
    assert (line is not None) is ok
    if not ok:
        assert [p.code for p in report.errors] == ["T10"]
        assert "corners add up to 0 deg" in report.errors[0].text


def test_a_figure_of_eight_may_turn_nought_degrees_under_a_bridge():
    segments = [
        {"straight": "auto"}, corner("left", 60, 270),
        {"straight": "auto"}, corner("right", 60, 270),
    ]  # fmt: skip
    line, report = lay(segments, crossings="bridge")
    assert line is not None, report.text()
    assert_closed_and_smooth(line)
    assert lay(segments)[1].errors[0].code == "T10"
