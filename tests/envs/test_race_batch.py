"""Batches of races: starts, what drivers see of one another, endings, determinism, the reward."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

from retroracer.envs.race_batch import REWARDS, RaceBatch
from retroracer.envs.race_rules import RacePage
from retroracer.envs.race_task import (
    IN_SIGHT,
    N_RACE_OBS,
    N_RIVAL,
    N_RIVALS,
    RACE_LAYOUT,
    RACE_OBS_NAMES,
    RIVAL_TABLE,
)
from retroracer.envs.task import LAYOUT, N_OBS
from retroracer.envs.variety import N_DRAWS, TRAINING, Variety
from retroracer.physics import state
from retroracer.physics.company import CONTACTS
from retroracer.track.generate import random_tracks
from tests.shapes import oval

STRAIGHT = 3000.0


@cache
def long_straight():
    return oval(straight=STRAIGHT, half_width=9.0)


def lane(batch, offset, speed):
    """Actions (N, 2) that hold lanes (N,) [m] at speeds (N,) [m/s] on a straight."""
    race = batch.race
    course = np.clip(0.06 * (offset - race.lateral_offset), -0.12, 0.12)
    steer = np.clip(4.0 * (course - race.heading_error) - 0.5 * race.yaw_rate, -1.0, 1.0)
    return np.stack([steer, np.clip(speed - race.vx, -1.0, 1.0)], axis=1)


def seen(batch, row, rank=1):
    """What a row sees of a rival, unscaled, by name."""
    at = N_OBS + (rank - 1) * N_RIVAL
    values = batch.obs[row, at : at + N_RIVAL]
    return {q.name: float(v) * q.scale for q, v in zip(RIVAL_TABLE, values, strict=True)}


def set_up(s, offset=0.0, speed=20.0, **kwargs):
    """One race on a long straight with cars where they are wanted."""
    batch = RaceBatch(1, len(s), tracks=[long_straight()], seed=0, **kwargs)
    batch.reset(0)
    batch.race.place(s=s, lateral_offset=offset, speed=speed)
    batch._standing.raced[:] = np.array(s) - long_straight().length
    batch.look()
    return batch


def test_the_observation_is_the_roads_and_that_of_three_rivals_with_a_layout_of_its_own():
    assert N_RACE_OBS == N_OBS + N_RIVALS * N_RIVAL == len(RACE_OBS_NAMES)
    assert RACE_LAYOUT != LAYOUT and RACE_LAYOUT.endswith("race-1")


def test_a_driver_sees_where_the_others_are_and_how_they_move():
    batch = set_up([100.0, 130.0, 85.0], [1.0, -2.0, 1.5], [30.0, 25.0, 36.0])
    behind, ahead = seen(batch, 0, 1), seen(batch, 0, 2)
    assert behind["presence"] == ahead["presence"] == 1.0
    assert ahead["gap"] == pytest.approx(30.0, abs=1e-4)
    assert ahead["offset"] == pytest.approx(-3.0, abs=1e-5)
    assert ahead["approach"] == pytest.approx(-5.0, abs=1e-4)
    assert ahead["drift"] == pytest.approx(0.0, abs=1e-4)
    assert ahead["width"] == pytest.approx(2.0)
    assert ahead["contact"] == 0.0
    assert behind["gap"] == pytest.approx(-15.0, abs=1e-4)
    assert behind["approach"] == pytest.approx(6.0, abs=1e-4)
    assert set(seen(batch, 0, 3).values()) == {0.0}


def test_cars_out_of_sight_ghosts_and_cars_that_left_are_not_seen():
    batch = set_up([100.0, 100.0 + IN_SIGHT + 1.0, 120.0])
    assert seen(batch, 0)["gap"] == pytest.approx(20.0, abs=1e-4)
    assert seen(batch, 0, 2)["presence"] == 0.0
    batch.company.solid[2] = False
    batch.look()
    assert seen(batch, 0)["presence"] == 0.0


def test_contact_is_felt_in_the_step_it_happens():
    batch = set_up([100.0, 104.7], speed=[30.0, 20.0])
    obs, *_ = batch.step(np.zeros((2, 2)))
    assert obs[0, N_OBS + N_RIVAL - 1] == 1.0
    assert batch.blame(0)[0]["car"] == 1
    assert batch.blame(0)[0]["fault"] == 1.0
    assert batch.blame(1)[0]["fault"] == 0.0
    batch.step(np.zeros((2, 2)))
    assert batch.blame(0) == []


def test_no_two_cars_share_a_slot_of_the_grid_and_all_stand_clear():
    batch = RaceBatch(5, 20, tracks=random_tracks(2, 5), seed=3)
    batch.reset(3)
    for r in range(5):
        rows = slice(20 * r, 20 * r + 20)
        assert sorted(batch.slots[rows]) == list(range(20))
        x, y = batch.race.x[rows], batch.race.y[rows]
        apart = np.hypot(x[:, None] - x, y[:, None] - y) + 100.0 * np.eye(20)
        assert apart.min() > 5.0
        assert not batch.race.off_track[rows].any()
    batch.step(np.zeros((100, 2)))
    assert batch.company.marks[:, CONTACTS].sum() == 0


def test_places_follow_the_grid_then_the_road():
    batch = set_up([100.0, 130.0, 115.0])
    batch.step(np.zeros((3, 2)))
    assert batch.places.tolist() == [3, 1, 2]


def test_the_same_seed_gives_the_same_races_and_threads_or_company_do_not_matter():
    def run(n_races, steps=60):
        batch = RaceBatch(n_races, 3, tracks=random_tracks(4, 2), variety=TRAINING, seed=5)
        batch.reset(5)
        rng = np.random.default_rng(0)
        total = np.zeros(batch.n)
        for _ in range(steps):
            actions = rng.uniform(-1, 1, (batch.n, 2))
            obs, reward, *_ = batch.step(actions)
            total += reward
        return obs, total

    first, again = run(4), run(4)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


def test_a_car_that_is_out_leaves_the_track_and_its_row_waits_for_the_others():
    batch = set_up([100.0, 130.0])
    ends = np.zeros(2, int)
    for _ in range(200):
        actions = lane(batch, np.array([0.0, 40.0]), np.array([30.0, 20.0]))
        was = batch.alive.copy()
        _, reward, terminated, truncated = batch.step(actions, autoreset=False)
        ends += terminated | truncated
        assert (reward[~was] == 0.0).all()
    assert ends.tolist() == [0, 1]
    assert batch.alive.tolist() == [True, False]
    assert not batch.company.solid[1]


def test_races_end_when_all_that_keep_them_have_and_begin_anew():
    batch = RaceBatch(
        2, 2, tracks=[long_straight()], page=RacePage(laps=1, time=4.0, start="rolling"), seed=0
    )
    batch.reset(0)
    over = 0
    for _ in range(85):
        batch.step(lane(batch, np.array([3.0, -3.0] * 2), np.full(4, 20.0)))
        if batch.ended:
            over += 1
            assert batch.ended["rows"].tolist() == [0, 1, 2, 3]
            assert batch.alive.all()
            assert (batch.race.time == 0.0).all()
    assert over == 1


def test_the_reward_is_the_sum_of_its_named_terms():
    batch = RaceBatch(3, 4, tracks=random_tracks(7, 1), variety=TRAINING, seed=1)
    batch.reset(1)
    rng = np.random.default_rng(2)
    for _ in range(40):
        _, reward, *_ = batch.step(rng.uniform(-1, 1, (12, 2)), autoreset=False)
        np.testing.assert_allclose(reward, batch.terms.sum(axis=1), atol=1e-12)
    assert batch.terms.shape == (12, len(REWARDS))


def earned(driver, seconds=12.0, others_fall=False):
    """What a car earns that begins 30 m behind a slower one, by who drives it."""
    batch = set_up([100.0, 130.0], speed=[30.0, 20.0])
    total, faults = 0.0, 0.0
    for k in range(round(seconds / 0.05)):
        actions = lane(batch, *driver(batch, k * 0.05))
        if others_fall and k > 100:
            actions[1] = [1.0, -1.0]  # the other spins off the road
        _, reward, *_ = batch.step(actions, autoreset=False)
        total += reward[0]
    faults = batch.company.marks[0, 3]
    return total, faults


def clean(batch, now):
    return np.array([4.0, 0.0]), np.array([32.0, 20.0])


def ram(batch, now):
    return np.array([0.0, 0.0]), np.array([60.0, 20.0])


def shove(batch, now):
    """Alongside, then into the other's side."""
    beside = abs(batch.race.s[0] - batch.race.s[1]) < 6.0
    return np.array([-6.0 if beside else 4.0, 0.0]), np.array([21.0 if beside else 32.0, 20.0])


def wait(batch, now):
    return np.array([0.0, 0.0]), np.array([20.0, 20.0])


def block(batch, now):
    """Past the other, then in its way, standing."""
    ahead = batch.race.s[0] - batch.race.s[1] > 12.0
    return np.array([0.0 if ahead else 4.0, 0.0]), np.array([0.0 if ahead else 32.0, 20.0])


@pytest.mark.slow
def test_passing_cleanly_earns_more_than_ramming_shoving_blocking_or_waiting():
    best, faults = earned(clean)
    assert faults == 0
    for foul in (ram, shove, block, wait):
        assert earned(foul)[0] < best - 5.0, foul.__name__
        if foul in (ram, shove):
            assert earned(foul)[1] >= 1, foul.__name__


def test_waiting_for_the_other_to_fall_off_earns_less_than_passing_it():
    assert earned(wait, others_fall=True)[0] < earned(clean)[0] - 5.0


def test_who_is_run_into_pays_no_fault():
    batch = set_up([100.0, 106.0], speed=[40.0, 20.0])
    fault = REWARDS.index("fault")
    paid = np.zeros(2)
    for _ in range(10):
        batch.step(np.zeros((2, 2)), autoreset=False)
        paid += batch.terms[:, fault]
    assert paid[0] < -10.0
    assert paid[1] == 0.0


@pytest.mark.parametrize("start", ["standing", "rolling"])
def test_starts_are_as_the_page_says(start):
    page = RacePage(start=start, rolling_speed=25.0)
    batch = RaceBatch(1, 6, tracks=[long_straight()], page=page, seed=0)
    batch.reset(0)
    assert (batch.race.vx == (25.0 if start == "rolling" else 0.0)).all()
    assert (batch.race.ints[:, 3] == 1).all()  # the first lap counts


def test_a_batch_that_makes_no_sense_is_told():
    with pytest.raises(ValueError, match="at least one race"):
        RaceBatch(0, 2, tracks=[long_straight()])
    with pytest.raises(ValueError, match="cars given"):
        RaceBatch(1, 2, tracks=[long_straight()], car=["gt"])
    with pytest.raises(ValueError, match="1 to 20"):
        RaceBatch(1, 21, tracks=[long_straight()])
    batch = RaceBatch(1, 2, tracks=[long_straight()])
    with pytest.raises(ValueError, match="must be"):
        batch.step(np.zeros((3, 2)))


def varied(n_races=3, seed=5):
    variety = Variety(start="random", pace=(0.4, 0.9), standing=0.3, mass=(0.9, 1.1))
    batch = RaceBatch(n_races, 3, variety=variety, page=RacePage(time=6.0), seed=seed)
    batch.reset(seed)
    return batch


@pytest.mark.slow
def test_a_batch_goes_on_from_its_saved_state_to_the_bit():
    one, two = varied(), varied(seed=8)
    rng = np.random.default_rng(2)
    for _ in range(90):
        one.step(rng.uniform(-0.5, 1.0, (9, 2)))
    facts = json.loads(json.dumps(one.state_facts()))
    arrays = {name: values.copy() for name, values in one.state_arrays().items()}
    two.restore(facts, arrays)
    for _ in range(90):  # across the beginnings of races
        actions = rng.uniform(-0.5, 1.0, (9, 2))
        for mine, its in zip(two.step(actions), one.step(actions), strict=True):
            np.testing.assert_array_equal(mine, its)
        np.testing.assert_array_equal(one.race.floats, two.race.floats)
        np.testing.assert_array_equal(one.places, two.places)


def test_no_state_of_other_races_or_beyond_reason_is_taken():
    batch = varied()
    facts = batch.state_facts()
    arrays = {name: values.copy() for name, values in batch.state_arrays().items()}
    for name, array in arrays.items():
        with pytest.raises(ValueError):
            batch.restore(facts, arrays | {name: np.stack([array, array])})
        if array.dtype.kind == "f" and name not in ("splits", "last_sectors"):
            bent = array.copy()
            bent.reshape(-1)[0] = np.inf
            with pytest.raises(ValueError):
                batch.restore(facts, arrays | {name: bent})
    bent = arrays["ints"].copy()
    bent[0, state.TRACK] = (bent[0, state.TRACK] + 1) % len(batch.pool.tracks)
    with pytest.raises(ValueError, match="different tracks"):
        batch.restore(facts, arrays | {"ints": bent})


def test_races_taken_over_go_on_as_those_they_were_taken_from_to_the_bit():
    own, other = varied(), varied(7, seed=1)
    rng = np.random.default_rng(3)
    for _ in range(30):
        own.step(rng.uniform(-0.3, 1.0, (9, 2)))
    which = rng.integers(0, 3, 7)
    other.take_over(own, which)
    rows = own.rows_of(which)
    np.testing.assert_array_equal(other.obs, own.obs[rows])
    for _ in range(40):
        actions = rng.uniform(-0.3, 1.0, (9, 2))
        theirs = own.step(actions, autoreset=False)
        for mine, its in zip(other.step(actions[rows], autoreset=False), theirs, strict=True):
            np.testing.assert_array_equal(mine, its[rows])


def test_some_fields_that_begin_anywhere_stand_on_the_grid_instead():
    variety = Variety(start="random", pace=(0.5, 0.9), standing=0.4)
    batch = RaceBatch(200, 3, tracks=[long_straight()], variety=variety, seed=0)
    batch.reset(0)
    standing = (batch.race.speed.reshape(200, 3) == 0.0).all(axis=1)
    assert 0.3 < standing.mean() < 0.5
    moving = batch.race.speed.reshape(200, 3)[~standing]
    assert moving.min() > 5.0


def test_a_line_up_leaves_nothing_to_chance():
    draws = np.random.default_rng(0).random((2, 3, N_DRAWS))
    slots = np.array([[2, 0, 1], [0, 1, 2]])
    batches = [
        RaceBatch(2, 3, tracks=random_tracks(4, 3), variety=Variety(power=(0.9, 1.1)), seed=s)
        for s in (1, 2)
    ]
    for batch in batches:
        batch.reset()
        batch.line_up(np.array([2, 0]), slots, draws)
    one, two = batches
    np.testing.assert_array_equal(one.race.floats, two.race.floats)
    np.testing.assert_array_equal(one.race.params, two.race.params)
    np.testing.assert_array_equal(one.places, [3, 1, 2, 1, 2, 3])
    assert one.race.ints[[0, 3], state.TRACK].tolist() == [2, 0]
    ahead = one.race.floats[:3, state.S]
    assert ahead[1] > ahead[2] > ahead[0]
