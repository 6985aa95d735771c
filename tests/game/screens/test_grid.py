"""Several rivals: each its own place, colour and legible name."""

import itertools
from dataclasses import replace

import numpy as np
import pygame
import pytest

from retroracer.game.race.garage import put_together
from retroracer.game.race.session import Session
from retroracer.render.camera import Camera
from retroracer.render.cars import CarView, draw_tags
from retroracer.render.palette import DEFAULT, RIVALS, Colour
from tests.game.races import GT, follower, setup


@pytest.mark.parametrize("track", ["monza", "monaco", "copper_bowl", "locksmith"])
@pytest.mark.parametrize("human", [True, False])
def test_no_two_cars_stand_in_one_place_and_all_stand_on_the_road(track: str, human: bool) -> None:
    race = setup(track, human, rivals=3)
    policies = [follower(f"d{k}") for k in range(3)]
    session = Session(race.track, policies, race.cars, human)
    places = session.pose()[:, :2]
    for a, b in itertools.combinations(places, 2):
        assert np.hypot(*(a - b)) > 0.45 * race.track.half_width_left[0] - 0.1
        assert abs(a - b).max() > 0.9 * GT.width or np.hypot(*(a - b)) > GT.length
    assert not session.race.off_track.any()
    assert (session.race.progress == 0.0).all()


def test_the_first_rival_stands_where_it_does_in_evaluation() -> None:
    race = setup(rivals=3)
    alone = Session(race.track, race.policies[:1], race.cars[:1], human=False)
    session = Session(race.track, race.policies, race.cars, True)
    np.testing.assert_array_equal(session.race.floats[1], alone.race.floats[0])


def test_checkpoints_that_are_compared_stand_in_one_place() -> None:
    race = setup(human=False, rivals=3)
    session = Session(race.track, race.policies, race.cars, False, one_start=True)
    assert (session.pose() == session.pose()[0]).all()


MACHADO = {
    "all cones": np.eye(3),
    "no long": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                [-0.003882, -0.048116, 1.051998]],
    "no medium": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                  [-0.011820, 0.042940, 0.968881]],
    "no short": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                 [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
"""Linear RGB as it is seen without one kind of cone (Machado, Oliveira, Fernandes 2009)."""


def lab(colour: Colour, seen: np.ndarray) -> np.ndarray:
    c = np.array(colour) / 255.0
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ np.clip(seen @ linear, 0, 1) / (0.9505, 1.0, 1.089)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", MACHADO)
def test_the_cars_colours_are_told_apart_by_every_kind_of_sight(sight: str) -> None:
    seen = np.array(MACHADO[sight])
    for a, b in itertools.combinations([DEFAULT.human, *RIVALS], 2):
        assert np.linalg.norm(lab(a, seen) - lab(b, seen)) > 25.0, (a, b)


def test_a_race_gives_every_rival_its_own_colour() -> None:
    race = put_together("copper_bowl", rivals=3)
    assert len(set(race.colours)) == len(race.policies) == 3


def test_names_of_cars_side_by_side_give_way_to_one_another() -> None:
    surface = pygame.Surface((640, 360))
    camera = Camera((0.0, 0.0), 8.0, (640, 360))
    cars = [
        replace(CarView(0.3 * k, 0.2 * k, 0.0, role="agent"), tag=f"driver {k}") for k in range(3)
    ]
    boxes = draw_tags(surface, camera, cars, DEFAULT)
    assert len(boxes) == 3
    assert not any(a.colliderect(b) for a, b in itertools.combinations(boxes, 2))
