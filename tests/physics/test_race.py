"""Races: starts, progress, lap and sector timing, track limits."""

from __future__ import annotations

import numpy as np
import pytest

from retroracer.physics import state
from retroracer.physics.car import load_car
from retroracer.physics.race import Race
from retroracer.track.bank import pack
from retroracer.track.generate import random_tracks
from tests.drivers import PathFollower
from tests.shapes import circle, oval

COAST = np.zeros((1, 2))


@pytest.fixture(scope="module")
def gt():
    return load_car("gt")


def drive(race, driver, until, steps=9000, n_substeps=5):
    """Drive until a condition holds."""
    for _ in range(steps):
        if until(race):
            return
        race.advance(driver(race), n_substeps)
    raise AssertionError("the condition never held")


def asphalt_everywhere(radius, **fields):
    """A circular track on a car park."""
    plain = np.zeros(circle(radius, spacing=0.5).n, np.int64)
    return circle(radius, spacing=0.5, runoff_left=plain, runoff_right=plain, **fields)


def test_a_lap_at_constant_speed_is_timed_exactly_inside_the_step(gt):
    action = np.array([[0.3, 0.08]])
    moving = [state.VX, state.VY, state.YAW_RATE, state.AX, state.AY, state.AR, state.STEER_ANGLE]
    free = Race([asphalt_everywhere(60.0)], gt)
    free.place(s=0.0, speed=15.0)
    free.advance(action, 500_000)
    settled = free.floats[0, moving].copy()
    free.advance(action, 5)
    np.testing.assert_allclose(free.floats[0, moving], settled, rtol=1e-9, atol=1e-12)
    # It runs round a circle for ever; now put the track's centre where the car's is.
    vx, vy, yaw_rate = settled[:3]
    radius = np.hypot(vx, vy) * 0.01 / (2.0 * np.sin(yaw_rate * 0.01 / 2.0))
    track = asphalt_everywhere(radius + 3.0, sectors=(100.0, 250.0))
    race = Race([track], gt)
    race.place(s=track.length - 5.0, lateral_offset=3.0, heading_error=-np.arctan2(vy, vx))
    race.floats[0, moving] = settled
    while race.lap[0] < 2:
        race.advance(action)
    expected = 2.0 * np.pi / yaw_rate
    assert abs(expected / 0.01 - round(expected / 0.01)) > 0.02  # not a multiple of the step
    assert race.last_lap_time[0] == pytest.approx(expected, abs=1e-6)
    shares = np.diff([0.0, 100.0, 250.0, track.length]) / track.length
    np.testing.assert_allclose(race.sector_times(0), shares * expected, atol=1e-6)
    while race.lap[0] < 3:
        race.advance(action, 1)
    assert race.last_lap_time[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
def test_sector_times_sum_to_the_lap(gt):
    for track in random_tracks(4, 3):
        race = Race([track], gt)
        driver = PathFollower(track, gt, pace=0.7)
        drive(race, driver, lambda r: r.lap[0] == 2)
        sectors = race.sector_times(0)
        assert len(sectors) == len(track.sectors) + 1
        assert sum(sectors) == pytest.approx(race.last_lap_time[0], abs=1e-9)
        assert min(sectors) > 1.0


@pytest.mark.slow
def test_the_first_lap_from_the_grid_counts_from_the_start(gt):
    track = oval()
    race = Race([track], gt)
    assert race.s[0] == pytest.approx(track.length - track.grid_gap)
    assert race.speed[0] == 0.0
    driver = PathFollower(track, gt, pace=0.6)
    drive(race, driver, lambda r: r.lap[0] == 1)
    first = race.last_lap_time[0]
    crossed = race.time[0] - race.lap_time[0]
    assert first == pytest.approx(crossed)
    assert race.progress[0] == pytest.approx(track.length + track.grid_gap, abs=2.0)
    drive(race, driver, lambda r: r.lap[0] == 2)
    assert race.last_lap_time[0] < first  # a flying lap


def test_a_random_start_has_a_partial_untimed_first_lap(gt):
    track = oval()
    race = Race([track], gt)
    race.place(s=0.6 * track.length, speed=20.0)
    driver = PathFollower(track, gt, pace=0.6)
    drive(race, driver, lambda r: r.lap[0] == 1)
    assert np.isnan(race.last_lap_time[0])
    assert all(np.isnan(race.sector_times(0)))
    assert race.progress[0] == pytest.approx(0.4 * track.length, abs=2.0)
    drive(race, driver, lambda r: r.lap[0] == 2)
    assert race.last_lap_time[0] > 5.0
    assert sum(race.sector_times(0)) == pytest.approx(race.last_lap_time[0])


def test_driving_back_over_the_line_and_forward_again_is_no_lap(gt):
    race = Race([oval()], gt)
    race.place(s=3.0)
    back, forth = np.array([[0.0, -1.0]]), np.array([[0.0, 0.5]])
    for _ in range(3):
        drive(race, lambda r: back, lambda r: r.progress[0] < -3.5, steps=400)
        assert race.s[0] > 300.0
        while race.progress[0] < 6.0:
            race.advance(forth)
        assert race.s[0] < 20.0
        assert race.lap[0] == 0
        while race.vx[0] > 0.0:
            race.advance(back)


def test_reversing_round_the_track_never_counts_a_lap(gt):
    track = circle(15.0, half_width=5.0, spacing=1.0)
    race = Race([track], gt)
    race.place(s=0.0)
    # Reversing along the circle: the wheels steer as they do forwards.
    wheelbase = gt.l_front + gt.l_rear
    for _ in range(900):
        lock = gt.steer_lock
        aim = np.arctan(wheelbase / 15.0) / lock
        aim += -0.1 * race.lateral_offset[0] + 0.8 * race.heading_error[0]
        race.advance(np.array([[np.clip(aim, -1, 1), -1.0]]))
    assert race.progress[0] < -track.length
    assert race.lap[0] == 0


@pytest.mark.slow
def test_a_lap_is_counted_once_at_any_division_of_time(gt):
    track = oval()
    driver = PathFollower(track, gt, pace=0.5)
    race = Race([track], gt)
    flags = 0
    while race.lap[0] < 2:
        race.advance(driver(race), 1)
        flags += int(race.ints[0, state.STEP_LAP])
    assert flags == 2


def test_off_track_is_the_centre_of_gravity_beyond_the_edge(gt):
    track = oval(half_width=6.0)
    race = Race([track], gt, 4)
    race.place(s=50.0, lateral_offset=[5.99, 6.01, -5.99, -6.01])
    assert race.off_track.tolist() == [False, True, False, True]
    race.advance(np.zeros((4, 2)), 5)
    np.testing.assert_allclose(race.off_track_time, [0.0, 0.05, 0.0, 0.05], atol=1e-12)
    np.testing.assert_allclose(race.floats[:, state.STEP_OFF], race.off_track_time)


@pytest.mark.slow
def test_time_off_track_is_summed_by_step_lap_and_race(gt):
    track = oval(straight=100.0, radius=30.0)
    race = Race([track], gt)

    def swerving(s, time):
        return np.where((s % track.length > 20.0) & (s % track.length < 60.0), 9.0, 0.0)

    driver = PathFollower(track, gt, pace=0.5, offset=swerving)
    per_lap, by_steps, ahead = [], 0.0, 0
    while race.lap[0] < 3:
        race.advance(driver(race))
        by_steps += race.floats[0, state.STEP_OFF]
        if race.lap[0] > ahead:
            per_lap.append(race.floats[0, state.LAST_LAP_OFF])
            ahead = race.lap[0]
    assert all(t > 0.3 for t in per_lap)
    assert race.off_track_time[0] == pytest.approx(by_steps)
    assert race.off_track_time[0] == pytest.approx(sum(per_lap) + race.floats[0, state.LAP_OFF])


def test_progress_off_track_is_not_legal_progress(gt):
    race = Race([oval()], gt, 2)
    race.place(s=50.0, lateral_offset=[0.0, 8.0], speed=20.0)
    race.advance(np.zeros((2, 2)))
    legal, all_of_it = race.floats[:, state.STEP_LEGAL], race.floats[:, state.STEP_PROGRESS]
    assert legal[0] == all_of_it[0] == pytest.approx(1.0, rel=0.02)
    assert legal[1] == 0.0 < all_of_it[1]


def test_metres_lost_count_everywhere(gt):
    race = Race([oval()], gt, 2)
    race.place(s=50.0, lateral_offset=[0.0, 8.0], heading_error=np.pi, speed=10.0)
    race.advance(np.zeros((2, 2)))
    assert (race.floats[:, state.STEP_LEGAL] < -0.4).all()


@pytest.mark.slow
def test_cars_on_tracks_of_different_lengths_run_side_by_side(gt):
    tracks = [*random_tracks(8, 2), circle()]
    bank = pack(tracks)
    together = Race(bank, gt, 3)
    together.place(s=40.0, speed=12.0, track=[0, 1, 2])
    np.testing.assert_allclose(together.length(), [t.length for t in tracks])
    for k, track in enumerate(tracks):
        alone = Race([track], gt)
        alone.place(s=40.0, speed=12.0)
        for _ in range(20):
            alone.advance(np.array([[0.1, 0.4]]))
        if k == 0:
            for _ in range(20):
                together.advance(np.tile([0.1, 0.4], (3, 1)))
        assert alone.x[0] == together.x[k]
        assert alone.progress[0] == together.progress[k]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"track": 3}, "track index"), ({"track": -1}, "track index")],
)
def test_placing_on_a_track_that_is_not_there_is_refused(gt, arguments, message):
    with pytest.raises(ValueError, match=message):
        Race([oval()], gt).place(s=0.0, **arguments)


def test_actions_of_the_wrong_shape_are_refused(gt):
    race = Race([oval()], gt, 2)
    for wrong in (np.zeros(2), np.zeros((1, 2)), np.zeros((2, 3))):
        with pytest.raises(ValueError, match="actions"):
            race.advance(wrong)


def test_actions_may_be_any_array_of_numbers(gt):
    want = Race([oval()], gt, 2)
    want.place(s=10.0, speed=20.0)
    want.advance(np.array([[0.5, 1.0], [-0.5, -1.0]]))
    frozen = np.array([[0.5, 1.0], [-0.5, -1.0]])
    frozen.setflags(write=False)
    for actions in (frozen, np.asfortranarray(frozen), frozen.astype(np.float32), frozen.tolist()):
        race = Race([oval()], gt, 2)
        race.place(s=10.0, speed=20.0)
        race.advance(actions)
        assert race.floats.tobytes() == want.floats.tobytes()
