"""Gymnasium's pixel task by hand."""

from typing import Any

import numpy as np
import pygame
import pytest

from retroracer.agents.facts import Facts
from retroracer.agents.pixels.inference import PixelDriver
from retroracer.agents.pixels.network import Network
from retroracer.agents.pixels.records import Records
from retroracer.carracing.pipeline import Pipeline
from retroracer.game.pixels.screen import PixelScreen, carracing_screen
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.menu import ROWS, Menu
from retroracer.render.palette import DEFAULT
from tests.game.races import frames, game, hold, strike

pytest.importorskip("Box2D")


@pytest.mark.slow
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
    assert screen.over == "TIME IS UP" and list(screen.best) == ["you"]
    strike(pygame.K_RETURN)
    frames(app, 1)
    assert screen.over == ""


def full_gas(seen: Any) -> Any:
    """A network that wants the same whatever it sees: straight on, gas."""
    assert seen.shape == (1, 4, 84, 84) and 0.0 <= seen.min() < seen.max() <= 1.0
    return np.array([[0.0, 1.0]], np.float32)


def gas_driver() -> PixelDriver:
    facts = Facts(observation_layout="carracing-pixels-1", steps=0, algorithm="PPO")
    return PixelDriver(full_gas, Records(facts, Pipeline(), Network()), "gas")


@pytest.mark.slow
def test_a_driver_is_watched_by_the_pictures_it_is_given_and_tab_takes_the_wheel() -> None:
    app = game(menu=True)
    screen = PixelScreen(app, 1, gas_driver(), watch=True)
    app.show(screen)
    strike(pygame.K_F1)
    frames(app, 60)
    assert screen.who == "gas" and screen.steps == pytest.approx(50, abs=1)
    assert screen.env.car.hull.linearVelocity.length > 5.0, "nobody pressed a key, yet it drives"
    strike(pygame.K_TAB)
    frames(app, 30)
    assert screen.who == "you" and screen.env.car.hull.linearVelocity.length < 0.5
    strike(pygame.K_TAB)
    frames(app, 2)
    screen.steps = 999
    frames(app, 2)
    assert list(screen.best) == ["gas"]


def test_without_a_driver_tab_says_so_and_you_go_on() -> None:
    app = game(menu=True)
    screen = PixelScreen(app, 1)
    app.show(screen)
    strike(pygame.K_TAB)
    frames(app, 3)
    assert screen.who == "you" and screen.steps > 0


def test_without_a_font_the_menu_says_why_it_cannot_be_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> None:
        raise NotImplementedError("font module not available")

    app = game(menu=True)
    assert isinstance(app.screen, Menu)
    app.screen.rows.at = ROWS.index("CARRACING")
    monkeypatch.setattr("pygame.font.init", none)
    strike(pygame.K_RETURN)
    frames(app, 2)
    assert isinstance(app.screen, Menu)
    assert any("font module" in text for text, *_ in app._toasts._told)


@pytest.mark.slow
def test_the_menu_leads_to_it_and_escape_back() -> None:
    app = game(menu=True)
    assert isinstance(app.screen, Menu)
    app.screen.rows.at = ROWS.index("CARRACING")
    strike(pygame.K_RETURN)
    frames(app, 2)
    assert isinstance(app.screen, PixelScreen)
    strike(pygame.K_ESCAPE)
    frames(app, 2)
    assert isinstance(app.screen, Menu)


@pytest.mark.parametrize("size", [(1280, 720), (960, 540), (1920, 1080), (640, 480)])
def test_nothing_is_written_over_the_tasks_own_score_and_indicators(size: tuple[int, int]) -> None:
    app = game(menu=True, size=size)
    screen = carracing_screen(app)
    app.show(screen)
    screen.sight_shown = True
    frames(app, 1)
    surface = pygame.display.get_surface()
    assert surface is not None and screen._picture is not None
    left, top, wide, high = screen.picture_box(Canvas(surface, DEFAULT))
    pw, ph = screen._picture.get_size()
    scale = min(wide / pw, high / ph)
    fitted = (round(pw * scale), round(ph * scale))
    at = (left + (wide - fitted[0]) // 2, top + (high - fitted[1]) // 2)
    seen = pygame.surfarray.array3d(surface.subsurface((*at, *fitted)))
    plain = pygame.surfarray.array3d(pygame.transform.scale(screen._picture, fitted))
    np.testing.assert_array_equal(seen, plain)
