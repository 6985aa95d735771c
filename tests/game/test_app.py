"""Whole races without a screen: by posted keys, by a script, as the command."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pygame
import pytest

from retroracer.game.app import App
from retroracer.game.editor.editor import Editor
from retroracer.game.pixels.screen import carracing_screen
from retroracer.game.race.drivers import Cue, Script
from retroracer.game.race.session import Session
from retroracer.game.replay.tape import drive_again
from retroracer.game.screens.keys import KeysScreen
from retroracer.game.screens.menu import Menu
from retroracer.game.screens.race import COUNTDOWN, RaceScreen
from retroracer.game.screens.replay import ReplayScreen
from retroracer.physics.car import load_car
from retroracer.training.judging.laps import Entry, evaluate
from tests.drivers import PathFollower
from tests.game.races import drive_cleanly, follower, frames, game, hold, setup, strike, until

ROOT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("own_home")


def racing(app: App) -> RaceScreen:
    assert isinstance(app.screen, RaceScreen)
    return app.screen


@pytest.mark.slow
def test_arrow_keys_drive_and_r_restarts_within_a_fifth_of_a_second() -> None:
    app = game()
    hold(pygame.K_UP)
    frames(app, 119)
    session = racing(app).session
    assert session.race.speed[0] > 10.0
    strike(pygame.K_r)
    frames(app, 1)
    assert session.race.speed[0] < 1.0 and session.time <= 0.05
    frames(app, 11)  # 0.2 s with the throttle still held
    assert session.race.speed[0] > 0.1, "not moving 0.2 s after the key"


@pytest.mark.slow
def test_the_lights_hold_everybody_and_all_start_on_the_same_step() -> None:
    app = game(lights=True)
    hold(pygame.K_UP)
    session = racing(app).session
    frames(app, int(COUNTDOWN * 60) - 2)
    assert session.ticks == 0 and (session.race.speed == 0.0).all()
    frames(app, 30)
    assert session.ticks > 0 and (session.race.speed > 0.5).all()
    assert len(set(session.race.time.tolist())) == 1


def test_space_skips_the_lights() -> None:
    app = game(lights=True)
    frames(app, 2)
    strike(pygame.K_SPACE)
    frames(app, 3)
    assert racing(app).session.ticks > 0


@pytest.mark.slow
def test_p_pauses_the_race_and_goes_on_and_its_menu_leads_to_the_menu_and_out() -> None:
    app = game()
    frames(app, 30)
    session = racing(app).session
    strike(pygame.K_p)
    frames(app, 1)
    held = session.time
    frames(app, 30)
    assert session.time == held
    strike(pygame.K_p)
    frames(app, 5)
    assert session.time > held
    screen = racing(app)
    screen.press("pause")
    strike(pygame.K_UP, pygame.K_RETURN)  # the last row
    frames(app, 2)
    assert isinstance(app.screen, Menu)
    strike(pygame.K_ESCAPE, pygame.K_RETURN)
    frames(app, 1)
    assert not app.running


@pytest.mark.slow
def test_a_race_ends_in_results_from_where_it_is_raced_again_watched_and_left() -> None:
    app = game(setup(laps=1))
    screen = racing(app)
    drive_cleanly(app)
    until(app, lambda: screen.showing_results)
    frames(app, 2)
    assert "PLACE" in screen.results.headline() or "WIN" in screen.results.headline()
    strike(pygame.K_v)
    frames(app, 3)
    assert isinstance(app.screen, ReplayScreen)
    strike(pygame.K_ESCAPE)
    frames(app, 1)
    assert app.screen is screen
    strike(pygame.K_g)
    frames(app, 2)
    assert screen.session.time < 0.1 and screen.references.best is not None
    assert len(screen.ghosts.views()) == 1, "the standing lap races along from the grid"


def mash(app: App, count: int) -> None:
    """Keys, mouse and pad at random, in a window of any size."""
    rng = np.random.default_rng(0)
    names = (
        "UP DOWN LEFT RIGHT r p c v g l n t s u y x RETURN ESCAPE TAB BACKSPACE SPACE COMMA HOME"
    )
    codes = [getattr(pygame, f"K_{n}") for n in [*names.split(), "F1", "F2", "F3", "F4", "F5"]]
    codes += [0, 999_999]
    sizes = [(1, 1), (200, 120), (333, 777), (1920, 1080), (640, 360)]
    kinds = [pygame.MOUSEMOTION, pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP, pygame.MOUSEWHEEL,
             pygame.CONTROLLERAXISMOTION, pygame.CONTROLLERDEVICEADDED, pygame.WINDOWFOCUSLOST,
             pygame.CONTROLLERDEVICEREMOVED, pygame.CONTROLLERBUTTONDOWN]  # fmt: skip
    for k in range(count):
        for _ in range(3):
            hold(int(rng.choice(codes)), bool(rng.random() < 0.6))
        if rng.random() < 0.2:
            at = (int(rng.integers(-5, 700)), int(rng.integers(-5, 400)))
            values = {
                "pos": at, "rel": (3, -2), "buttons": (1, 0, 0), "y": 1, "value": 20_000,
                "button": int(rng.integers(15)), "axis": int(rng.integers(6)),
                "instance_id": 3, "device_index": 1,
            }  # fmt: skip
            pygame.event.post(pygame.event.Event(int(rng.choice(kinds)), values))
        if k % 25 == 7:
            pygame.display.set_mode(sizes[int(rng.integers(len(sizes)))], pygame.RESIZABLE)
        app.step(1 / 60)
        app.running = True  # it may well have been told to quit


@pytest.mark.slow
def test_a_race_mashed_at_random_never_breaks() -> None:
    app = game(lights=True)
    mash(app, 160)
    assert app.frame == 160


@pytest.mark.slow
@pytest.mark.parametrize("page", ["menu", "keys", "editor", "replay", "carracing"])
def test_no_page_breaks_however_it_is_mashed(page: str, tmp_path: Path) -> None:
    app = game(menu=True)
    if page == "keys":
        app.show(KeysScreen(app))
    elif page == "editor":
        app.show(Editor(app, tmp_path / "mine.yaml"))
    elif page == "replay":
        race = setup()
        session = Session(race.track, race.policies, race.cars, True, 1)
        for _ in range(500):
            session.tick(0.0, 0.4)
        tape = session.recorder.finish(session.cars, session.names, session.roles, 5.0, False)
        assert tape is not None
        app.show(ReplayScreen(app, race.track, [tape]))
    elif page == "carracing":
        pytest.importorskip("Box2D")
        app.show(carracing_screen(app))
    mash(app, 90)
    assert app.frame == 90


@pytest.mark.slow
def test_the_agents_lap_in_the_game_is_its_lap_in_evaluate_to_the_last_bit() -> None:
    policy = follower()
    race = setup(laps=2)
    (report,) = evaluate([Entry("follower", policy.act, load_car("gt"))], [race.track])
    assert report.results[0].completed
    app = game(race)
    screen = racing(app)
    hold(pygame.K_UP)
    until(app, lambda: screen.session.finish[1] is not None)
    assert float(screen.session.race.last_lap_time[1]) == report.results[0].lap_time_s


@pytest.fixture(scope="module")
def recorded() -> tuple[list[Cue], float]:
    """A whole lap as a script, an input every hundredth of a second, and its time [s]."""
    race = setup(laps=1)
    session = Session(race.track, race.policies, race.cars, True, 1)
    driver = PathFollower(race.track, race.cars[0], pace=0.9)
    cues = []
    while session.finish[0] is None:
        steer, throttle = (float(np.float32(v)) for v in driver(session.race)[0])
        cues.append(Cue(session.time, steer, throttle))
        session.tick(steer, throttle)
    return cues, float(session.race.last_lap_time[0])


@pytest.mark.slow
@pytest.mark.parametrize("fps", [30, 60, 144, 0])
def test_recorded_inputs_give_the_same_lap_and_state_at_any_frame_rate(
    recorded: tuple[list[Cue], float], fps: int
) -> None:
    cues, lap_time = recorded
    app = game(setup(laps=1), script=Script(list(cues)))
    session = racing(app).session
    rng = np.random.default_rng(5)
    while session.finish[0] is None:  # 0 = frames that stutter at random
        app.screen.advance(1.0 / fps if fps else float(rng.uniform(0.001, 0.2)))
    assert float(session.race.last_lap_time[0]) == lap_time
    (tape,) = session.tapes
    np.testing.assert_array_equal(tape.actions[:, 0], [(c.steer, c.throttle) for c in cues])
    again = drive_again(tape, session.track)
    assert again.lap_time == lap_time


@pytest.mark.slow
def test_drawing_changes_nothing_in_the_race() -> None:
    drawn, plain = game(), game()
    for app in (drawn, plain):
        racing(app).overlays.on = {"sight", "pedals", "reward", "path"}
    for _ in range(90):
        drawn.step(1 / 30)
        plain.screen.advance(1 / 30)
    np.testing.assert_array_equal(
        racing(drawn).session.race.floats, racing(plain).session.race.floats
    )


def play(*more: str, frames: int = 120, home: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "play.py", "--headless", "--frames", str(frames), *more]
    env = dict(os.environ, **({"RETRORACER_HOME": home} if home else {}))
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, env=env)


@pytest.mark.slow
def test_the_command_races_headless_and_saves_a_picture(tmp_path: Path) -> None:
    script, shot = tmp_path / "in.yaml", tmp_path / "shot.png"
    script.write_text("- {at: 0, throttle: 1}\n")
    done = play("--track", "copper_bowl", "--script", str(script), "--screenshot", str(shot))
    assert done.returncode == 0, done.stderr
    picture = pygame.image.load(str(shot))
    assert picture.get_size() == (1280, 720)
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_script_can_strike_the_menus_keys(tmp_path: Path) -> None:
    script = tmp_path / "in.yaml"
    script.write_text("- {at: 0.1, key: escape}\n- {at: 0.3, key: escape}\n")
    done = play("--track", "copper_bowl", "--script", str(script), frames=600)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_home_that_cannot_be_written_costs_only_the_remembering(tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.write_text("not a folder")
    done = play("--track", "copper_bowl", frames=5, home=str(home))
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert "records are not kept" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--track", "monzza"), "monzza"),
        (("--model", "nobody.zip"), "nobody.zip"),
        (("--car", "tank"), "no car 'tank'"),
        (("--script", "none.yaml"), "there is no file none.yaml"),
        (("--screenshot", "no/such/folder/x.png"), "does not exist"),
        (("--opponents", "20"), "from 0 to 19"),
        (("--size", "huge"), "give WIDTHxHEIGHT"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(more: tuple[str, ...], message: str) -> None:
    done = play(*more, frames=2)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("driver", ["x11", ""])
def test_without_a_screen_it_says_so(driver: str) -> None:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "SDL_VIDEO_DRIVER")
    env = {k: v for k, v in os.environ.items() if k not in hidden}
    env |= {"SDL_VIDEODRIVER": driver} if driver else {}
    command = [sys.executable, "play.py", "--frames", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=env)
    assert done.returncode == 2 and "--headless" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_game_without_an_end_is_refused_without_a_screen() -> None:
    done = subprocess.run(
        [sys.executable, "play.py", "--headless"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and "--frames" in done.stderr


@pytest.mark.slow
def test_every_screen_is_left_for_the_one_it_was_opened_over(tmp_path: Path) -> None:
    """Editor, its race, that race's replay, and back again; with nothing waiting, the menu."""
    app = game(menu=True)
    menu = app.screen
    app.show(Editor(app, tmp_path / "mine.yaml"))
    editor = app.screen
    app.show(RaceScreen(app, setup()), over=True)
    race = app.screen
    session = racing(app).session
    for _ in range(50):
        session.tick(0.0, 0.4)
    tape = session.recorder.finish(session.cars, session.names, session.roles, 5.0, False)
    assert tape is not None
    app.show(ReplayScreen(app, session.track, [tape]), over=True)
    for left_for in (race, editor):
        if app.screen is race:
            racing(app).press("menu")
        else:
            strike(pygame.K_ESCAPE)
        frames(app, 1)
        assert app.screen is left_for
    strike(pygame.K_ESCAPE, pygame.K_ESCAPE)  # the page is new and not saved
    frames(app, 1)
    assert isinstance(app.screen, Menu) and app.screen is not menu


def test_what_waits_below_a_screen_is_closed_with_the_game() -> None:
    app = game(menu=True)
    closed = []
    for name in ("first", "second"):
        screen = RaceScreen(app, setup())
        screen.close = lambda name=name: closed.append(name)  # type: ignore[misc,method-assign]
        app.show(screen, over=name == "second")
    app.close()
    assert sorted(closed) == ["first", "second"]
