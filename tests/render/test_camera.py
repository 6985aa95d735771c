"""The camera: the only place where y points down."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retroracer.render.camera import NORTH_UP, Camera
from retroracer.render.follow import SEEN_AHEAD, Follower

number = st.floats(-1000.0, 1000.0)


@given(x=number, y=number, up=st.floats(-7.0, 7.0), zoom=st.floats(0.05, 40.0))
def test_world_to_screen_and_back_is_where_one_was(
    x: float, y: float, up: float, zoom: float
) -> None:
    camera = Camera((12.0, -7.0), zoom, (1280, 720), up, (0.5, 0.76))
    np.testing.assert_allclose(camera.to_world(camera.to_screen([x, y])), [x, y], atol=1e-6)


def test_north_is_up_and_east_is_right() -> None:
    camera = Camera((0.0, 0.0), 10.0, (200, 100), NORTH_UP)
    np.testing.assert_allclose(camera.to_screen([0.0, 1.0]), [100.0, 40.0])
    np.testing.assert_allclose(camera.to_screen([1.0, 0.0]), [110.0, 50.0])


def test_heading_up_draws_the_way_ahead_above_the_car_and_its_left_to_the_left() -> None:
    heading = 0.7
    camera = Camera((5.0, 3.0), 10.0, (200, 100), heading)
    ahead = np.array([5.0, 3.0]) + [np.cos(heading), np.sin(heading)]
    left = np.array([5.0, 3.0]) + [-np.sin(heading), np.cos(heading)]
    np.testing.assert_allclose(camera.to_screen(ahead), [100.0, 40.0], atol=1e-9)
    np.testing.assert_allclose(camera.to_screen(left), [90.0, 50.0], atol=1e-9)
    assert camera.angle_on_screen(heading) == -np.pi / 2.0


def test_fit_shows_every_point_inside_its_box() -> None:
    points = np.random.default_rng(0).uniform(-500, 900, (50, 2))
    camera = Camera.fit(points, (640, 480), (40, 60, 500, 380))
    px = camera.to_screen(points)
    assert (px >= [39.9, 59.9]).all() and (px <= [540.1, 440.1]).all()


def test_two_seconds_of_road_are_in_view_at_any_speed() -> None:
    for heading_up in (True, False):
        for speed in (5.0, 30.0, 60.0, 85.0, 94.0):  # the formula car reaches 93
            follower = Follower(heading_up)
            for _ in range(200):
                camera = follower.view(0.0, 0.0, 1.2, speed, (1280, 720), 1 / 60)
            seen = speed * min(2.0, SEEN_AHEAD)
            x, y = camera.to_screen(seen * np.array([np.cos(1.2), np.sin(1.2)]))
            assert 0 <= x <= 1280 and 0 <= y <= 720, (heading_up, speed)


def test_the_camera_does_not_sweep_after_a_restart() -> None:
    follower = Follower()
    for _ in range(50):
        follower.view(0.0, 0.0, 0.0, 80.0, (1280, 720), 1 / 60)
    follower.jump()
    camera = follower.view(500.0, 0.0, 2.0, 0.0, (1280, 720), 1 / 60)
    fresh = Follower().view(500.0, 0.0, 2.0, 0.0, (1280, 720), 1 / 60)
    assert camera == fresh


def test_angle_on_screen_agrees_with_where_points_go():
    camera = Camera((0.0, 0.0), 1.0, (400, 300), 0.4)
    heading = 1.3
    tip = camera.to_screen(np.array([np.cos(heading), np.sin(heading)])) - camera.to_screen(
        np.zeros(2)
    )
    angle = camera.angle_on_screen(heading)
    assert [np.cos(angle), np.sin(angle)] == pytest.approx(tip)
