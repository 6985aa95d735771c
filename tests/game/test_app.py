"""Whole races without a screen: by posted keys, by a script, as the command."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pygame
import pytest

from retroracer.agents.facts import Facts
from retroracer.agents.policy import Policy
from retroracer.envs.task import LAYOUT, N_OBS
from retroracer.game.app import App, Options
from retroracer.game.drivers import Cue, Script
from retroracer.game.session import Session, Trace
from retroracer.physics.car import car_facts, load_car
from retroracer.track.files import load_track
from retroracer.training.evaluate import Entry, evaluate

ROOT = Path(__file__).parents[2]
GT = load_car("gt")


def follower() -> Policy:
    """A linear driver that follows the road at about 50 km/h: real inference, honest laps."""
    w = np.zeros((N_OBS, 2), np.float32)
    b = np.zeros(2, np.float32)
    w[4, 0], w[5, 0], w[2, 0] = -0.5, -2.0, -0.3
    w[11:14, 0] = 0.9
    w[0, 1], b[1] = -6.0, 1.8
    facts = Facts(observation_layout=LAYOUT, steps=0, car=car_facts(GT))
    return Policy([(w, b)], facts, "follower")


def app(**kwargs: object) -> App:
    policy = follower()
    options = Options(headless=True, frames=kwargs.pop("frames", 120))  # type: ignore[arg-type]
    return App(load_track("copper_bowl"), [policy], [GT, GT], options, **kwargs)  # type: ignore[arg-type]


def key(code: int, down: bool = True) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN if down else pygame.KEYUP, key=code))


def with_keys(game: App, at: dict[int, Callable[[], None]]) -> None:
    stock = game.events

    def events() -> None:
        if game.frame in at:
            at[game.frame]()
        stock()

    game.events = events  # type: ignore[method-assign]
    game.run()


def test_arrow_keys_drive_and_r_restarts_at_once() -> None:
    game = app(frames=200)
    seen = {}

    def look(name: str) -> None:
        race = game.session.race
        seen[name] = (float(race.speed[0]), game.session.time)

    with_keys(
        game,
        {
            1: lambda: key(pygame.K_UP),
            119: lambda: look("driven"),
            120: lambda: (key(pygame.K_UP, False), key(pygame.K_r)),  # type: ignore[dict-item, return-value]
            122: lambda: look("restarted"),
        },
    )
    assert seen["driven"][0] > 10.0
    assert seen["restarted"][0] < 1.0 and seen["restarted"][1] <= 0.05


def test_p_pauses_the_race_and_goes_on_and_escape_leaves() -> None:
    game = app(frames=400)
    times: list[float] = []
    with_keys(
        game,
        {
            30: lambda: key(pygame.K_p),
            40: lambda: times.append(game.session.time),
            80: lambda: times.append(game.session.time),
            90: lambda: key(pygame.K_p),
            120: lambda: times.append(game.session.time),
            150: lambda: key(pygame.K_ESCAPE),
        },
    )
    assert times[0] == times[1] < times[2]
    assert game.frame <= 152


def test_keys_mashed_at_random_and_a_window_of_any_size_never_break_it() -> None:
    game = app(frames=150)
    rng = np.random.default_rng(0)
    codes = [pygame.K_UP, pygame.K_LEFT, pygame.K_r, pygame.K_p, pygame.K_c, pygame.K_F5, 0]
    sizes = [(1, 1), (200, 120), (333, 777), (1920, 1080), (640, 360)]

    def mash() -> None:
        for _ in range(3):
            key(int(rng.choice(codes)), bool(rng.random() < 0.6))
        if rng.random() < 0.2:
            pygame.display.set_mode(sizes[int(rng.integers(len(sizes)))], pygame.RESIZABLE)

    with_keys(game, {k: mash for k in range(150)})
    assert game.frame == 150


def test_the_agents_lap_in_the_game_is_its_lap_in_evaluate_to_the_last_bit() -> None:
    track, policy = load_track("copper_bowl"), follower()
    (report,) = evaluate([Entry("follower", policy.act, GT)], [track])
    assert report.results[0].completed
    session = Session(track, [policy], [GT, load_car("kart")][::-1], human=True, laps=2)
    while session.finish[1] is None and session.ticks < 100 * 600:
        session.tick(0.1, 0.3)
    assert float(session.race.last_lap_time[1]) == report.results[0].lap_time_s


def test_the_same_script_at_any_frame_rate_gives_the_same_race() -> None:
    cues = [Cue(0.0, throttle=1.0), Cue(1.5, steer=0.1), Cue(2.0, steer=-0.1, throttle=0.2)]
    ends = []
    for fps in (30, 60, 144):
        game = app(script=Script(list(cues)))
        while game.session.ticks < 300:
            game.advance(min(1.0 / fps, (300 - game.session.ticks) * 0.01))
        ends.append(game.session.race.floats.copy())
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[0], ends[2])


def test_a_gap_is_the_time_since_the_other_came_by_here() -> None:
    trace = Trace()
    for k in range(1, 11):
        trace.add(10.0 * k, 0.5 * k)
    assert trace.time_at(25.0) == pytest.approx(1.25)
    assert trace.time_at(100.0) == pytest.approx(5.0)
    assert trace.time_at(100.1) is None


def test_the_command_races_headless_and_saves_a_picture(tmp_path: Path) -> None:
    script, shot = tmp_path / "in.yaml", tmp_path / "shot.png"
    script.write_text("- {at: 0, throttle: 1}\n")
    done = play("--track", "copper_bowl", "--script", str(script), "--screenshot", str(shot))
    assert done.returncode == 0, done.stderr
    picture = pygame.image.load(str(shot))
    assert picture.get_size() == (1280, 720)
    assert "Traceback" not in done.stderr


def play(*more: str, frames: int = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "play.py", "--headless", "--frames", str(frames), *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--track", "monzza"), "monzza"),
        (("--model", "nobody.zip"), "nobody.zip"),
        (("--car", "tank"), "no car 'tank'"),
        (("--script", "none.yaml"), "cannot read script"),
        (("--screenshot", "no/such/folder/x.png"), "does not exist"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(more: tuple[str, ...], message: str) -> None:
    done = play(*more, frames=2)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr


def test_a_game_without_an_end_is_refused_without_a_screen() -> None:
    done = subprocess.run(
        [sys.executable, "play.py", "--headless"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and "--frames" in done.stderr
