"""The pixel replay beside a plain list of episodes."""

from __future__ import annotations

import json
import resource
from collections import deque

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from retroracer.agents.pixels import replay_file as pixel_replay_file
from retroracer.agents.pixels.replay import PixelReplay
from retroracer.carracing.pipeline import Pipeline
from retroracer.carracing.vector import CarRacingVectorEnv
from retroracer.errors import UserError

FRAME = (1, 2, 3)


class Envs:
    """Envs whose every frame, action and reward is a number never used before."""

    def __init__(self, n, stack, seed, ends=0.15):
        self.n, self.stack, self.ends = n, stack, ends
        self.rng = np.random.default_rng(seed)
        self.count = 0

    def _frame(self):
        self.count += 1
        digits = [(self.count >> (8 * k)) & 255 for k in range(6)]
        return np.array(digits, np.uint8).reshape(FRAME)

    def seen(self, i):
        past = [*self.episode[i]][-self.stack :]
        past = [past[0]] * (self.stack - len(past)) + past
        return np.concatenate(past)

    def reset(self):
        self.episode = [[self._frame()] for _ in range(self.n)]
        return np.stack([self.seen(i) for i in range(self.n)])

    def step(self):
        action = self.rng.normal(size=(self.n, 2)).astype(np.float32)
        reward = self.rng.normal(size=self.n).astype(np.float32)
        end = self.rng.random(self.n) < self.ends
        terminated = end & (self.rng.random(self.n) < 0.5)
        final, before = [], [self.seen(i) for i in range(self.n)]
        reached = []
        for i in range(self.n):
            self.episode[i].append(self._frame())
            reached.append(self.seen(i))
            if end[i]:
                final.append(self.seen(i))
                self.episode[i] = [self._frame()]
        obs = np.stack([self.seen(i) for i in range(self.n)])
        return before, action, reward, terminated, end & ~terminated, obs, final, reached


class Plain:
    """What the replay should hold: per env, its last rows, as lists."""

    def __init__(self, rows, n, stack, n_steps, gamma):
        self.rows = [deque(maxlen=rows) for _ in range(n)]
        self.stack, self.n_steps, self.gamma = stack, n_steps, gamma

    def begin(self, obs):
        for i, o in enumerate(obs):
            self.rows[i].append({"obs": o, "age": 0})

    def add(self, before, action, reward, terminated, truncated, obs, final, reached):
        for i, rows in enumerate(self.rows):
            last = rows[-1]
            last.update(action=action[i], reward=reward[i], terminated=terminated[i])
            rows.append({"obs": reached[i], "age": last["age"] + 1})
            if terminated[i] or truncated[i]:
                rows.append({"obs": obs[i], "age": 0})

    def transitions(self):
        """Every transition that may be drawn, by its action."""
        out = {}
        for ring in self.rows:
            rows = list(ring)
            for k, row in enumerate(rows[:-1]):
                if rows[k + 1]["age"] != row["age"] + 1 or min(self.stack - 1, row["age"]) > k:
                    continue
                total, m, at = 0.0, 0, k
                while True:
                    total += self.gamma**m * float(rows[at]["reward"])
                    m += 1
                    goes_on = (
                        m < self.n_steps
                        and at + 2 < len(rows)
                        and rows[at + 2]["age"] == rows[at + 1]["age"] + 1
                    )
                    if not goes_on:
                        break
                    at += 1
                discount = 0.0 if rows[at]["terminated"] else self.gamma**m
                out[row["action"].tobytes()] = (row["obs"], total, rows[at + 1]["obs"], discount)
        return out


def filled(n, rows, stack, n_steps, steps, seed, restart=None):
    replay = PixelReplay(
        n * rows, n, FRAME, (2,), stack=stack, n_steps=n_steps, gamma=0.9, seed=seed
    )
    envs, plain = Envs(n, stack, seed), Plain(rows, n, stack, n_steps, 0.9)
    obs = envs.reset()
    replay.begin(obs)
    plain.begin(obs)
    for k in range(steps):
        if k == restart:
            obs = envs.reset()
            replay.begin(obs)
            plain.begin(obs)
        told = envs.step()
        replay.add(*told[1:5], told[5], told[6])
        plain.add(*told)
    return replay, plain, envs


CASES = {
    "n": st.integers(1, 3),
    "rows": st.integers(10, 30),
    "stack": st.integers(1, 4),
    "n_steps": st.integers(1, 4),
    "steps": st.integers(4, 70),
    "seed": st.integers(0, 10_000),
}


@pytest.mark.slow
@given(**CASES, restart=st.integers(0, 60))
def test_every_draw_is_a_whole_transition_and_every_whole_transition_is_drawn(
    n, rows, stack, n_steps, steps, seed, restart
):
    replay, plain, _ = filled(n, rows, stack, n_steps, steps, seed, restart)
    known = plain.transitions()
    if not known:
        with pytest.raises(ValueError, match="no whole transition"):
            replay.sample(1)
        return
    batch = replay.sample(40 * len(known), raw=True)
    drawn = set()
    for k in range(len(batch.reward)):
        key = batch.action[k].numpy().tobytes()
        obs, reward, next_obs, discount = known[key]
        drawn.add(key)
        assert np.array_equal(batch.obs[k].numpy(), obs)
        assert np.array_equal(batch.next_obs[k].numpy(), next_obs)
        assert float(batch.reward[k]) == pytest.approx(reward, abs=1e-5)
        assert float(batch.discount[k]) == pytest.approx(discount)
    assert drawn == set(known)


def test_draws_are_uniform():
    replay, plain, _ = filled(2, 20, 3, 1, 100, 4)
    known = list(plain.transitions())
    actions = replay.sample(300 * len(known), raw=True).action.numpy()
    counts = np.array([sum(a.tobytes() == key for a in actions) for key in known])
    assert abs(counts - 300).max() < 6 * np.sqrt(300)


def test_a_batch_is_floats_from_0_to_1_on_the_device():
    replay, _, _ = filled(2, 20, 3, 1, 50, 4)
    replay.rng = np.random.default_rng(1)
    raw = replay.sample(16, raw=True)
    replay.rng = np.random.default_rng(1)
    batch = replay.sample(16)
    assert batch.obs.dtype == torch.float32 and batch.obs.shape == (16, 3, 2, 3)
    assert torch.equal(batch.obs, raw.obs.float() / 255)
    assert torch.equal(batch.next_obs, raw.next_obs.float() / 255)


def test_a_million_steps_fit_and_so_does_the_reference_size():
    assert PixelReplay.bytes_needed(1_000_000, (1, 84, 84), (2,)) < 7.5e9
    assert PixelReplay.bytes_needed(200_000, (1, 84, 84), (2,)) < 1.5e9
    replay = PixelReplay(5000, 5, (1, 84, 84), (2,))
    assert replay.nbytes == PixelReplay.bytes_needed(5000, (1, 84, 84), (2,))


def test_discrete_actions_are_whole_numbers():
    replay = PixelReplay(40, 2, FRAME, (), discrete=True, stack=1)
    replay.begin(np.zeros((2, *FRAME), np.uint8))
    no = np.zeros(2, np.bool_)
    replay.add(np.array([3, 4]), np.zeros(2), no, no, np.ones((2, *FRAME), np.uint8))
    actions = replay.sample(20).action
    assert actions.dtype == torch.int64 and set(actions.tolist()) == {3, 4}


def test_last_frames_must_come_with_the_ends():
    replay = PixelReplay(40, 2, FRAME, (2,))
    replay.begin(np.zeros((2, *FRAME), np.uint8))
    ended = np.array([True, False])
    with pytest.raises(ValueError, match="1 episodes ended"):
        replay.add(
            np.zeros((2, 2)), np.zeros(2), ended, ~ended & False, np.ones((2, *FRAME), np.uint8)
        )


def test_too_small_a_memory_is_refused():
    with pytest.raises(ValueError, match="too few"):
        PixelReplay(10, 2, FRAME, (2,), stack=4)


@pytest.mark.slow
@given(**CASES)
def test_a_restored_replay_draws_the_same_and_goes_on(
    tmp_path_factory, n, rows, stack, n_steps, steps, seed
):
    replay, plain, envs = filled(n, rows, stack, n_steps, steps, seed)
    path = tmp_path_factory.mktemp("replay") / "replay.bin"
    pixel_replay_file.save(replay, path)
    other = PixelReplay(n * rows, n, FRAME, (2,), stack=stack, n_steps=n_steps, gamma=0.9)
    pixel_replay_file.load(other, path)
    assert len(other) == len(replay)
    # The run goes on: envs begin anew, and nothing reaches across the restart.
    for memory in (replay, other, plain):
        envs.rng = np.random.default_rng(seed)
        envs.count = 1 << 20
        memory.begin(envs.reset())
        for _ in range(5):
            told = envs.step()
            if memory is plain:
                memory.add(*told)
            else:
                memory.add(*told[1:5], told[5], told[6])
    known = plain.transitions()
    a, b = replay.sample(50, raw=True), other.sample(50, raw=True)
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert {x.numpy().tobytes() for x in a.action} <= set(known)


@pytest.mark.slow
def test_saving_and_restoring_take_no_second_copy(tmp_path):
    def make():
        return PixelReplay(20_000, 4, (1, 84, 84), (2,))

    replay = make()
    replay.frames.fill_(7)
    replay.filled[:] = replay.rows
    replay.age[:] = np.arange(replay.rows)[:, None]
    other = make()
    other.frames.fill_(1)
    path = tmp_path / "replay.bin"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pixel_replay_file.save(replay, path)
    pixel_replay_file.load(other, path)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert path.stat().st_size > 141e6
    assert grown < 40e6
    assert torch.equal(other.frames, replay.frames)


def test_bad_files_are_told_in_one_line(tmp_path):
    replay, _, _ = filled(2, 20, 3, 1, 50, 4)
    path = tmp_path / "replay.bin"
    with pytest.raises(UserError, match="No such file"):
        pixel_replay_file.load(replay, path)
    pixel_replay_file.save(replay, path)
    whole = path.read_bytes()
    for damaged, said in (
        (b"PK\x03\x04 something else", "not a pixel replay"),
        (whole[:60], "damaged"),
        (whole[:-5], "cut short"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=said):
            pixel_replay_file.load(replay, path)
    assert len(replay) == 0  # half read, so not to be drawn from
    path.write_bytes(whole)
    with pytest.raises(UserError, match="frame"):
        pixel_replay_file.load(PixelReplay(40, 2, (1, 3, 3), (2,), stack=3), path)


def test_a_replay_that_makes_no_sense_is_not_drawn_from(tmp_path):
    replay, _, _ = filled(2, 20, 3, 1, 50, 4)
    path = tmp_path / "replay.bin"
    pixel_replay_file.save(replay, path)
    whole = path.read_bytes()
    at = len(pixel_replay_file.MAGIC)
    end = at + 8 + int.from_bytes(whole[at : at + 8], "little")
    head = json.loads(whole[at + 8 : end])
    stuck = {"bit_generator": "PCG64", "has_uint32": 0, "uinteger": 0}
    cases = [
        {"kept": -1}, {"kept": 10**9}, {"kept": "x"}, {"kept": 0}, {"head": [99, 0]}, {"head": [0]},
        {"head": [-1, 0]}, {"head": [0.5, 1.0]}, {"filled": [999, 1]}, {"filled": None},
        {"rng": {}}, {"rng": stuck | {"state": {"state": 0, "inc": 0}}}, {"rows": 10**400},
        {"envs": [[["x" * 10_000]]]},
    ]  # fmt: skip
    for changed in cases:
        text = json.dumps(head | changed).encode()
        path.write_bytes(whole[:at] + len(text).to_bytes(8, "little") + text + whole[end:])
        with pytest.raises(UserError) as told:
            pixel_replay_file.load(replay, path)
        assert str(told.value).isprintable() and len(str(told.value)) < 400
    actions = replay.action[: head["kept"]].nbytes
    nan = np.full(1, np.nan, np.float32).tobytes()
    for place in (end, end + actions):  # an action, then a reward
        path.write_bytes(whole[:place] + nan + whole[place + 4 :])
        with pytest.raises(UserError, match="damaged"):
            pixel_replay_file.load(replay, path)
    assert len(replay) == 0


def test_a_save_that_fails_leaves_the_last_one(tmp_path, monkeypatch):
    replay, _, _ = filled(2, 20, 3, 1, 50, 4)
    path = tmp_path / "replay.bin"
    pixel_replay_file.save(replay, path)
    whole = path.read_bytes()

    def broken(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(pixel_replay_file, "_bytes", broken)
    with pytest.raises(KeyboardInterrupt):
        pixel_replay_file.save(replay, path)
    assert path.read_bytes() == whole
    assert [p.name for p in tmp_path.iterdir()] == ["replay.bin"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("storage", ["cpu", "cuda"])
def test_the_device_gets_the_same_frames(storage):
    replay, _, _ = filled(2, 20, 3, 2, 50, 4)
    there = PixelReplay(
        40, 2, FRAME, (2,), stack=3, n_steps=2, gamma=0.9, device="cuda", storage=storage
    )
    there.frames.copy_(replay.frames)
    for name in ("action", "reward", "terminated", "age", "head", "filled"):
        getattr(there, name)[:] = getattr(replay, name)
    for _ in range(5):
        seed = int(replay.rng.integers(1 << 30))
        replay.rng, there.rng = np.random.default_rng(seed), np.random.default_rng(seed)
        a, b = replay.sample(16), there.sample(16)
        assert all(torch.equal(x, y.cpu()) for x, y in zip(a, b, strict=True))


@pytest.mark.slow
def test_it_gives_back_what_carracing_showed():
    settings = Pipeline(stack=3, action_repeat=2, early_stop=9)
    envs = CarRacingVectorEnv(2, workers=0, pipeline=settings, max_episode_steps=30)
    replay = PixelReplay(200, 2, (1, 84, 84), (2,), stack=3, seed=1)
    obs, _ = envs.begin(4)
    replay.begin(obs)
    rng = np.random.default_rng(2)
    known, ends = {}, 0
    for _ in range(60):
        action = rng.uniform(-1.0, 1.0, (2, 2)).astype(np.float32)
        envs.send(action)
        after, reward, terminated, truncated, _, ended = envs.receive()
        last = [envs.final_obs(row) for row, _ in ended]
        replay.add(action, reward, terminated, truncated, after, last)
        reached = after.copy()
        for (row, _), final in zip(ended, last, strict=True):
            reached[row] = final
        ends += len(ended)
        for i in range(2):
            known[action[i].tobytes()] = (obs[i], reward[i], reached[i])
        obs = after
    assert ends >= 8
    batch = replay.sample(500, raw=True)
    for k in range(500):
        before, reward, reached = known[batch.action[k].numpy().tobytes()]
        assert np.array_equal(batch.obs[k].numpy(), before)
        assert np.array_equal(batch.next_obs[k].numpy(), reached)
        assert float(batch.reward[k]) == pytest.approx(reward, abs=1e-6)
        assert float(batch.discount[k]) == pytest.approx(0.99)  # timeouts are valued
