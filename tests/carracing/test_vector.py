"""Many envs over processes: the same as one after the other in one process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from retroracer.carracing import ENV_ID
from retroracer.carracing.pipeline import Pipeline, make
from retroracer.carracing.vector import CarRacingVectorEnv

SMALL = Pipeline(stack=2, action_repeat=2)


@pytest.fixture
def closing():
    made = []
    yield lambda *a, **k: made.append(CarRacingVectorEnv(*a, **k)) or made[-1]
    for envs in made:
        envs.close()


def run(envs, steps, seed=3):
    envs.action_space.seed(1)
    out = [envs.reset(seed=seed)[0]]
    for _ in range(steps):
        out.append(envs.step(envs.action_space.sample()))
    return out


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_rows(closing):
    runs = [run(closing(3, workers=w, pipeline=SMALL, max_episode_steps=30), 20) for w in (0, 1, 2)]
    for other in runs[1:]:
        assert np.array_equal(runs[0][0], other[0])
        for a, b in zip(runs[0][1:], other[1:], strict=True):
            assert all(np.array_equal(x, y) for x, y in zip(a[:4], b[:4], strict=True))
            assert a[4].keys() == b[4].keys()


@pytest.mark.slow
def test_a_row_is_the_single_env_with_that_seed_through_its_resets(closing):
    envs = closing(2, workers=1, pipeline=SMALL, max_episode_steps=24)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    singles = [make(SMALL, training=True, max_episode_steps=24) for _ in range(2)]
    obs, _ = envs.reset(seed=8)
    firsts = [single.reset(seed=8 + i)[0] for i, single in enumerate(singles)]
    assert np.array_equal(obs, np.stack(firsts))
    envs.action_space.seed(0)
    ends = 0
    for _ in range(30):
        actions = envs.action_space.sample()
        obs, reward, terminated, truncated, info = envs.step(actions)
        for i, single in enumerate(singles):
            o, r, te, tr, facts = single.step(actions[i])
            assert (r, te, tr) == (reward[i], terminated[i], truncated[i])
            if te or tr:
                ends += 1
                assert np.array_equal(info["final_obs"][i], o)
                assert info["_final_obs"][i] and info["_final_info"][i]
                assert info["final_info"]["episode"]["r"][i] == facts["episode"]["r"]
                o, _ = single.reset()
            assert np.array_equal(obs[i], o)
    assert ends == 4


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("mode", list(AutoresetMode), ids=lambda m: m.value)
def test_every_autoreset_mode_is_that_of_gymnasiums_own_vector_env(closing, mode, workers):
    envs = closing(3, workers=workers, pipeline=SMALL, max_episode_steps=24, autoreset_mode=mode)
    theirs = SyncVectorEnv(
        [lambda: make(SMALL, training=True, max_episode_steps=24)] * 3, autoreset_mode=mode
    )
    assert envs.metadata["autoreset_mode"] is mode
    out, other = envs.reset(seed=8), theirs.reset(seed=8)
    assert np.array_equal(out[0], other[0])
    envs.action_space.seed(0)
    ends = 0
    for k in range(30):
        if k in (5, 14):  # rows apart from one another from here on
            mask = np.arange(3) == k // 5
            out = envs.reset(seed=[None, 4, 5], options={"reset_mask": mask, "unknown": 1})
            other = theirs.reset(seed=[None, 4, 5], options={"reset_mask": mask, "unknown": 1})
            assert np.array_equal(out[0], other[0])
        actions = envs.action_space.sample()
        out, other = envs.step(actions), theirs.step(actions)
        assert all(np.array_equal(a, b) for a, b in zip(out[:4], other[:4], strict=True))
        assert out[4].keys() == other[4].keys()
        over = out[2] | out[3]
        ends += over.sum()
        if "final_obs" in out[4]:
            for row in np.flatnonzero(over):
                assert np.array_equal(out[4]["final_obs"][row], other[4]["final_obs"][row])
        if mode is AutoresetMode.DISABLED and over.any():
            with pytest.raises(ResetNeeded, match="are over"):
                envs.step(actions)
            obs, _ = envs.reset(options={"reset_mask": over})
            assert np.array_equal(obs, theirs.reset(options={"reset_mask": over})[0])
    assert ends >= 5


@pytest.mark.slow
def test_masks_and_actions_that_are_none_are_refused_and_harm_nothing(closing):
    envs = closing(2, workers=2)
    with pytest.raises(ResetNeeded, match="all rows"):
        envs.reset(options={"reset_mask": np.array([True, False])})
    envs.reset(seed=0)
    for mask in ([True, False], np.zeros(2, bool), np.ones(3, bool), np.ones(2)):
        with pytest.raises((TypeError, ValueError), match="reset_mask"):
            envs.reset(options={"reset_mask": mask})
    for seed in ([1], [1, -1], [0.5, 1], "ab"):
        with pytest.raises((gymnasium.error.Error, ValueError)):
            envs.reset(seed=seed)
    for actions in (np.zeros(3), 0.0, np.zeros((3, 3))):
        with pytest.raises(ValueError, match=r"actions must be \(2, 3\)"):
            envs.step(actions)
    assert envs.step(np.zeros((2, 3), np.float32))[0].any()
    envs.close()
    envs.close()
    for use in (envs.reset, lambda: envs.step(np.zeros((2, 3), np.float32))):
        with pytest.raises(ClosedEnvironmentError):
            use()


def test_observations_are_the_callers_own_unless_asked_otherwise(closing):
    for copy in (True, False):
        envs = closing(2, workers=0, copy=copy)
        first = run(envs, 0)[0]
        kept = first.copy()
        envs.step(np.array([[0.0, 1.0, 0.0]] * 2, np.float32))
        assert np.array_equal(first, kept) == copy


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"pipeline": Pipeline(actions="discrete")}])
def test_make_vec_makes_it(options):
    envs = gymnasium.make_vec(
        ENV_ID, 2, vectorization_mode="vector_entry_point", workers=1, **options
    )
    try:
        assert isinstance(envs.unwrapped, CarRacingVectorEnv)
        obs, info = envs.reset(seed=1)
        assert envs.observation_space.contains(obs) and info == {}
        obs, reward, *_ = envs.step(envs.action_space.sample())
        assert envs.observation_space.contains(obs) and reward.shape == (2,)
    finally:
        envs.close()


@pytest.mark.slow
def test_attributes_are_read_and_set_in_the_workers(closing):
    envs = closing(3, workers=2)
    run(envs, 1)
    assert envs.get_attr("draws") == (True,) * 3
    envs.set_attr("draws", [True, False, True])
    assert envs.get_attr("draws") == (True, False, True)
    assert not envs.step(envs.action_space.sample())[0][1].any()
    frames = envs.call("frame")
    assert len(frames) == 3 and frames[1].any()


@pytest.mark.slow
def test_an_env_that_fails_tells_how(closing):
    envs = closing(2, workers=2)
    envs.reset(seed=1)
    with pytest.raises(RuntimeError, match="no_such_method"):
        envs.call("no_such_method")
    obs = envs.step(envs.action_space.sample())[0]  # and the others go on
    assert obs.any()


@pytest.mark.slow
def test_a_worker_that_dies_is_noticed(closing):
    envs = closing(2, workers=2)
    envs.reset(seed=1)
    os.kill(envs._crew.processes[1].pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="worker 1 is gone"):
        for _ in range(3):
            envs.step(envs.action_space.sample())


ORPHANS = """
import os, signal
from retroracer.carracing.vector import CarRacingVectorEnv

if __name__ == "__main__":
    envs = CarRacingVectorEnv(2, workers=2)
    envs.reset(seed=1)
    print(*(p.pid for p in envs._crew.processes), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_workers_do_not_outlive_a_program_that_was_killed(tmp_path):
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL
    workers = [Path("/proc") / pid for pid in done.stdout.split()]
    assert len(workers) == 2
    deadline = time.monotonic() + 10.0
    while any(w.exists() for w in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(w.exists() for w in workers)


def test_closing_ends_the_processes():
    envs = CarRacingVectorEnv(2, workers=2)
    processes = envs._crew.processes
    envs.close()
    deadline = time.monotonic() + 5.0
    while any(p.is_alive() for p in processes) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(p.is_alive() for p in processes)
