"""SB3's contract of the VecEnv, and parity of the three adapters over full traces."""

from __future__ import annotations

import numpy as np
import pytest
from stable_baselines3 import SAC
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from benchmarks.racing_vec_env import RacingVecEnv
from retroracer.envs.batch import RacingBatch
from retroracer.envs.racing import RacingEnv
from retroracer.envs.task import Ending
from retroracer.envs.variety import Variety
from retroracer.envs.vector import RacingVectorEnv
from tests.shapes import oval

SMALL = oval(straight=60.0, radius=25.0)


def adapter(n, **kwargs):
    kwargs.setdefault("variety", Variety(start="random"))
    return RacingVecEnv(RacingBatch(n, tracks=[SMALL], seed=0, **kwargs))


def test_spaces_and_shapes_are_those_of_the_env():
    env = adapter(6)
    assert env.num_envs == 6
    assert env.observation_space == RacingEnv.observation_space
    assert env.action_space == RacingEnv.action_space
    obs = env.reset()
    assert (obs.shape, obs.dtype) == ((6, 22), np.float32)
    obs, reward, done, infos = env.step(np.zeros((6, 2), np.float32))
    assert (obs.shape, reward.shape, done.shape, len(infos)) == ((6, 22), (6,), (6,), 6)
    assert reward.dtype == np.float32
    assert done.dtype == np.bool_


def test_ended_rows_carry_their_last_observation_and_what_ended_them():
    env = adapter(8, ending=Ending(off_track=0.5, time=3.0))
    env.seed(0)
    env.reset()
    rng = np.random.default_rng(0)
    returns, lengths, cut, crashed = np.zeros(8), np.zeros(8, int), 0, 0
    actions = rng.uniform(-1, 1, (8, 2))
    for k in range(300):
        if k % 7 == 0:
            actions = rng.uniform(-1, 1, (8, 2))
        obs, reward, done, infos = env.step(actions)
        returns += reward
        lengths += 1
        for i in range(8):
            assert ("terminal_observation" in infos[i]) == done[i]
            if not done[i]:
                assert infos[i] == {}
                continue
            info = infos[i]
            assert info["terminal_observation"].shape == (22,)
            assert (info["terminal_observation"] != obs[i]).any()
            assert info["episode"]["r"] == pytest.approx(returns[i], abs=1e-3)
            assert info["episode"]["l"] == lengths[i]
            assert info["episode"]["t"] == pytest.approx(lengths[i] * 0.05)
            assert lengths[i] == 60 or (lengths[i] < 60 and not info["TimeLimit.truncated"])
            cut += info["TimeLimit.truncated"]
            crashed += not info["TimeLimit.truncated"]
        returns[done] = 0.0
        lengths[done] = 0
    assert cut > 3
    assert crashed > 3


def test_the_three_adapters_return_the_same_over_full_traces():
    """Single envs, Gymnasium's vector env and SB3's, over many episodes, row by row."""
    settings = {"variety": Variety(start="grid", latency=(1, 1))}
    n = 4
    singles = [RacingEnv(SMALL, time=4.0, **settings) for _ in range(n)]
    vector = RacingVectorEnv(n, SMALL, time=4.0, **settings)
    sb3 = RacingVecEnv(RacingBatch(n, tracks=[SMALL], ending=Ending(time=4.0), seed=0, **settings))
    want = np.stack([env.reset(seed=0)[0] for env in singles])
    np.testing.assert_array_equal(vector.reset(seed=0)[0], want)
    np.testing.assert_array_equal(sb3.reset(), want)
    rng = np.random.default_rng(0)
    ends = 0
    for _ in range(260):
        actions = rng.uniform([-0.4, -0.2], [0.4, 1.0], (n, 2)).astype(np.float32)
        obs, reward, terminated, truncated, info = vector.step(actions)
        obs3, reward3, done3, infos = sb3.step(actions)
        np.testing.assert_array_equal(obs, obs3)
        np.testing.assert_array_equal(reward.astype(np.float32), reward3)
        np.testing.assert_array_equal(terminated | truncated, done3)
        for i, env in enumerate(singles):
            o, r, a, b, told = env.step(actions[i])
            assert (r, a, b) == (reward[i], terminated[i], truncated[i])
            if a or b:
                ends += 1
                np.testing.assert_array_equal(o, info["final_obs"][i])
                np.testing.assert_array_equal(o, infos[i]["terminal_observation"])
                assert infos[i]["TimeLimit.truncated"] == b
                assert infos[i]["progress"] == told["progress"]
                o, told = env.reset()
            np.testing.assert_array_equal(o, obs[i])
            assert told["progress"] == info["progress"][i]
    assert ends >= 3 * n


def test_a_seed_given_restarts_everything_and_is_used_once():
    env = adapter(5)
    env.seed(11)
    first = env.reset()
    second = env.reset()
    assert (first != second).any()
    env.seed(11)
    assert env.reset().tobytes() == first.tobytes()


def test_arrays_once_returned_are_never_changed():
    env = adapter(5, ending=Ending(time=0.5))
    kept = [env.reset()]
    for _ in range(12):
        obs, reward, done, infos = env.step(np.zeros((5, 2)))
        kept += [obs, reward, done]
        kept += [i["terminal_observation"] for i in infos if i]
    copies = [a.copy() for a in kept]
    for _ in range(12):
        env.step(np.ones((5, 2)))
    for now, then in zip(kept, copies, strict=True):
        assert now.tobytes() == then.tobytes()


def test_it_monitors_its_own_episodes():
    env = adapter(2)
    assert env.env_is_wrapped(Monitor) == [True, True]
    assert env.env_is_wrapped(VecMonitor) == [False, False]
    single = DummyVecEnv([lambda: RacingEnv(SMALL)])
    assert not is_wrapped(single.envs[0], Monitor)


def test_attributes_are_read_but_not_set_by_row():
    env = adapter(3)
    assert env.get_attr("n") == [3, 3, 3]
    assert env.get_attr("n", 1) == [3]
    assert env.get_attr("render_mode") == [None] * 3
    with pytest.raises(NotImplementedError, match="batch"):
        env.set_attr("n", 5)


@pytest.mark.slow
def test_sb3_trains_and_evaluates_over_it():
    env = adapter(4, ending=Ending(time=2.0))
    model = SAC(
        "MlpPolicy", env, learning_starts=8, batch_size=16, policy_kwargs={"net_arch": [16]}, seed=0
    )
    model.learn(200)
    assert model.ep_info_buffer
    assert model.num_timesteps >= 200
    returns, lengths = evaluate_policy(
        model, adapter(4, ending=Ending(time=1.0)), n_eval_episodes=8, return_episode_rewards=True
    )
    assert len(returns) == 8
    assert max(lengths) == 20
