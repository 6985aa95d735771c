"""A driver that follows the line: near the limit, inside the road, and never faster."""

import numpy as np
import pytest

from retroracer.laptime.limit import solve
from retroracer.laptime.line_driver import LineDriver, line_to_follow
from retroracer.physics import state
from retroracer.physics.car import load_car
from retroracer.physics.race import Race
from retroracer.track.files import load_track
from retroracer.track.generate import track_from_seed
from tests.shapes import circle


def drive(tracks, lines, car, laps=2, most=400.0):
    """A standing start and two laps; lap times, seconds off the road, and the race."""
    race = Race(tracks, car, len(tracks))
    race.start_on_grid(np.arange(len(tracks)))
    driver = LineDriver(lines)
    while (race.lap < laps).any() and race.time[0] < most:
        race.advance(driver(race))
    times = np.where(race.lap >= laps, race.last_lap_time, np.nan)
    return times, race.off_track_time.copy(), race


@pytest.fixture(scope="module")
def gt_tracks():
    return [track_from_seed(k) for k in (0, 3, 10)] + [load_track("locksmith")]


@pytest.fixture(scope="module")
def gt_limits(gt_tracks):
    return [solve(t, load_car("gt")).lap_time for t in gt_tracks]


@pytest.mark.slow
def test_it_laps_cleanly_within_a_sixth_of_the_limit_and_never_beats_it(gt_tracks, gt_limits):
    car = load_car("gt")
    times, off, _ = drive(gt_tracks, [line_to_follow(t, car) for t in gt_tracks], car)
    ratio = times / np.array(gt_limits)
    assert (off == 0.0).all()
    assert (ratio > 1.02).all()
    assert (ratio < 1.16).all()


@pytest.mark.slow
def test_daring_more_is_faster_but_no_dare_beats_the_limit(gt_tracks, gt_limits):
    car = load_car("gt")
    best = np.full(len(gt_tracks), np.inf)
    shy, _, _ = drive(gt_tracks, [line_to_follow(t, car, 0.7) for t in gt_tracks], car)
    for dare in (0.8, 1.0):
        lines = [line_to_follow(t, car, dare, margin=0.4) for t in gt_tracks]
        times, _, _ = drive(gt_tracks, lines, car, most=300.0)
        best = np.fmin(best, times)
    assert (best < shy - 0.5).all()
    assert (best > np.array(gt_limits)).all()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dare"), [("kart", 0.68), ("formula", 0.8)])
def test_it_drives_the_other_cars_too(name, dare):
    car = load_car(name)
    tracks = [track_from_seed(0)]
    times, off, _ = drive(tracks, [line_to_follow(t, car, dare, 0.7) for t in tracks], car)
    limits = np.array([solve(t, car).lap_time for t in tracks])
    assert (off < 0.5).all()
    assert (times > limits).all()
    assert (times < 1.3 * limits).all()


@pytest.mark.slow
def test_on_a_circle_it_keeps_to_its_line():
    car, track = load_car("gt"), circle(radius=70.0, half_width=8.0)
    _, _, race = drive([track], [line_to_follow(track, car, 0.7, margin=1.0)], car, most=60.0)
    assert race.lap[0] >= 2
    assert race.lateral_offset[0] == pytest.approx(7.0, abs=0.6)
    assert race.floats[0, state.OFF_TIME] == 0.0


@pytest.mark.slow
def test_actions_are_in_bounds_wherever_the_car_is():
    track, car = track_from_seed(0), load_car("gt")
    race = Race([track], car, 64)
    rng = np.random.default_rng(0)
    race.place(
        s=rng.uniform(0.0, track.length, 64),
        lateral_offset=rng.uniform(-12.0, 12.0, 64),
        heading_error=rng.uniform(-3.0, 3.0, 64),
        speed=rng.uniform(0.0, 70.0, 64),
    )
    driver = LineDriver([line_to_follow(track, car)])
    for _ in range(40):
        actions = driver(race)
        assert actions.shape == (64, 2)
        assert np.isfinite(actions).all()
        assert np.abs(actions).max() <= 1.0
        race.advance(actions)
