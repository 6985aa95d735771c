"""Gymnasium's contract of the vector env, beside Gymnasium's own SyncVectorEnv."""

from __future__ import annotations

import copy
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from retroracer.envs import ENV_ID
from retroracer.envs.racing import INFO_KEYS, RacingEnv
from retroracer.envs.task import REWARD_NAMES
from retroracer.envs.variety import Variety
from retroracer.envs.vector import RacingVectorEnv
from tests.shapes import oval

SMALL = oval(straight=60.0, radius=25.0)


def make(n, **kwargs):
    return gymnasium.make_vec(ENV_ID, n, vectorization_mode="vector_entry_point", **kwargs)


def test_make_vec_gives_the_batch_with_batched_spaces():
    envs = make(5)
    assert isinstance(envs.unwrapped, RacingVectorEnv)
    assert envs.num_envs == 5
    assert envs.observation_space.shape == (5, 22)
    assert envs.action_space.shape == (5, 2)
    assert envs.single_observation_space == RacingEnv.observation_space
    assert envs.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    obs, info = envs.reset(seed=0)
    assert envs.observation_space.contains(obs)
    assert all(len(info[key]) == 5 for key in INFO_KEYS)
    obs, reward, terminated, truncated, _ = envs.step(envs.action_space.sample())
    assert envs.observation_space.contains(obs)
    assert reward.shape == terminated.shape == truncated.shape == (5,)
    assert terminated.dtype == truncated.dtype == np.bool_
    envs.close()


def shape_of(info):
    """The skeleton of an info: names, kinds, lengths, and which rows have what."""
    if isinstance(info, dict):
        return {key: shape_of(value) for key, value in info.items()}
    if info.dtype == object:
        return [type(value).__name__ for value in info]
    if info.dtype == np.bool_:
        return "mask", len(info)
    return info.dtype.kind, len(info)


def masks_of(info, path=()):
    for key, value in info.items():
        if isinstance(value, dict):
            yield from masks_of(value, (*path, key))
        elif key.startswith("_"):
            yield (*path, key), value.tolist()


@pytest.mark.slow
def test_info_is_laid_out_as_gymnasiums_own_same_step_vector_env_lays_it_out():
    """Both drive three cars alike, each ending at its own time, and complete laps."""
    settings = {"variety": Variety(start="grid"), "time": 40.0, "laps": 2}
    ours = RacingVectorEnv(3, SMALL, **settings)
    theirs = SyncVectorEnv(
        [lambda: RacingEnv(SMALL, **settings) for _ in range(3)],
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    from retroracer.physics.car import load_car
    from tests.drivers import PathFollower

    driver = PathFollower(SMALL, load_car("gt"), 0.75)
    obs, info = ours.reset(seed=0)
    obs2, info2 = theirs.reset(seed=0)
    np.testing.assert_array_equal(obs, obs2)
    assert shape_of(info) == shape_of(info2)
    met = set()
    for _ in range(860):
        actions = driver(ours.batch.race).astype(np.float32)
        actions[1] = [0.3, 0.8]  # leaves the road
        actions[2] = [0.0, 0.0]  # never starts
        obs, reward, terminated, truncated, info = ours.step(actions)
        obs2, reward2, terminated2, truncated2, info2 = theirs.step(actions)
        np.testing.assert_array_equal(obs, obs2)
        np.testing.assert_array_equal(reward, reward2)
        np.testing.assert_array_equal(terminated, terminated2)
        np.testing.assert_array_equal(truncated, truncated2)
        assert shape_of(info) == shape_of(info2)
        assert dict(masks_of(info)) == dict(masks_of(info2))
        same(info, info2)
        met |= set(info) | set(info.get("final_info", ()))
    assert {"final_obs", "final_info", "last_lap_time", "sector_times"} <= met


def same(info, other):
    for key, value in info.items():
        if isinstance(value, dict):
            same(value, other[key])
        elif key.startswith("_"):
            continue
        else:
            for i in np.flatnonzero(info["_" + key]):
                np.testing.assert_allclose(value[i], other[key][i], rtol=1e-12, err_msg=key)


def test_final_observations_and_facts_are_those_before_the_reset():
    envs = RacingVectorEnv(4, SMALL, time=1.0)
    envs.reset(seed=0)
    for k in range(1, 41):
        obs, _, _, truncated, info = envs.step(np.zeros((4, 2), np.float32))
        assert ("final_obs" in info) == (k % 20 == 0)
        if "final_obs" in info:
            assert truncated.all()
            assert all(final.shape == (22,) for final in info["final_obs"])
            assert (np.stack(info["final_obs"]) != obs).any(axis=1).all()
            np.testing.assert_allclose(info["final_info"]["lap_time"], 1.0)
            assert (info["lap_time"] == 0.0).all()
            total = sum(info["final_info"]["reward"][name] for name in REWARD_NAMES)
            assert (total != 0.0).all()


def test_arrays_once_returned_are_never_changed():
    envs = RacingVectorEnv(6, time=0.5)

    def arrays(value):
        if isinstance(value, dict):
            for inner in value.values():
                yield from arrays(inner)
        elif isinstance(value, np.ndarray) and value.dtype == object:
            yield from (v for v in value if isinstance(v, np.ndarray))
        elif isinstance(value, np.ndarray):
            yield value

    rng = np.random.default_rng(0)
    obs, info = envs.reset(seed=0)
    kept = [obs, *arrays(info)]
    for _ in range(25):
        *out, info = envs.step(rng.uniform(-1, 1, (6, 2)))
        kept += [*out, *arrays(info)]
    copies = [a.copy() for a in kept]
    for _ in range(25):
        envs.step(rng.uniform(-1, 1, (6, 2)))
    envs.reset()
    for now, then in zip(kept, copies, strict=True):
        assert now.tobytes() == then.tobytes()


def test_one_seed_decides_all_rows():
    anywhere = {"variety": Variety(start="random")}
    a, b = make(8, **anywhere), make(8, **anywhere)
    first, second = a.reset(seed=3)[0], b.reset(seed=3)[0]
    assert first.tobytes() == second.tobytes()
    assert len(np.unique(first, axis=0)) == 8
    assert a.reset(seed=4)[0].tobytes() != first.tobytes()


def test_a_human_window_of_many_cars_is_refused():
    with pytest.raises(ValueError, match="rgb_array"):
        RacingVectorEnv(2, SMALL, render_mode="human")


def test_gymnasiums_wrappers_accept_it():
    envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(RacingVectorEnv(4, SMALL, time=0.5))
    envs.reset(seed=0)
    lengths = []
    for _ in range(30):
        *_, info = envs.step(np.zeros((4, 2), np.float32))
        if "episode" in info:
            lengths += info["episode"]["l"][info["_episode"]].tolist()
    assert lengths
    assert set(lengths) == {10}


def driven(envs, steps, seed=None):
    """Cars of which one leaves the road, one stands still and one drives round."""
    from retroracer.physics.car import load_car
    from tests.drivers import PathFollower

    driver = PathFollower(SMALL, load_car("gt"), 0.75)
    for _ in range(steps):
        actions = driver(envs.batch.race).astype(np.float32)
        actions[1], actions[2] = [0.3, 0.8], [0.0, 0.0]
        yield actions


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["NextStep", "Disabled"])
def test_other_modes_are_those_of_gymnasiums_own_vector_env(mode):
    settings = {"time": 40.0, "laps": 1}
    ours = RacingVectorEnv(3, SMALL, autoreset_mode=mode, **settings)
    theirs = SyncVectorEnv(
        [lambda: RacingEnv(SMALL, **settings) for _ in range(3)], autoreset_mode=mode
    )
    assert ours.metadata["autoreset_mode"] is theirs.metadata["autoreset_mode"]
    out, other = ours.reset(seed=0), theirs.reset(seed=0)
    ends, met = np.zeros(3, int), set()
    for actions in driven(ours, 520):
        out, other = ours.step(actions), theirs.step(actions)
        for a, b in zip(out[:4], other[:4], strict=True):
            np.testing.assert_array_equal(a, b)
        assert shape_of(out[4]) == shape_of(other[4])
        assert dict(masks_of(out[4])) == dict(masks_of(other[4]))
        same(out[4], other[4])
        over = out[2] | out[3]
        ends += over
        if mode == "Disabled" and over.any():
            obs, info = ours.reset(options={"reset_mask": over, "unknown": 1})
            obs2, info2 = theirs.reset(options={"reset_mask": over, "unknown": 1})
            np.testing.assert_array_equal(obs, obs2)
            assert shape_of(info) == shape_of(info2)
            assert dict(masks_of(info)) == dict(masks_of(info2))
        met |= set(out[4])
    assert ends[0] > 0 and (ends[1:] > 2).all()
    assert {"last_lap_time", "sector_times"} <= met and "final_obs" not in met


def test_where_nothing_resets_them_rows_that_are_over_must_be_reset():
    envs = RacingVectorEnv(3, SMALL, autoreset_mode=AutoresetMode.DISABLED, time=0.1)
    actions = np.zeros((3, 2), np.float32)
    with pytest.raises(ResetNeeded, match="reset"):
        envs.step(actions)
    with pytest.raises(ResetNeeded, match="all rows"):
        envs.reset(options={"reset_mask": np.array([True, False, True])})
    envs.reset(seed=0)
    envs.step(actions)
    assert envs.step(actions)[3].all()
    with pytest.raises(ResetNeeded, match="rows 0, 1, 2 are over"):
        envs.step(actions)
    envs.reset(options={"reset_mask": np.array([True, False, True])})
    with pytest.raises(ResetNeeded, match="rows 1 are over"):
        envs.step(actions)
    envs.reset(options={"reset_mask": np.array([False, True, False])})
    envs.step(actions)


def test_the_action_of_a_row_that_is_being_reset_is_ignored_whatever_it_is():
    envs = RacingVectorEnv(2, SMALL, autoreset_mode="NextStep", time=0.1)
    first, _ = envs.reset(seed=0)
    envs.step(np.zeros((2, 2), np.float32))
    *_, truncated, info = envs.step(np.zeros((2, 2), np.float32))
    assert truncated.all() and "final_obs" not in info
    obs, reward, terminated, truncated, _ = envs.step(np.full((2, 2), np.nan, np.float32))
    np.testing.assert_array_equal(obs, first)
    assert not (reward.any() or terminated.any() or truncated.any())
    with pytest.raises(ValueError, match="finite"):
        envs.step(np.full((2, 2), np.nan, np.float32))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tracks", "width", "n"),
    [
        (None, (1.0, 1.0), 3),
        (None, (0.9, 1.1), 20),
        ([SMALL, oval()], (1.0, 1.0), 3),
        ([SMALL, oval()], (0.9, 1.1), 3),
    ],
    ids=["random", "more than the pool", "given", "given, of many widths"],
)
def test_a_list_of_seeds_begins_each_row_as_the_single_env_with_its_seed(tracks, width, n):
    settings = {"variety": Variety(start="random", width=width, reverse=0.5), "time": 0.5}
    envs = RacingVectorEnv(n, tracks, **settings)
    single = RacingEnv(tracks, **settings)
    seeds = [7, 7, *range(100, 98 + n)]
    for _ in range(2):
        obs, _ = envs.reset(seed=seeds)
        np.testing.assert_array_equal(obs, [single.reset(seed=s)[0] for s in seeds])
        drive = [envs.step(np.full((n, 2), 0.3, np.float32)) for _ in range(15)]
        assert drive[9][3].all()
        for k in (0, n - 1):
            single.reset(seed=seeds[k])
            for step in drive[:9]:
                np.testing.assert_array_equal(
                    step[0][k], single.step(np.full(2, 0.3, np.float32))[0]
                )
    again = RacingVectorEnv(n, tracks, **settings)
    again.reset(seed=seeds)
    for out in drive:
        np.testing.assert_array_equal(again.step(np.full((n, 2), 0.3, np.float32))[0], out[0])


@pytest.mark.slow
def test_a_mask_begins_its_rows_and_leaves_the_others_alone():
    settings = {"variety": Variety(start="random")}
    envs, still = RacingVectorEnv(20, **settings), RacingVectorEnv(20, **settings)
    single = RacingEnv(**settings)
    actions = np.full((20, 2), [0.0, 0.4], np.float32)
    for e in (envs, still):
        e.reset(seed=3)
        e.step(actions)
    mask = np.arange(20) % 3 == 0
    options = {"reset_mask": mask, "low": -1}
    obs, info = envs.reset(seed=50, options=options)
    assert set(options) == {"reset_mask", "low"}  # the caller's own, and not ours to change
    np.testing.assert_array_equal(obs[~mask], still.batch.obs[~mask])
    for row in np.flatnonzero(mask):
        np.testing.assert_array_equal(obs[row], single.reset(seed=50 + int(row))[0])
    assert (info["_speed"] == mask).all() and not info["speed"][~mask].any()
    after, other = envs.step(actions)[0], still.step(actions)[0]
    np.testing.assert_array_equal(after[~mask], other[~mask])


def test_seeds_may_be_given_to_some_rows_only():
    envs = RacingVectorEnv(3, variety=Variety(start="random"))
    a, _ = envs.reset(seed=[5, None, 6])
    b, _ = envs.reset(seed=[5, None, 6])
    np.testing.assert_array_equal(a[[0, 2]], b[[0, 2]])
    assert (a[1] != b[1]).any()


@pytest.mark.parametrize(
    ("mask", "error"),
    [
        ([True, False], TypeError),
        (np.array([1, 0]), TypeError),
        (np.array([True]), ValueError),
        (np.array([False, False]), ValueError),
    ],
)
def test_masks_that_are_none_are_refused_as_gymnasium_refuses_them(mask, error):
    ours = RacingVectorEnv(2, SMALL)
    theirs = SyncVectorEnv([lambda: RacingEnv(SMALL)] * 2)
    for envs in (ours, theirs):
        envs.reset(seed=0)
        with pytest.raises(error, match="reset_mask"):
            envs.reset(options={"reset_mask": mask})


@pytest.mark.parametrize("seed", [-1, [1, -2], [1, 2, 3], "7", [1.5, 2.0]])
def test_seeds_that_are_none_are_refused(seed):
    envs = RacingVectorEnv(2, SMALL)
    with pytest.raises((gymnasium.error.Error, ValueError, TypeError)):
        envs.reset(seed=seed)


def test_episodes_are_cut_off_after_max_episode_steps():
    envs = make(2, track=SMALL, max_episode_steps=7)
    envs.reset(seed=0)
    ended = [envs.step(np.zeros((2, 2), np.float32))[3].all() for _ in range(21)]
    assert [k for k, end in enumerate(ended, 1) if end] == [7, 14, 21]


def test_the_generator_is_the_one_that_decides():
    envs = RacingVectorEnv(4, variety=Variety(start="random"))
    unseeded, _ = envs.reset()
    again = RacingVectorEnv(4, variety=Variety(start="random"))
    np.testing.assert_array_equal(again.reset(seed=envs.np_random_seed)[0], unseeded)
    envs.np_random, again.np_random = np.random.default_rng(1), np.random.default_rng(1)
    a, b = (e.reset()[0] for e in (envs, again))
    np.testing.assert_array_equal(a, b)
    assert envs.np_random_seed == -1


@pytest.mark.slow
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_a_copy_goes_on_by_itself_from_where_the_original_was(copied):
    envs = RacingVectorEnv(3, render_mode="rgb_array", time=0.5)
    envs.reset(seed=2)
    envs.render()
    envs.step(np.full((3, 2), 0.2, np.float32))
    twin = copied(envs)
    outs = [[e.step(np.full((3, 2), 0.2, np.float32))[0] for _ in range(20)] for e in (envs, twin)]
    np.testing.assert_array_equal(*outs)
    assert len(twin.render()) == 3
    envs.close()
    envs.close()


def test_an_action_is_held_in_every_row_and_limits_count_steps_of_the_env():
    many = RacingVectorEnv(3, oval(), action_repeat=2, max_episode_steps=10)
    one = RacingEnv(oval(), action_repeat=2)
    many.reset(seed=[5, 6, 7])
    one.reset(seed=5)
    for k in range(10):
        action = np.array([[0.1, 0.6]] * 3, np.float32)
        obs, reward, _, truncated, _ = many.step(action)
        alone = one.step(action[0])
        assert truncated.all() == (k == 9)
        if k < 9:
            np.testing.assert_array_equal(obs[0], alone[0])
        assert reward[0] == alone[1]
    assert many.metadata["render_fps"] == 10
