"""The expert's line and speeds against closed forms: circles, straights, limits everywhere."""

import numpy as np
import pytest

pytest.importorskip("Box2D")

from hypothesis import given
from hypothesis import strategies as st

from retroracer.carracing.env import FastCarRacing
from retroracer.carracing.racing_line import bends, calmest, speeds


def circle(radius, n=180, clockwise=False):
    """A circle driven round, and the unit vectors to its right."""
    angle = np.linspace(0.0, 2.0 * np.pi, n, endpoint=False) * (-1.0 if clockwise else 1.0)
    outwards = np.stack([np.cos(angle), np.sin(angle)], 1)
    return radius * outwards, outwards * (-1.0 if clockwise else 1.0)


def road_of(seed):
    """Middle and right-hand vectors of a CarRacing track."""
    env = FastCarRacing(render=False)
    env.reset(seed=seed)
    track = np.array(env.track)
    env.close()
    return track[:, 2:4], np.stack([np.cos(track[:, 1]), np.sin(track[:, 1])], 1)


@pytest.mark.parametrize("clockwise", [False, True])
def test_a_circle_bends_by_one_over_its_radius_left_positive(clockwise):
    line, _ = circle(40.0, 120, clockwise)
    curvature, lengths = bends(line)
    np.testing.assert_allclose(curvature, (-1.0 if clockwise else 1.0) / 40.0, rtol=1e-9)
    np.testing.assert_allclose(lengths, 2.0 * 40.0 * np.sin(np.pi / 120), rtol=1e-9)


def test_on_a_circle_the_speed_is_what_grip_allows_and_never_more_than_the_top():
    curvature, lengths = bends(circle(40.0)[0])
    np.testing.assert_allclose(speeds(curvature, lengths, 196.0, 178.0, 500.0), np.sqrt(196.0 * 40))
    np.testing.assert_allclose(speeds(curvature, lengths, 196.0, 178.0, 60.0), 60.0)


def test_before_a_bend_the_speed_is_that_of_steady_braking_across_the_lines_end_too():
    n, step, bend = 100, 3.0, 10
    curvature, lengths = np.zeros(n), np.full(n, step)
    curvature[bend] = 1.0 / 10.0
    found = speeds(curvature, lengths, 196.0, 150.0, 1000.0)
    slow = np.sqrt(196.0 * 10.0)
    # All grip is used up in the bend: braking ends a piece before it.
    back = np.arange(1, 40)
    wanted = np.sqrt(slow**2 + 2.0 * 150.0 * step * (back - 1))
    np.testing.assert_allclose(found[(bend - back) % n], wanted, rtol=1e-4)
    assert found[bend] == pytest.approx(slow) and found[bend + 1] > slow


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.floats(20.0, 400.0), st.floats(20.0, 400.0))
def test_no_speed_asks_for_more_grip_or_braking_than_there_is(seed, grip, braking):
    rng = np.random.default_rng(seed)
    curvature, lengths = rng.normal(0.0, 0.05, 60), rng.uniform(0.5, 5.0, 60)
    found = speeds(curvature, lengths, grip, braking, 90.0)
    assert (found <= 90.0).all() and (found > 0.0).all()
    assert (found**2 * np.abs(curvature) <= grip * (1.0 + 1e-9)).all()
    slowing = (found**2 - np.roll(found, -1) ** 2) / (2.0 * lengths)
    assert (slowing <= braking * (1.0 + 1e-9)).all()


@pytest.mark.parametrize("room", [0.0, 2.0, 2.95])
def test_the_line_stays_within_its_room_and_bends_less_than_the_middle(room):
    middle, right = road_of(3)
    aside = calmest(middle, right, room, 0.001)
    assert np.abs(aside).max() <= room + 1e-12
    if room == 0.0:
        return
    bent = [(bends(line)[0] ** 2).sum() for line in (middle, middle + right * aside[:, None])]
    assert bent[1] < 0.8 * bent[0]
    assert np.abs(aside).max() > 0.99 * room, "it uses the room it has"


@pytest.mark.parametrize("clockwise", [False, True])
def test_round_a_circle_the_shortest_line_is_the_inner_edge(clockwise):
    middle, right = circle(40.0, 180, clockwise)
    inwards = 1.0 if clockwise else -1.0
    np.testing.assert_allclose(calmest(middle, right, 2.0, 0.1), 2.0 * inwards, atol=1e-6)
