"""Boards, posts, plants, streaks: where they belong, and never on a road."""

import numpy as np
import pygame
import pytest

from retroracer.render.camera import Camera
from retroracer.render.effects import SPARK_LIFE, Effects
from retroracer.render.follow import HIGH, LOW, Follower
from retroracer.render.furniture import stands
from retroracer.render.ground import distance_to
from retroracer.render.palette import DEFAULT, palette_for
from retroracer.render.plants import PLANTS, plant
from retroracer.render.roadside import BOARDS, Roadside, braking_points
from retroracer.render.scene import TrackScene
from retroracer.render.streaks import draw_streaks
from retroracer.track.files import load_track, shipped_tracks


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_tracks())
def test_boards_stand_before_braking_points_and_on_no_road(name: str) -> None:
    track = load_track(name)
    points = braking_points(track)
    assert len(points) >= 1
    side = Roadside(track, palette_for(track.theme))
    assert 0.7 * len(BOARDS) * len(points) <= len(side.xy) <= len(BOARDS) * len(points)
    half = np.minimum(track.half_width_left, track.half_width_right).min()
    assert distance_to(track.xy, side.xy).min() > half


def test_monzas_first_chicane_is_announced() -> None:
    track = load_track("monza")
    first = float(braking_points(track)[0])
    slow = track.s[np.argmax(np.abs(track.curvature) * (track.s < 1200.0))]
    assert 40.0 < slow - first < 260.0, "braking begins before the corner, not in it"


def test_distance_is_to_the_nearest_point_of_a_line_however_many_are_asked_for() -> None:
    line = np.stack([np.linspace(0.0, 100.0, 101), np.zeros(101)], axis=1)
    x = np.arange(1000) % 101
    away = distance_to(line, np.stack([x, 3.0 + np.arange(1000)], axis=1))
    assert np.array_equal(away, 3.0 + np.arange(1000))
    assert distance_to(line, np.array([[103.0, -4.0]])).tolist() == [5.0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["monza", "copper_bowl", "spa"])
def test_no_tree_grows_through_a_grandstand(name: str) -> None:
    scene = TrackScene(load_track(name))
    assert distance_to(scene.stands.vertices, scene.trees.xy).min() > 6.6, "their largest radius"


@pytest.mark.slow
def test_grandstands_are_not_one_for_all() -> None:
    looks = {len(stands(load_track(name), DEFAULT)) for name in ("monza", "spa", "silverstone")}
    assert len(looks) == 3


@pytest.mark.parametrize("kind", sorted(set(PLANTS.values())))
def test_every_plant_has_leaves_and_a_shadow(kind: str) -> None:
    picture = plant(kind, (40, 120, 60), (20, 30, 20), 14)
    alpha = pygame.surfarray.array_alpha(picture)
    assert (alpha > 200).sum() > 40 and ((alpha > 20) & (alpha < 200)).sum() > 20


def test_streaks_grow_with_speed_and_none_are_drawn_when_slow() -> None:
    surface = pygame.Surface((640, 360))
    camera = Camera((0.0, 0.0), 4.0, (640, 360))
    assert draw_streaks(surface, camera, DEFAULT, 8.0, 0.0) == 0
    painted = []
    for speed in (25.0, 70.0):
        surface.fill(DEFAULT.grass)
        assert draw_streaks(surface, camera, DEFAULT, speed, 0.0) > 20
        pixels = pygame.surfarray.array3d(surface)
        painted.append(int((pixels != DEFAULT.grass).any(axis=2).sum()))
    assert painted[1] > 2 * painted[0]


def test_streaks_are_fixed_to_the_world() -> None:
    pictures = []
    for x in (0.0, 5.0):
        surface = pygame.Surface((400, 200))
        draw_streaks(surface, Camera((x, 0.0), 4.0, (400, 200)), DEFAULT, 60.0, 0.0)
        pictures.append(pygame.surfarray.array3d(surface))
    middle = slice(80, 300)
    moved = slice(60, 280)  # five metres are twenty pixels
    same = (pictures[0][middle, 40:160] == pictures[1][moved, 40:160]).mean()
    assert same > 0.97


def test_the_car_is_larger_at_speed_and_as_much_time_lies_ahead_as_before() -> None:
    follower = Follower()
    size = (1280, 720)
    camera = follower.view(0.0, 0.0, 0.0, 69.4, size, 0.1)  # 250 km/h
    assert 4.6 * camera.pixels_per_metre > 17.0
    ahead = camera.anchor[1] * size[1] / camera.pixels_per_metre / 69.4
    assert ahead == pytest.approx(2.3, abs=0.05) and camera.anchor[1] == pytest.approx(LOW)
    follower.jump()
    assert follower.view(0.0, 0.0, 0.0, 0.0, size, 0.1).anchor[1] == HIGH


def test_sparks_fly_from_an_impact_and_go_out() -> None:
    effects = Effects()
    effects.strike(0.0, 0.0, 9.0, 10.0)
    surface = pygame.Surface((200, 200))
    camera = Camera((0.0, 0.0), 8.0, (200, 200))
    assert effects.draw_sparks(surface, camera, 10.1) > 5
    assert effects.draw_sparks(surface, camera, 10.0 + SPARK_LIFE + 0.01) == 0
