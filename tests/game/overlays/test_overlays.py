"""What is shown of an agent is what it was given, and nothing else."""

import numpy as np
import pygame
import pytest

from retroracer.agents.facts import Facts
from retroracer.envs.batch import RacingBatch
from retroracer.envs.task import LAYOUT, N_OBS, REWARD_NAMES, Ending, Reward
from retroracer.game.app import App
from retroracer.game.controls import ACTIONS
from retroracer.game.overlays import overlays as overlays_module
from retroracer.game.overlays.lines import Lines
from retroracer.game.overlays.overlay import HISTORY, Overlay
from retroracer.game.overlays.overlays import OVERLAYS, Overlays
from retroracer.game.overlays.pedals import Pedals
from retroracer.game.overlays.reward import RewardTerms, trained_with
from retroracer.game.overlays.sight import seen_cars, seen_road
from retroracer.game.race.session import Session
from retroracer.game.screens.canvas import Canvas, ui_scale
from retroracer.game.screens.race import RaceScreen
from retroracer.game.sound import LOOPS, RATE, Sound, engine_loop, noise_loop, revs
from retroracer.physics.race import N_SUBSTEPS
from retroracer.track.track import even_track
from tests.game.races import GT, frames, game, setup, strike
from tests.shapes import walled


@pytest.mark.slow
def test_the_road_rebuilt_from_an_observation_is_the_road_ahead() -> None:
    race = setup(track="monza")
    session = Session(race.track, race.policies, race.cars)
    for _ in range(3000):
        session.tick()
        if session.ticks % 5 == 1:
            x, y, heading = session.before[1].tolist()
    session.tick()
    # The observation of this very step, and the pose it was made from.
    x, y, heading = session.before[1].tolist()
    points = seen_road(session.observation[1], x, y, heading)
    gaps = [float(np.hypot(*(race.track.xy - p).T).min()) for p in points[:7]]
    assert max(gaps) < 2.0, "the near stretches lie on the centreline"


def bowl(turn: float) -> Session:
    """One agent on a circle of 150 m, turning left (+1) or right (-1)."""
    angle = turn * np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    xy = 150.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    wide = np.full(400, 6.0)
    track = even_track("bowl", xy, wide, wide, heading=angle + turn * np.pi / 2.0)
    return Session(track, setup().policies, [GT], human=False)


@pytest.mark.slow
def test_the_cars_rebuilt_from_an_observation_are_those_on_the_road() -> None:
    race = setup(track="monza", rivals=3, solid=True)
    session = Session(race.track, race.policies, race.cars, solid=True)
    found = 0
    for _ in range(2000):
        session.tick()
        if session.ticks % 50 == 1:
            x, y, heading = session.seen_from[1].tolist()
            for place, _ in seen_cars(session.seen[1], x, y, heading):
                away = np.hypot(*(session.seen_from[:, :2] - place).T)
                assert away.min() < 3.0 and int(away.argmin()) != 1
                found += 1
    assert found > 40


@pytest.mark.parametrize("turn", [1.0, -1.0])
def test_far_stretches_bend_the_way_the_road_does(turn: float) -> None:
    session = bowl(turn)
    for _ in range(1001):
        session.tick()
    x, y, heading = session.seen_from[0].tolist()
    points = seen_road(session.observation[0], x, y, heading)
    away = np.abs(np.hypot(*points.T) - 150.0)
    assert away.max() < 3.0, "a road of one bend is rebuilt to its far end"


class Reckless:
    """Flat out, swinging the wheel: on the road at first, then off it and into things."""

    name, action_repeat, n_observations = "reckless", 1, N_OBS

    def __init__(self, reward: dict[str, float] | None = None) -> None:
        self.facts = Facts(observation_layout=LAYOUT, steps=0, reward=reward or {})
        self.rng = np.random.default_rng(4)

    def act(self, observation: np.ndarray) -> np.ndarray:
        return np.array([[self.rng.uniform(-0.2, 0.9), 1.0]])


@pytest.mark.parametrize("own", [{}, Reward(progress=0.3, steering=-1.5, edge=-2.0)._asdict()])
def test_the_reward_shown_is_the_reward_of_training(own: dict[str, float]) -> None:
    """A batch that drives the same actions from the same place is rewarded alike, term by term."""
    track = walled()
    session = Session(track, [Reckless(own)], [GT], human=False)  # type: ignore[list-item]
    batch = RacingBatch(
        1, tracks=[track], ending=Ending(off_track=1e9, stall=1e9, time=1e9), reward=Reward(**own)
    )
    batch.reset(0)
    for name in ("floats", "ints", "params"):
        getattr(batch.race, name)[:] = getattr(session.race, name)
    overlays = Overlays(session)
    overlays.press("reward")
    shown = overlays.every["reward"]
    assert isinstance(shown, RewardTerms)
    trained = []
    for _ in range(300):
        for _ in range(N_SUBSTEPS):
            session.tick()
            overlays.note(0)
        batch.step(session.actions)
        trained.append(batch.terms[0].copy())
    terms = dict(zip(REWARD_NAMES, np.transpose(trained), strict=True))
    rare = {"crash"} if own else {"crash", "edge"}  # the edge costs nothing by default
    assert all(terms[name].any() for name in REWARD_NAMES if name not in rare), "all terms occur"
    np.testing.assert_allclose(shown.terms, trained[-HISTORY:], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(shown.total, np.sum(trained, axis=0), rtol=1e-9)


def test_a_term_younger_than_a_model_weighs_nothing_in_it() -> None:
    old = {k: v for k, v in Reward()._asdict().items() if k != "edge"}
    assert trained_with(old) == Reward(edge=0.0)


@pytest.mark.parametrize(
    ("reward", "told", "its_own"),
    [
        ({}, "F3: the default reward", False),
        (Reward(progress=0.4)._asdict(), "F3: the reward it was trained with", True),
        ({"progress": "much", "new_term": 1.0}, "F3: the default reward", False),
    ],
)
def test_f3_says_whether_the_reward_is_the_drivers_own(
    reward: dict[str, object], told: str, its_own: bool
) -> None:
    session = Session(walled(), [Reckless(reward)], [GT], human=False)  # type: ignore[list-item,arg-type]
    overlays = Overlays(session)
    overlays.press("reward")
    assert overlays.told.startswith(told)
    shown = overlays.every["reward"]
    assert isinstance(shown, RewardTerms) and shown.its_own is its_own
    assert shown.weights == Reward(progress=0.4 if its_own else Reward().progress)


class Toy(Overlay):
    """A dot where the agent is, and a panel with its speed."""

    name, key, does = "toy", "f9", "a toy"

    def height(self, row: int, little: bool) -> float:
        return 20.0

    def draw_panel(self, c: Canvas, x: float, y: float, row: int, little: bool) -> None:
        c.rect(x, y, 100, 20, (255, 0, 255))

    def draw_road(self, view, row, limit) -> None:  # type: ignore[no-untyped-def]
        surface, camera, _ = view
        race = self.session.race
        at = camera.to_screen(np.array([race.x[row], race.y[row]]))
        pygame.draw.circle(surface, (0, 255, 255), at.tolist(), 40)


def colours(app: App) -> set[tuple[int, ...]]:
    surface = pygame.display.get_surface()
    assert surface is not None
    pixels = pygame.surfarray.array3d(surface).reshape(-1, 3)
    return set(map(tuple, np.unique(pixels, axis=0).tolist()))


@pytest.mark.slow
def test_an_overlay_is_a_class_and_a_line_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else need know it: its key works, it is drawn, it is told of, and it is bound."""
    monkeypatch.setattr(overlays_module, "OVERLAYS", [*OVERLAYS, Toy])
    monkeypatch.setitem(ACTIONS, Toy.name, (Toy.does, Toy.key))
    app = game()
    frames(app, 2)
    assert not colours(app) & {(255, 0, 255), (0, 255, 255)}
    strike(pygame.K_F9)
    frames(app, 2)
    assert {(255, 0, 255), (0, 255, 255)} <= colours(app)
    assert app.screen.overlays.told == "F9: a toy"  # type: ignore[attr-defined]


def test_the_keys_of_overlays_come_from_their_table() -> None:
    assert [ACTIONS[o.name] for o in OVERLAYS] == [(o.does, o.key) for o in OVERLAYS]


def test_overlays_that_are_off_remember_nothing() -> None:
    race = setup()
    session = Session(race.track, race.policies, race.cars)
    overlays = Overlays(session)
    for _ in range(100):
        session.tick()
        overlays.note(0)
    lines, reward, pedals = (overlays.every[n] for n in ("path", "reward", "pedals"))
    assert isinstance(lines, Lines) and not lines.trail
    assert isinstance(reward, RewardTerms) and not reward.terms
    assert isinstance(pedals, Pedals) and not pedals.actions


def test_a_line_once_shown_is_named_on_the_result() -> None:
    app = game()
    strike(pygame.K_l)
    frames(app, 2)
    strike(pygame.K_l)
    frames(app, 2)
    assert app.screen.overlays.helped  # type: ignore[attr-defined]


def test_without_an_agent_there_is_nothing_to_look_into() -> None:
    app = game(setup(rivals=0))
    strike(pygame.K_F1, pygame.K_F2, pygame.K_F3, pygame.K_F4)
    frames(app, 3)
    assert app.screen.overlays.on == set()  # type: ignore[attr-defined]


@pytest.mark.parametrize("frequency", [45.0, 97.3, 240.0])
def test_an_engine_loop_ends_where_it_begins(frequency: float) -> None:
    wave = engine_loop(frequency)
    steps = np.abs(np.diff(wave))
    assert abs(wave[0] - wave[-1]) <= 1.5 * steps.max(), "it would click"
    assert np.abs(wave).max() <= 1.0 and 0.05 * RATE < len(wave) < 0.2 * RATE


def test_noise_stays_in_its_band_and_is_the_same_every_time() -> None:
    wave = noise_loop(900.0, 2600.0)
    power = np.abs(np.fft.rfft(wave)) ** 2
    band = np.fft.rfftfreq(len(wave), 1.0 / RATE)
    assert power[(band > 850) & (band < 2650)].sum() > 0.99 * power.sum()
    np.testing.assert_array_equal(wave, noise_loop(900.0, 2600.0))


def test_revs_stay_in_range_at_any_speed() -> None:
    values = [revs(v) for v in np.linspace(0.0, 140.0, 500)]
    assert min(values) == 0.0 and max(values) == 1.0
    assert all(0 <= int(v * (LOOPS - 1)) < LOOPS for v in values)


def test_a_car_sounds_with_the_dummy_device_and_is_silent_without_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sound = Sound()
    for speed in np.linspace(0.0, 90.0, 60):
        sound.drive(float(speed), 1.0, 0.5, bool(speed > 50))
    sound.signal("green")
    sound.quiet()
    sound.close()

    def none(*_: object) -> None:
        raise pygame.error("no available audio device")

    monkeypatch.setattr(pygame.mixer, "init", none)
    silent = Sound()
    assert "no sound" in silent.trouble
    silent.drive(30.0, 1.0, 0.0, False)
    silent.signal("red")
    silent.close()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(960, 540), (1280, 720), (1920, 1080), (3840, 2160)])
def test_four_cars_and_all_overlays_leave_the_car_in_sight(size: tuple[int, int]) -> None:
    app = game(setup(rivals=3), size=size)
    strike(pygame.K_F1, pygame.K_F2, pygame.K_F3, pygame.K_F4)
    frames(app, 30)
    surface = pygame.display.get_surface()
    assert surface is not None
    x, y = size[0] // 2, round(0.76 * size[1])
    half = size[1] // 90
    car = pygame.surfarray.array3d(surface)[x - half : x + half, y - half : y + half]
    blue = (car[..., 2] > 150) & (car[..., 0] < 110)
    assert blue.mean() > 0.1, "a panel lies over your car"


@pytest.mark.parametrize(
    ("size", "k"),
    [((160, 90), 1), ((960, 540), 2), ((1280, 720), 2), ((1920, 1080), 3), ((3840, 2160), 6)],
)
def test_letters_grow_with_the_screen_and_leave_room_for_every_panel(
    size: tuple[int, int], k: int
) -> None:
    assert ui_scale(size) == k


def test_the_wrong_way_arrow_points_where_the_track_goes() -> None:
    app = game()
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    for error, pointing in ((0.0, -1.0), (np.pi, 1.0)):  # up and down the screen
        screen.session.race.place(rows=[0], s=150.0, heading_error=error)
        screen.view.jump()
        frames(app, 1)
        assert np.sin(screen.picture.huds[0].now.way) == pytest.approx(pointing, abs=0.02)
