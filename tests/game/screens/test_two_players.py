"""Two people at one keyboard: keys, halves of the screen, what is kept."""

from typing import Any

import numpy as np
import pygame
import pytest

from retroracer.game.controls import ACTIONS, SEATS
from retroracer.game.race.race_control import Told
from retroracer.game.screens import canvas
from retroracer.game.screens.keys import KeysScreen
from retroracer.game.screens.race import RaceScreen
from retroracer.game.screens.replay import ReplayScreen
from retroracer.physics import state
from retroracer.physics.company import AT_FAULT
from retroracer.render.palette import DEFAULT, RIVALS, SECOND
from tests.game.races import frames, game, hold, setup, strike, until
from tests.game.screens.test_grid import MACHADO, lab


def race_of_two(laps: int = 1, rivals: int = 1):  # type: ignore[no-untyped-def]
    app = game(setup(human=2, rivals=rivals, laps=laps, solid=True))
    assert isinstance(app.screen, RaceScreen)
    return app, app.screen


@pytest.mark.slow
def test_each_drives_by_keys_of_their_own() -> None:
    app, screen = race_of_two()
    for code in (pygame.K_w, pygame.K_DOWN):
        hold(code)
    frames(app, 30)
    first, second = screen.session.actions[:2, 1].tolist()
    assert first == 1.0 and second == -1.0
    hold(pygame.K_w, False)
    hold(pygame.K_LEFT)
    hold(pygame.K_d)
    frames(app, 30)
    steer = screen.session.actions[:, 0]
    assert steer[0] < 0.0 < steer[1] and screen.session.actions[0, 1] == 0.0
    assert screen.session.names == ["player 1", "player 2", "follower 1"]


def test_alone_arrows_and_wasd_drive_the_one_car() -> None:
    controls = game(menu=True).controls
    for code in (pygame.K_UP, pygame.K_a):
        controls.take(pygame.event.Event(pygame.KEYDOWN, key=code))
    assert controls.keys.up and controls.keys.left


def test_each_is_put_back_on_the_road_by_an_own_key() -> None:
    app, screen = race_of_two()
    session = screen.session
    for key, row in ((pygame.K_q, 0), (pygame.K_BACKSPACE, 1)):
        session.race.place(rows=[row], s=60.0 + 40.0 * row, lateral_offset=9.0)
        strike(key)
        frames(app, 1)
        assert abs(session.race.lateral_offset[row]) < 0.1
    assert {row for _, row in session.recorder._resets} == {0, 1}


def test_their_keys_are_in_the_one_table_and_bound_anew_without_taking_others_away() -> None:
    assert SEATS.items() <= ACTIONS.items()
    app = game(menu=True)
    page = KeysScreen(app)
    page._bind("up_1", pygame.K_r)
    assert app.controls.names["up_1"] == "r" and app.controls.names["restart"] == "r"
    page._bind("up_2", pygame.K_r)
    assert app.controls.names["up_1"] == "" and app.controls.names["restart"] == "r"
    app.controls.players = 2
    assert app.controls.take(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_r)) == ""
    assert app.controls.seats[1].up
    app.controls.players = 1
    assert app.controls.take(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_r)) == "restart"


def test_each_half_follows_its_own_car() -> None:
    app, screen = race_of_two()
    screen.session.race.place(rows=[0, 1], s=[100.0, 300.0])
    frames(app, 2)
    surface = pygame.display.get_surface()
    assert surface is not None and surface.get_size() == (640, 360)
    pixels = pygame.surfarray.array3d(surface)
    blue, red = DEFAULT.human, SECOND
    left, right = pixels[:310], pixels[330:]
    assert (left == blue).all(axis=2).sum() > 20 < (right == red).all(axis=2).sum()
    assert [view.row for view in screen.picture.views] == [0, 1]
    assert screen.picture.views[0].effects is screen.picture.views[1].effects


@pytest.mark.parametrize("size", [(640, 360), (1280, 720)])
def test_names_penalties_and_gaps_all_fit_in_the_lists_of_both(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = game(setup(human=2, rivals=2, laps=1, solid=True), size=size)
    screen = app.screen
    assert isinstance(screen, RaceScreen) and screen.session.control is not None
    screen.session.race.place(s=[900.0, 300.0, 500.0, 700.0])
    screen.session.control.company.marks[:, AT_FAULT] = [3, 20, 0, 0]
    frames(app, 1)
    shown: list[str] = []
    label = canvas.label

    def note(text: str, *args: Any) -> pygame.Surface:
        shown.append(text)
        return label(text, *args)

    monkeypatch.setattr(canvas, "label", note)
    frames(app, 1)
    for text in ("PLAYER 1", "PLAYER 2", "+15", "+100"):
        assert shown.count(text) == 2, text  # in each half


@pytest.mark.slow
@pytest.mark.parametrize("size", [(640, 360), (1280, 720)])
def test_each_is_told_the_own_way_back_and_no_sign_covers_another(
    size: tuple[int, int], written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = game(setup(human=2, rivals=1, laps=1, solid=True), size=size)
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    race, control = screen.session.race, screen.session.control
    assert control is not None
    race.place(s=[200.0, 300.0, 400.0], lateral_offset=[30.0, 30.0, 0.0])
    race.floats[:2, state.OFF_FOR] = 3.0
    race.floats[:2, state.HEADING] += np.pi
    monkeypatch.setattr(screen.session, "wrong_way", lambda row: True)
    monkeypatch.setattr(control, "flag", lambda row, time: "yellow")
    told = [Told(0.0, row, "TRACK LIMITS: WARNING 1 OF 3") for row in range(2)]
    monkeypatch.setattr(control, "line_for", lambda row, *_: told[row])
    boxes: list[tuple[pygame.Surface, pygame.Rect]] = []
    panel = canvas.Canvas.panel

    def note(
        self: canvas.Canvas, x: float, y: float, w: float, h: float, *a: Any, **n: Any
    ) -> None:
        boxes.append((self.surface, pygame.Rect(round(x), round(y), round(w), round(h))))
        panel(self, x, y, w, h, *a, **n)

    monkeypatch.setattr(canvas.Canvas, "panel", note)
    written.clear()
    frames(app, 1)
    assert written.count("WRONG WAY") == 2 and written.count("back on the road") == 2
    assert "Q" in written and "BACKSPACE" in written
    for surface, box in boxes:
        others = [b for s, b in boxes if s is surface and b is not box]
        assert box.collidelist(others) < 0, box


def test_the_race_goes_on_until_both_are_home_and_its_laps_are_nobodys() -> None:
    app, screen = race_of_two()
    session = screen.session
    session.finish[0] = 10.0
    assert not session.over and screen._inputs()[0] == (0.0, 0.0)
    session.finish[1] = 12.0
    assert session.over and screen.results.headline().endswith("WINS")
    until(app, lambda: screen.showing_results)
    app.records.flush()
    assert not [lap for lap in app.records.laps(session.track) if lap.driver.startswith("player")]


@pytest.mark.slow
def test_their_race_is_watched_again_to_the_bit() -> None:
    app, screen = race_of_two(rivals=0)
    session = screen.session
    session.policies = []
    for _ in range(400):
        session.tick(0.1, 0.5, (-0.1, 0.7))
    tape = session.recorder.finish(session.cars, session.names, session.roles, 5.0, True)
    assert tape is not None
    replay = ReplayScreen(app, session.track, [tape])
    np.testing.assert_array_equal(replay.trajectory.ends, session.race.floats)


@pytest.mark.parametrize("sight", MACHADO)
def test_the_second_car_is_told_from_all_others_by_every_kind_of_sight(sight: str) -> None:
    seen = np.array(MACHADO[sight])
    for other in (DEFAULT.human, *RIVALS):
        assert np.linalg.norm(lab(SECOND, seen) - lab(other, seen)) > 25.0, other
