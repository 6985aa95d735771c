"""Gymnasium's contract of the vector env, beside Gymnasium's own SyncVectorEnv."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
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
