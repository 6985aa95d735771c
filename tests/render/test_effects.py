"""Marks, dust and what stands beside the road."""

from dataclasses import replace

import numpy as np
import pygame
import pytest

from retroracer.render.camera import Camera
from retroracer.render.effects import MOST_DUST, MOST_MARKS, Effects, Wheels
from retroracer.render.furniture import gantry, stands
from retroracer.render.palette import DEFAULT
from retroracer.track.files import load_track, shipped_tracks

SLIDING = Wheels(0.0, 0.0, 0.0, 0.8, 1.3, 1.3, True, True, False, 30.0)


@pytest.mark.slow
def test_marks_and_dust_are_bounded_and_the_same_every_time() -> None:
    pictures = []
    for _ in range(2):
        effects = Effects()
        for k in range(2000):
            effects.add(0, replace(SLIDING, x=0.5 * k, off=k % 3 == 0), 0.05 * k)
        assert len(effects._marks) == MOST_MARKS and len(effects._dust) <= MOST_DUST
        surface = pygame.Surface((320, 180), 0, 32)
        camera = Camera((990.0, 0.0), 6.0, (320, 180))
        effects.draw_marks(surface, camera, DEFAULT)
        effects.draw_dust(surface, camera, DEFAULT, 100.0)
        pictures.append(pygame.image.tobytes(surface, "RGB"))
    assert pictures[0] == pictures[1] and len(set(pictures[0])) > 2


def test_a_car_that_rolls_leaves_nothing_and_a_jump_draws_no_line() -> None:
    effects = Effects()
    rolling = replace(SLIDING, sliding_front=False, sliding_rear=False)
    for k in range(50):
        effects.add(0, replace(rolling, x=float(k)), 0.05 * k)
    assert not effects._marks and not effects._dust
    effects.add(0, SLIDING, 3.0)
    effects.add(0, replace(SLIDING, x=500.0), 3.05)
    assert not effects._marks


@pytest.mark.slow
def test_nothing_stands_on_a_road_or_its_run_off() -> None:
    for name in shipped_tracks():
        track = load_track(name)
        corners = stands(track, DEFAULT).vertices
        if not len(corners):
            continue
        gap = np.array([np.hypot(*(track.xy - p).T).min() for p in corners[::7]])
        half = max(track.half_width_left.max(), track.half_width_right.max())
        assert gap.min() > half, name


def test_the_gantry_spans_the_road() -> None:
    track = load_track("monza")
    beam = gantry(track, DEFAULT).vertices
    across = np.hypot(*(beam - track.pose_at(np.array([5.0]), np.array([0.0]))[0][0]).T).max()
    assert across > track.half_width_left[0] + 1.0
