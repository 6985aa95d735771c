import numpy as np
import pytest

from retroracer.render.camera import NORTH_UP, Camera

SIZE = (400, 300)


def test_north_is_up_and_east_is_right():
    camera = Camera((10.0, 20.0), 2.0, SIZE, NORTH_UP)
    assert camera.to_screen(np.array([10.0, 20.0])) == pytest.approx([200, 150])
    assert camera.to_screen(np.array([11.0, 20.0])) == pytest.approx([202, 150])
    assert camera.to_screen(np.array([10.0, 21.0])) == pytest.approx([200, 148])


def test_heading_up_puts_what_lies_ahead_above_and_left_on_the_left():
    heading = 0.7
    camera = Camera((5.0, -3.0), 4.0, SIZE, heading, anchor=(0.5, 0.75))
    ahead = np.array([5.0 + np.cos(heading), -3.0 + np.sin(heading)])
    left = np.array([5.0 - np.sin(heading), -3.0 + np.cos(heading)])
    assert camera.to_screen(ahead) == pytest.approx([200, 221])
    assert camera.to_screen(left) == pytest.approx([196, 225])


@pytest.mark.parametrize("up", [NORTH_UP, 0.0, -2.3, 11.0])
def test_to_world_undoes_to_screen(up):
    camera = Camera((-40.0, 7.0), 3.7, SIZE, up, anchor=(0.3, 0.8))
    xy = np.random.default_rng(1).normal(0.0, 100.0, (50, 2))
    assert camera.to_world(camera.to_screen(xy)) == pytest.approx(xy)


def test_angle_on_screen_agrees_with_where_points_go():
    camera = Camera((0.0, 0.0), 1.0, SIZE, 0.4)
    heading = 1.3
    tip = camera.to_screen(np.array([np.cos(heading), np.sin(heading)])) - camera.to_screen(
        np.zeros(2)
    )
    angle = camera.angle_on_screen(heading)
    assert [np.cos(angle), np.sin(angle)] == pytest.approx(tip)


def test_fit_shows_every_point_inside_the_box_and_touches_it():
    points = np.random.default_rng(2).uniform(-500.0, 900.0, (80, 2))
    px = Camera.fit(points, SIZE, (50, 40, 300, 200)).to_screen(points)
    low, high = px.min(axis=0), px.max(axis=0)
    assert (low >= [50 - 1e-6, 40 - 1e-6]).all() and (high <= [350 + 1e-6, 240 + 1e-6]).all()
    assert np.isclose(high - low, [300, 200]).any()


def test_visible_circle_holds_the_screens_corners():
    camera = Camera((3.0, 4.0), 2.0, SIZE, 1.0, anchor=(0.5, 0.7))
    middle, radius = camera.visible_circle()
    away = np.hypot(*(camera.corners() - middle).T)
    assert away == pytest.approx(radius)
