"""Gymnasium's pixel task by hand."""

from collections.abc import Iterator

import pygame
import pytest

from retroracer.game.pixel_screen import PixelScreen
from tests.game.races import frames, game, hold, strike

pytest.importorskip("Box2D")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    pygame.display.quit()


def test_the_arrow_keys_drive_and_right_is_right() -> None:
    app = game(menu=True)
    screen = PixelScreen(app, seed=1)
    app.show(screen)
    hold(pygame.K_UP)
    hold(pygame.K_RIGHT)
    frames(app, 60)
    assert screen.steps == pytest.approx(50, abs=1)
    assert screen.steer == 1.0 and screen.env.car.wheels[0].joint.angle < 0.0
    assert abs(screen.env.car.hull.linearVelocity[1]) > 1.0
    strike(pygame.K_F1, pygame.K_p)
    frames(app, 2)
    held = screen.steps
    frames(app, 20)
    assert screen.steps == held
    strike(pygame.K_p, pygame.K_r)
    frames(app, 2)
    assert screen.steps <= 3
    strike(pygame.K_n)
    frames(app, 1)
    assert screen.seed == 2


def test_an_episode_ends_with_its_score() -> None:
    app = game(menu=True)
    screen = PixelScreen(app, seed=1)
    app.show(screen)
    screen.steps = 999
    frames(app, 2)
    assert screen.over == "TIME IS UP" and screen.best is not None
    strike(pygame.K_RETURN)
    frames(app, 1)
    assert screen.over == ""
