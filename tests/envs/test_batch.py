"""RacingBatch: determinism, autoreset, latency, variety, endings, no aliasing."""

from __future__ import annotations

import json

import numba
import numpy as np
import pytest

from retroracer.envs import batch as batch_module
from retroracer.envs.batch import RacingBatch
from retroracer.envs.episodes import BRAKE_GRIP, speed_allowed
from retroracer.envs.task import REWARD_NAMES, Ending, Reward
from retroracer.envs.tracks import RENEWAL
from retroracer.envs.variety import MAX_LATENCY, TRAINING, Variety
from retroracer.physics import car as c
from retroracer.physics import state
from retroracer.physics.car import load_car
from retroracer.physics.race import PARALLEL_FROM, threads_pay
from retroracer.track.bank import CURVATURE, SPACING
from retroracer.track.files import load_track
from retroracer.track.generate import random_tracks
from tests.shapes import circle, oval


def wander(n, steps, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (steps, n, 2))


def run(batch, actions, seed=None):
    """All that a batch returns over some steps, as bytes."""
    out = [batch.reset(seed).tobytes()]
    for action in actions:
        out += [a.tobytes() for a in batch.step(action)]
    return b"".join(out)


@pytest.mark.slow
def test_the_seed_decides_all_rows_tracks_and_resets():
    actions = wander(32, 150)
    batch = RacingBatch(32, variety=TRAINING, ending=Ending(time=2.0), seed=5)
    first = run(batch, actions)
    again = RacingBatch(32, variety=TRAINING, ending=Ending(time=2.0), seed=5)
    assert run(again, actions) == first
    assert run(again, actions, seed=9) != first
    assert run(batch, actions, seed=9) == run(again, actions, seed=9)


def test_an_action_that_is_held_is_the_same_action_given_several_times():
    """Rewards of the steps are summed; what latency delays by one of them arrives in between."""
    make = {"variety": TRAINING, "ending": Ending(time=50.0, off_track=50.0, stall=50.0)}
    held = RacingBatch(24, action_repeat=3, seed=5, **make)
    single = RacingBatch(24, seed=5, **make)
    assert (held.reset(5) == single.reset(5)).all()
    assert held._loop.controls.latency.max() > 0
    for action in wander(24, 20):
        obs, reward, *_ = held.step(action)
        paid = np.zeros(24)
        terms = np.zeros_like(single.terms)
        for _ in range(3):
            last, one, terminated, truncated = single.step(action)
            assert not (terminated | truncated).any()
            paid += one
            terms += single.terms
        assert obs.tobytes() == last.tobytes()
        np.testing.assert_allclose(reward, paid, atol=1e-12)
        np.testing.assert_allclose(held.terms, terms, atol=1e-12)
        assert held.race.floats.tobytes() == single.race.floats.tobytes() or np.array_equal(
            held.race.floats, single.race.floats, equal_nan=True
        )


def test_an_episode_that_ends_while_an_action_is_held_is_paid_no_further():
    ending = Ending(time=0.5)
    held = RacingBatch(8, action_repeat=4, ending=ending, seed=1)
    single = RacingBatch(8, ending=ending, seed=1)
    held.reset(1)
    single.reset(1)
    rewards = []
    for _ in range(3):
        _, reward, terminated, truncated = held.step(np.tile([0.0, 1.0], (8, 1)))
        rewards.append(reward)
    assert truncated.all() and not terminated.any()
    alone = []
    for _ in range(10):  # half a second: the third action is cut short
        _, reward, _, truncated = single.step(np.tile([0.0, 1.0], (8, 1)), autoreset=False)
        alone.append(reward)
    assert truncated.all()
    np.testing.assert_allclose(sum(rewards), sum(alone), atol=1e-9)


def test_a_lap_that_ends_while_an_action_is_held_is_told():
    batch = RacingBatch(1, tracks=[oval()], action_repeat=2, seed=0)
    batch.reset(0)
    track = batch.pool.tracks[0]
    told = 0
    for tenth in range(4):  # the line is crossed in the first or in the second step of two
        batch.race.place(s=track.length - 0.5 - 0.7 * tenth, speed=20.0)
        batch.step(np.zeros((1, 2)))
        told += int(batch.race.ints[0, state.STEP_LAP])
    assert told == 3


@pytest.mark.slow
def test_threads_change_no_bit_of_a_step(monkeypatch):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("this machine has one thread")
    actions = wander(200, 40)
    make = {"variety": TRAINING, "ending": Ending(time=1.0), "seed": 5}
    serial = run(RacingBatch(200, **make), actions)
    before = numba.get_num_threads()
    numba.set_num_threads(2)
    monkeypatch.setattr(batch_module, "threads_pay", lambda n: True)
    try:
        assert run(RacingBatch(200, **make), actions) == serial
    finally:
        numba.set_num_threads(before)


def test_threads_are_used_by_large_batches_where_there_are_several():
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert not threads_pay(10**6)
        if numba.config.NUMBA_NUM_THREADS > 1:
            numba.set_num_threads(2)
            assert threads_pay(PARALLEL_FROM)
            assert not threads_pay(PARALLEL_FROM - 1)
    finally:
        numba.set_num_threads(before)


def test_arrays_once_returned_are_never_changed():
    batch = RacingBatch(16, ending=Ending(time=1.0), seed=0)
    kept = [batch.reset(seed=0)]
    for action in wander(16, 30):
        kept += batch.step(action)
        kept += batch.snapshot(slice(None)).values()
    kept += [batch.final_obs, *batch.ended.values()]
    copies = [a.copy() for a in kept]
    for action in wander(16, 30, seed=1):
        batch.step(action)
    for now, then in zip(kept, copies, strict=True):
        assert now.tobytes() == then.tobytes()


def test_actions_given_are_never_changed_nor_kept():
    batch = RacingBatch(4, seed=0)
    batch.reset(seed=0)
    action = np.full((4, 2), 3.0)
    obs = batch.step(action)[0]
    assert (action == 3.0).all()
    action[:] = 0.0
    assert (obs[:, 9:11] == 1.0).all()


def test_rows_that_end_begin_anew_within_the_step():
    batch = RacingBatch(8, tracks=[oval()], ending=Ending(time=0.5), seed=0)
    batch.reset(seed=0)
    for k in range(1, 31):
        before = batch.race.progress.copy()
        obs, _, terminated, truncated = batch.step(np.zeros((8, 2)))
        assert not terminated.any()
        assert truncated.all() == (k % 10 == 0)
        if truncated.any():
            assert (batch.race.time == 0.0).all()
            assert (batch.race.progress == 0.0).all()
            assert batch.final_obs.shape == obs.shape
            assert (batch.final_obs != obs).any(axis=1).all()
            np.testing.assert_allclose(batch.ended["time"], 0.5)
            assert (batch.ended["progress"] >= before - 1e-9).all()


def test_without_autoreset_rows_go_on():
    batch = RacingBatch(2, tracks=[oval()], ending=Ending(time=0.1), seed=0)
    batch.reset(seed=0)
    for k in range(6):
        *_, truncated = batch.step(np.zeros((2, 2)), autoreset=False)
        assert truncated.all() == (k >= 1)
    np.testing.assert_allclose(batch.race.time, 0.3)


def test_smoothness_is_paid_by_the_squared_change_of_each_action():
    weights = Reward(steering=-3.0, pedals=-0.7)
    batch = RacingBatch(16, reward=weights, seed=1)
    batch.reset(seed=1)
    before = np.zeros((16, 2))
    for action in wander(16, 60):
        _, _, terminated, _ = batch.step(action)
        change = (np.clip(action, -1, 1) - before) ** 2
        expected = -3.0 * change[:, 0] - 0.7 * change[:, 1]
        column = batch.terms[:, REWARD_NAMES.index("smoothness")]
        np.testing.assert_allclose(column, expected, atol=1e-12)
        before = np.where(terminated[:, None], 0.0, np.clip(action, -1, 1))


@pytest.mark.slow
def test_a_rolling_start_is_never_faster_than_the_bends_ahead_allow():
    """On a circle the allowed speed is that of its radius; on an oval it falls towards the bend
    as braking allows, v^2 = v0^2 + 2 a d."""
    car = load_car("gt")
    ring = RacingBatch(1, tracks=[circle(50.0)], seed=0).race
    expected = np.sqrt(car.mu * c.GRAVITY * 50.0)
    assert speed_allowed(ring.params[0], ring.bank, 0, 0.0) == pytest.approx(expected, rel=0.01)
    race = RacingBatch(1, tracks=[oval()], seed=0).race
    bend = np.flatnonzero(np.abs(race.bank.main[:, CURVATURE]) > 0.005)[0]
    spacing = race.bank.facts[0, SPACING]
    speeds = [speed_allowed(race.params[0], race.bank, 0, (bend - k) * spacing) for k in (1, 21)]
    gained = 2.0 * BRAKE_GRIP * car.mu * c.GRAVITY * 20 * spacing
    assert speeds[1] ** 2 - speeds[0] ** 2 == pytest.approx(gained, rel=0.01)


@pytest.mark.slow
def test_a_batch_goes_on_from_its_state_to_the_last_bit():
    def make():
        batch = RacingBatch(24, variety=TRAINING, ending=Ending(time=2.0), seed=4)
        batch.reset(seed=4)
        return batch

    one, actions = make(), wander(24, 1600)
    for action in actions[:800]:
        one.step(action)
    facts = json.loads(json.dumps(one.state_facts()))
    arrays = {k: v.copy() for k, v in one.state_arrays().items()}
    other = make()
    other.restore(facts, arrays)
    np.testing.assert_array_equal(other.obs, one.obs)
    for action in actions[800:]:
        for mine, theirs in zip(one.step(action), other.step(action), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert [t.digest for t in one.pool.tracks] == [t.digest for t in other.pool.tracks]


def test_a_state_of_another_batch_is_refused():
    one, other = RacingBatch(3, seed=0), RacingBatch(4, seed=0)
    with pytest.raises(ValueError, match="another shape"):
        other.restore(one.state_facts(), one.state_arrays())


@pytest.mark.slow
def test_the_reward_is_the_sum_of_its_terms_under_any_weights():
    weights = Reward(progress=1.5, time=-0.1, off_track=-3.0, wall=-2.0, impact=-0.1, crash=-7.0)
    batch = RacingBatch(64, reward=weights, ending=Ending(off_track=0.5), seed=1)
    batch.reset(seed=1)
    crashed = 0
    for action in wander(64, 200):
        _, reward, terminated, _ = batch.step(action)
        np.testing.assert_allclose(batch.terms.sum(axis=1), reward, atol=1e-12)
        np.testing.assert_allclose(batch.terms[:, REWARD_NAMES.index("time")], -0.1 * 0.05)
        crash = batch.terms[:, REWARD_NAMES.index("crash")]
        np.testing.assert_array_equal(crash, np.where(terminated, -7.0, 0.0))
        crashed += terminated.sum()
    assert crashed > 10


@pytest.mark.slow
def test_leaving_the_road_is_charged_once_for_each_excursion():
    weights = Reward(off_track=-3.0, leaving=-7.0)
    endless = Ending(off_track=1e9, stall=1e9, time=1e9)
    batch = RacingBatch(64, variety=Variety(start="random"), reward=weights, ending=endless, seed=1)
    batch.reset(seed=1)
    was, left = np.zeros(64), 0
    for action in wander(64, 400):
        batch.step(action, autoreset=False)
        floats = batch.race.floats
        now, spent = floats[:, state.OFF_FOR], floats[:, state.STEP_OFF]
        begun = (now > 0.0) & (now < was + 0.05 - 1e-9) | (now > 0.0) & (was == 0.0)
        expected = -3.0 * spent - 7.0 * begun
        np.testing.assert_allclose(
            batch.terms[:, REWARD_NAMES.index("off_track")], expected, atol=1e-9
        )
        left += int(begun.sum())
        was = now.copy()
    assert left > 30


@pytest.mark.slow
def test_terminated_and_truncated_stay_apart():
    batch = RacingBatch(
        128, variety=Variety(start="random"), ending=Ending(off_track=0.3, time=1.5), seed=0
    )
    batch.reset(seed=0)
    seen = np.zeros(2, int)
    for action in wander(128, 200):
        _, _, terminated, truncated = batch.step(action)
        assert not (terminated & truncated).any()
        seen += [terminated.sum(), truncated.sum()]
    assert (seen > 0).all()


@pytest.mark.parametrize("late", range(MAX_LATENCY + 1))
def test_latency_delays_actions_by_exactly_that_many_steps(late):
    """A late car does what a prompt one did ``late`` steps before: nothing, at first."""
    start = {"start": "grid"}
    prompt = RacingBatch(1, tracks=[oval()], variety=Variety(**start), seed=0)
    tardy = RacingBatch(1, tracks=[oval()], variety=Variety(latency=(late, late), **start), seed=0)
    prompt.reset(seed=0)
    tardy.reset(seed=0)
    rng = np.random.default_rng(2)
    actions = rng.uniform([-0.2, 0.2], [0.2, 1.0], (30, 1, 2))
    trace = []
    for action in actions:
        prompt.step(action)
        trace.append(prompt.race.floats[0, : state.YAW_RATE + 1].copy())
    for k, action in enumerate(actions):
        before = tardy.race.floats[0, : state.YAW_RATE + 1].copy()
        tardy.step(action)
        now = tardy.race.floats[0, : state.YAW_RATE + 1]
        np.testing.assert_array_equal(now, trace[k - late] if k >= late else before)


def test_a_reset_forgets_actions_still_on_their_way():
    batch = RacingBatch(1, tracks=[oval()], variety=Variety(start="grid", latency=(3, 3)), seed=0)
    batch.reset(seed=0)
    for _ in range(5):
        batch.step(np.array([[0.0, 1.0]]))
    batch.reset()
    for _ in range(3):
        batch.step(np.array([[0.0, 1.0]]))
        assert batch.race.vx[0] == 0.0
    batch.step(np.array([[0.0, 1.0]]))
    assert batch.race.vx[0] > 0.0


def begun(variety, n=2000, **kwargs):
    kwargs.setdefault("tracks", [oval()])
    batch = RacingBatch(n, variety=variety, seed=3, **kwargs)
    batch.reset(seed=3)
    return batch


def assert_fills(values, low, high):
    """All values lie in the range, and they fill it."""
    assert values.min() >= low - 1e-9
    assert values.max() <= high + 1e-9
    assert values.min() < low + 0.05 * (high - low)
    assert values.max() > high - 0.05 * (high - low)


def test_random_starts_fill_the_track_and_their_ranges():
    batch = begun(Variety(start="random", pace=(0.25, 0.75), offset=0.6, heading=0.1))
    race = batch.race
    assert_fills(race.s, 0.0, oval().length)
    assert_fills(race.lateral_offset, -0.6 * 6.0, 0.6 * 6.0)
    allowed = [speed_allowed(p, race.bank, 0, s) for p, s in zip(race.params, race.s, strict=True)]
    assert_fills(race.vx / np.array(allowed), 0.25, 0.75)
    assert race.heading_error.std() == pytest.approx(0.1, rel=0.1)
    assert abs(race.heading_error.mean()) < 0.01
    assert not race.off_track.any()


def test_grid_starts_stand_behind_the_line():
    track = oval()
    race = begun(Variety(start="grid"), n=5).race
    np.testing.assert_allclose(race.s, track.length - track.grid_gap)
    assert not race.speed.any()
    assert (race.ints[:, state.TIMED] == 1).all()


def test_grip_mass_and_power_vary_the_car_as_they_say():
    base = load_car("gt")
    batch = begun(Variety(grip=(0.8, 1.1), mass=(0.9, 1.2), power=(0.7, 1.3)))
    p = batch.race.params
    assert_fills(p[:, c.MU], 0.8 * base.mu, 1.1 * base.mu)
    assert_fills(p[:, c.MASS], 0.9 * base.mass, 1.2 * base.mass)
    assert_fills(p[:, c.POWER], 0.7 * base.power, 1.3 * base.power)
    np.testing.assert_allclose(p[:, c.PER_MASS] * p[:, c.MASS], 1.0)
    np.testing.assert_allclose(p[:, c.DRIVE_FORCE] / base.drive_force, p[:, c.POWER] / base.power)
    inertia = 1.0 / p[:, c.PER_INERTIA]
    np.testing.assert_allclose(inertia / base.yaw_inertia, p[:, c.MASS] / base.mass)
    varied = {c.MU, c.MASS, c.PER_MASS, c.PER_INERTIA, c.POWER, c.DRIVE_FORCE}
    same = [k for k in range(c.N_PARAMS) if k not in varied]
    np.testing.assert_array_equal(p[:, same], np.tile(base.row()[same], (batch.n, 1)))


def test_nothing_varies_by_default():
    batch = begun(Variety(), n=50)
    np.testing.assert_array_equal(batch.race.params, np.tile(load_car("gt").row(), (50, 1)))
    assert (batch.obs == batch.obs[0]).all() and (batch.race.speed == 0.0).all()


def test_grip_is_seen_and_felt():
    batch = begun(Variety(start="grid", grip=(0.5, 0.5)), n=1)
    assert batch.obs[0, 8] == pytest.approx(0.5 * load_car("gt").mu / 1.5, rel=1e-5)


def test_latencies_are_drawn_from_both_ends_of_their_range():
    batch = begun(Variety(latency=(1, 3)))
    counts = np.bincount(batch._loop.controls.latency, minlength=4)
    assert counts[0] == 0
    assert (counts[1:] > 500).all()


def test_reverse_is_the_chance_of_the_other_direction():
    track = oval()
    batch = begun(Variety(reverse=0.25))
    tracks = batch.pool.tracks
    backwards = np.array([t.digest == track.reversed().digest for t in tracks])
    share = backwards[batch.race.ints[:, state.TRACK]].mean()
    assert share == pytest.approx(0.25, abs=0.04)


def test_width_varies_the_road():
    tracks = random_tracks(3, 40)
    batch = begun(Variety(width=(0.8, 1.2)), n=100, tracks=tracks)
    ratios = np.array(
        [
            np.median(new.half_width_left / old.half_width_left)
            for new, old in zip(batch.pool.tracks, tracks, strict=True)
        ]
    )
    assert_fills(ratios, 0.8, 1.2)


@pytest.mark.slow
def test_uneven_is_a_share_of_the_random_tracks_and_a_state_remembers_which():
    batch = RacingBatch(200, variety=Variety(uneven=0.5), seed=4)
    batch.reset(seed=4)
    used = np.unique(batch.race.ints[:, state.TRACK])
    tracks = [batch.pool.tracks[slot] for slot in used]
    widest = np.array([(t.half_width_left + t.half_width_right).max() for t in tracks])
    assert 0.1 < (widest > 15.5).mean() < 0.6  # ordinary roads are at most 14.5 m wide
    other = RacingBatch(200, variety=Variety(uneven=0.5), seed=5)
    other.pool.restore(batch.pool.state())
    for slot in used:
        assert other.pool.tracks[slot].digest == batch.pool.tracks[slot].digest


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"uneven": 1.5}, "uneven"),
        ({"start": "pit"}, "start"),
        ({"grip": (1.2, 0.8)}, "grip"),
        ({"mass": (0.0, 1.0)}, "mass"),
        ({"latency": (0, 9)}, "latency"),
        ({"reverse": 1.5}, "reverse"),
        ({"pace": (-3.0, 4.0)}, "pace"),
    ],
)
def test_varieties_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Variety(**wrong)


@pytest.mark.slow
def test_random_tracks_never_run_out_and_cars_never_lose_theirs():
    batch = RacingBatch(40, ending=Ending(time=1.0), seed=2)
    batch.reset(seed=2)
    names = {t.name for t in batch.pool.tracks}
    for action in wander(40, 2 * RENEWAL // 40 + 40, seed=5):
        under = batch.race.ints[:, state.TRACK].copy()
        before = [batch.pool.tracks[k].name for k in under]
        _, _, terminated, truncated = batch.step(action)
        names |= {t.name for t in batch.pool.tracks}
        for i in np.flatnonzero(~(terminated | truncated))[:5]:
            assert batch.pool.tracks[batch.race.ints[i, state.TRACK]].name == before[i]
    assert len(names) >= 42
    used = np.bincount(batch.race.ints[:, state.TRACK], minlength=len(batch.pool.users))
    np.testing.assert_array_equal(batch.pool.users, used)


@pytest.mark.parametrize("wrong", [np.zeros((3, 2)), np.zeros((4, 3)), np.zeros(8)])
def test_actions_of_the_wrong_shape_are_refused(wrong):
    batch = RacingBatch(4, tracks=[oval()], seed=0)
    batch.reset(seed=0)
    with pytest.raises(ValueError, match="actions must be"):
        batch.step(wrong)


def test_a_policy_that_returns_nan_is_told_so_and_no_car_moves():
    batch = RacingBatch(4, tracks=[oval()], seed=0)
    batch.reset(seed=0)
    before = batch.race.floats.tobytes()
    for bad in (np.nan, np.inf, -np.inf):
        actions = np.zeros((4, 2))
        actions[2, 1] = bad
        with pytest.raises(ValueError, match="finite"):
            batch.step(actions)
    assert batch.race.floats.tobytes() == before


def test_a_batch_of_none_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        RacingBatch(0)


def test_memory_per_car_beside_the_tracks_is_below_a_kilobyte():
    from benchmarks.machine import bytes_per_car

    figures = bytes_per_car(256, 1280, [oval()])
    assert 500.0 < figures["arrays"] < 1024.0
    assert figures["traced"] < 1024.0


def test_starts_astray_face_anywhere_on_the_road_or_beside_it_and_hit_no_wall():
    tracks = [load_track("monaco"), *random_tracks(41, 3)]
    batch = RacingBatch(2000, tracks=tracks, variety=Variety(start="random", astray=1.0), seed=4)
    batch.reset(4)
    race = batch.race
    quarters = np.histogram(race.heading_error, bins=4, range=(-np.pi, np.pi))[0]
    assert (quarters > 400).all()  # 500 each
    off = race.off_track.mean()
    assert 0.2 < off < 0.5  # of 1.6 half-widths, the outer 0.6
    assert race.speed.max() < 40.0 and np.median(race.speed) < 6.0
    batch.step(np.zeros((2000, 2)))
    assert not race.floats[:, state.STEP_IMPACT].any()


def test_shares_of_starts_are_at_most_all_of_them():
    with pytest.raises(ValueError, match="at most 1 in all"):
        Variety(start="random", standing=0.6, astray=0.6)


def test_staggered_episodes_end_one_after_another_and_none_is_taken_for_a_standstill():
    batch = RacingBatch(200, tracks=[oval()], ending=Ending(time=2.0), seed=4)
    batch.reset(4)
    batch.stagger()
    ends = []
    for _ in range(40):
        *_, terminated, truncated = batch.step(np.tile([0.0, 1.0], (200, 1)))
        assert not terminated.any()
        ends.append(int(truncated.sum()))
    assert sum(ends) == 200 and max(ends) < 20


@pytest.mark.slow
@pytest.mark.parametrize("tracks", [None, [oval()]])
def test_reset_with_a_seed_begins_as_a_new_batch_would_in_the_same_memory(tracks):
    """Also after ``reset`` with a list of seeds made room for more tracks."""
    many = {"tracks": tracks, "variety": TRAINING, "ending": Ending(time=0.5)}
    used = RacingBatch(20, **many, seed=3)
    run(used, wander(20, 15))
    used.reset([*range(20)])
    used.step(np.zeros((20, 2)))
    race = used.race
    fresh = RacingBatch(20, **many, seed=9)
    assert run(used, wander(20, 30), seed=9) == run(fresh, wander(20, 30), seed=9)
    assert used.race is race and used.pool.state() == fresh.pool.state()
