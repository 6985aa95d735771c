"""Replay memory: what goes in comes out, n-step returns against a literal loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retroracer.agents.replay import Memory

GAMMA = 0.9


def filled(rows: int, steps: int, n: int, seed: int) -> tuple[Memory, list[dict]]:
    """A memory of ``rows`` vector steps after ``steps`` of them, and the steps it should hold."""
    rng = np.random.default_rng(seed)
    memory = Memory(rows * n, n, 3, 2)
    history = []
    for _ in range(steps):
        step = {
            "obs": rng.standard_normal((n, 3)).astype(np.float32),
            "action": rng.uniform(-1, 1, (n, 2)).astype(np.float32),
            "reward": rng.standard_normal(n).astype(np.float32),
            "next_obs": rng.standard_normal((n, 3)).astype(np.float32),
            "terminated": rng.random(n) < 0.15,
            "truncated": rng.random(n) < 0.15,
        }
        memory.add(**step)
        history.append(step)
    return memory, history[-rows:]


def literal(history: list[dict], t: int, car: int, n_steps: int) -> tuple[float, np.ndarray, float]:
    """Return, last observation and discount, one reward at a time."""
    total, discount = 0.0, 1.0
    for k in range(n_steps):
        step = history[t + k]
        total += discount * step["reward"][car]
        discount *= GAMMA
        if step["terminated"][car]:
            return total, step["next_obs"][car], 0.0
        if step["truncated"][car] or t + k == len(history) - 1:
            break
    return total, step["next_obs"][car], discount


def test_what_it_takes_is_told_before_there_is_room_for_it():
    memory = Memory(4000, 8, 22, 2)
    assert Memory.bytes_needed(4000, 22, 2) == round(1e6 * memory.megabytes)


@pytest.mark.slow
@given(
    rows=st.integers(2, 9),
    steps=st.integers(1, 25),
    n=st.integers(1, 4),
    n_steps=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_every_sample_is_a_kept_transition_with_its_n_step_return(rows, steps, n, n_steps, seed):
    memory, history = filled(rows, steps, n, seed)
    assert len(memory) == len(history) * n
    torch.manual_seed(seed)
    where = {step["obs"][car].tobytes(): (t, car) for t, step in enumerate(history)
             for car in range(n)}  # fmt: skip
    (batch,) = memory.sample(1, 64, GAMMA, n_steps)
    for obs, action, reward, next_obs, discount in zip(*batch, strict=True):
        t, car = where[obs.numpy().tobytes()]
        total, last, factor = literal(history, t, car, n_steps)
        np.testing.assert_array_equal(action, history[t]["action"][car])
        np.testing.assert_array_equal(next_obs, last)
        assert float(reward) == pytest.approx(total, abs=1e-5)
        assert float(discount) == pytest.approx(factor, abs=1e-6)


def test_all_kept_transitions_are_drawn_and_no_forgotten_one():
    memory, history = filled(rows=5, steps=13, n=3, seed=0)
    kept = {step["obs"][car].tobytes() for step in history for car in range(3)}
    batches = memory.sample(4, 200, GAMMA, 3)
    drawn = {obs.numpy().tobytes() for batch in batches for obs in batch.obs}
    assert len(batches) == 4 and drawn == kept


def test_a_memory_goes_on_from_its_state():
    memory, _ = filled(rows=6, steps=9, n=2, seed=1)
    state = {k: np.array(v) for k, v in memory.state().items()}
    other = Memory(12, 2, 3, 2)
    other.restore(state)
    torch.manual_seed(3)
    one = memory.sample(1, 50, GAMMA, 4)[0]
    torch.manual_seed(3)
    two = other.sample(1, 50, GAMMA, 4)[0]
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    with pytest.raises(ValueError, match="filled is out of its range"):
        Memory(4, 2, 3, 2).restore(state)
    with pytest.raises(ValueError, match="another shape"):
        Memory(18, 3, 3, 2).restore(state)
