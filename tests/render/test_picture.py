"""Pictures of circuits, and what env.render() gives."""

from pathlib import Path

import gymnasium
import numpy as np
import pygame
import pytest

import retroracer.envs
from retroracer.errors import UserError
from retroracer.render.picture import save_track_picture
from retroracer.render.text import lap_text
from retroracer.track.files import load_track


@pytest.mark.slow
def test_a_picture_has_the_size_asked_for_and_shows_a_road(tmp_path: Path) -> None:
    path = tmp_path / "m.png"
    save_track_picture(load_track("copper_bowl"), path, (640, 480))
    picture = pygame.image.load(str(path))
    assert picture.get_size() == (640, 480)
    assert len(np.unique(pygame.surfarray.array3d(picture).reshape(-1, 3), axis=0)) > 20


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        save_track_picture(load_track("copper_bowl"), tmp_path / "no" / "m.png", (320, 240))


def test_times_are_written_as_racers_write_them() -> None:
    assert lap_text(83.4567) == "1:23.457"
    assert lap_text(59.9996) == "1:00.000"
    assert lap_text(None) == lap_text(float("nan")) == "-:--.---"


@pytest.mark.slow
def test_rgb_array_shows_the_car_and_changes_nothing_of_the_race() -> None:
    assert retroracer.envs.ENV_ID
    kwargs = {"track": "copper_bowl", "render_mode": "rgb_array"}
    seen = gymnasium.make("retroracer/RetroRacer-v0", **kwargs)
    blind = gymnasium.make("retroracer/RetroRacer-v0", track="copper_bowl")
    a, _ = seen.reset(seed=4)
    b, _ = blind.reset(seed=4)
    for _ in range(30):
        np.testing.assert_array_equal(a, b)
        picture = seen.render()
        a = seen.step(np.array([0.1, 0.6], np.float32))[0]
        b = blind.step(np.array([0.1, 0.6], np.float32))[0]
    assert picture.dtype == np.uint8 and picture.shape == (540, 960, 3)
    near = picture[340:480, 420:540].astype(int)
    orange = (near[..., 0] > 180) & (near[..., 2] < 140)
    assert orange.sum() > 60, "no car where the camera keeps it"
    seen.close()


@pytest.mark.slow
def test_human_mode_opens_a_window_and_keeps_to_real_time() -> None:
    import time

    env = gymnasium.make("retroracer/RetroRacer-v0", track="copper_bowl", render_mode="human")
    env.reset(seed=0)
    assert pygame.display.get_surface() is not None
    start = time.monotonic()
    for _ in range(10):
        env.step(np.zeros(2, np.float32))
    assert time.monotonic() - start > 0.35
    env.close()
    assert not pygame.display.get_init()
