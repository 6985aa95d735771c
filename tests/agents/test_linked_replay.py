"""The replay memory of streamed rows: links, breaks, the ring's end."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from retroracer.agents.linked_replay import LinkedMemory
from retroracer.agents.rows import Contract, Rows, unfit


def piece(
    steps: int, envs: int, number: int = 0, life: str = "a", actor: int = 0, first: int = 0
) -> Rows:
    """Rows whose first observation and reward tell their time: first, first + 1, ..."""
    time = first + np.arange(steps, dtype=np.float32)
    reward = np.repeat(time[:, None], envs, axis=1)
    obs = np.zeros((steps, envs, 3), np.float32)
    obs[:, :, 0] = reward
    obs[:, :, 1] = np.arange(envs)
    never = np.zeros((steps, envs), np.bool_)
    action = np.zeros((steps, envs, 2), np.float32)
    after = obs + np.array([1, 0, 0], np.float32)
    return Rows(actor, life, number, 1, obs, action, reward, after, never, never.copy(),
                np.zeros((0, 4)))  # fmt: skip


def returns(memory: LinkedMemory, n_steps: int) -> dict[float, set[tuple[float, float, float]]]:
    """By the time of a row: its sum of rewards, the time reached and the discount, as drawn."""
    found: dict[float, set[tuple[float, float, float]]] = {}
    for batch in memory.sample(20, 200, 0.5, n_steps):
        for obs, reward, after, discount in zip(
            batch.obs, batch.rewards, batch.next_obs, batch.discounts, strict=True
        ):
            assert obs[1] == after[1], "a return must not cross from one environment to another"
            told = (float(reward), float(after[0]), float(discount))
            found.setdefault(float(obs[0]), set()).add(told)
    return found


def test_a_return_goes_on_from_one_piece_of_an_actor_into_the_next() -> None:
    memory = LinkedMemory(100, 3, 2)
    assert not memory.add(piece(4, 3))
    assert memory.add(piece(4, 3, number=1, first=4))
    found = returns(memory, 3)
    assert found[2.0] == {(2 + 0.5 * 3 + 0.25 * 4, 5.0, 0.125)}
    assert found[3.0] == {(3 + 0.5 * 4 + 0.25 * 5, 6.0, 0.125)}
    assert found[7.0] == {(7.0, 8.0, 0.5)}, "nothing has followed the newest row yet"


@pytest.mark.parametrize(
    "second",
    [
        piece(4, 3, number=2, first=8),  # the one between was lost
        piece(4, 3, number=1, life="b", first=8),  # it was started again
        piece(4, 2, number=1, first=8),  # with another number of environments
        piece(4, 3, number=1, actor=1, first=8),  # another actor's
    ],
)
def test_a_return_ends_where_a_piece_is_missing(second: Rows) -> None:
    memory = LinkedMemory(100, 3, 2)
    memory.add(piece(4, 3))
    assert not memory.add(second)
    assert returns(memory, 3)[3.0] == {(3.0, 4.0, 0.5)}


def test_a_timeout_is_bootstrapped_and_a_crash_is_not() -> None:
    rows = piece(4, 2)
    rows.terminated[1, 0] = rows.truncated[1, 1] = True
    memory = LinkedMemory(100, 3, 2)
    memory.add(rows)
    found = returns(memory, 3)
    assert found[1.0] == {(1.0, 2.0, 0.0), (1.0, 2.0, 0.5)}
    assert found[0.0] == {(0.5, 2.0, 0.0), (0.5, 2.0, 0.25)}


@pytest.mark.slow
def test_the_oldest_rows_make_room_and_no_link_leads_to_what_was_written_over() -> None:
    memory = LinkedMemory(10, 3, 2)
    for number in range(9):
        memory.add(piece(2, 2, number=number, first=2 * number))
        for row, found in returns(memory, 4).items():
            for reward, after, discount in found:
                steps = round(np.log(discount) / np.log(0.5))
                assert after == row + steps
                assert reward == sum(0.5**k * (row + k) for k in range(steps))
    assert len(memory) == 10
    assert sorted(returns(memory, 1)) == [13.0, 14.0, 15.0, 16.0, 17.0]


def test_a_piece_longer_than_the_memory_leaves_its_last_steps() -> None:
    memory = LinkedMemory(7, 3, 2)
    memory.add(piece(5, 3))
    assert sorted(returns(memory, 1)) == [3.0, 4.0]
    with pytest.raises(ValueError, match="a step of 9"):
        memory.add(piece(1, 9))


def test_a_memory_goes_on_where_it_was_saved() -> None:
    memory, other = LinkedMemory(10, 3, 2), LinkedMemory(10, 3, 2)
    for number in range(4):
        memory.add(piece(2, 2, number=number, first=2 * number))
    state = {name: np.array(value) for name, value in memory.state().items()}
    other.restore(state)
    torch.manual_seed(1)
    here = memory.sample(2, 8, 0.5, 3)
    torch.manual_seed(1)
    there = other.sample(2, 8, 0.5, 3)
    assert all(torch.equal(a, b) for x, y in zip(here, there, strict=True) for a, b in zip(x, y, strict=True))  # fmt: skip  # noqa: E501
    assert not other.add(piece(2, 2, number=4, first=8)), "all actors begin anew"
    state["link"][0] = 99
    with pytest.raises(ValueError, match="link"):
        other.restore(state)


def test_rows_that_cannot_be_learned_from_are_told_in_words() -> None:
    contract, good = Contract("x", 3, 2), piece(4, 3)
    assert unfit(good, contract) is None
    assert unfit(good, Contract("x", 4, 2)) == "3 observations, not 4"
    assert "action of shape" in str(unfit(good, Contract("x", 3, 1)))
    assert "reward of shape" in str(unfit(good._replace(reward=good.reward[:2]), contract))
    assert "float64" in str(unfit(good._replace(obs=good.obs.astype(float)), contract))
    assert "action beyond" in str(unfit(good._replace(action=good.action + 2), contract))
    for name in ("obs", "next_obs", "reward"):
        bad = getattr(good, name).copy()
        bad.flat[0] = np.nan
        assert f"{name} beyond" in str(unfit(good._replace(**{name: bad}), contract))


def test_a_mismatch_of_contracts_says_which_side_has_what() -> None:
    mine = Contract("lidar-80.1", 80, 2, (0.1, 1.0), ((-1.0, 1.0),))
    assert mine.mismatch(mine) is None
    told = mine.mismatch(Contract("lidar-80.1", 22, 2))
    assert told == "observations: the learner has 80, the actor 22"
    told = mine.mismatch(Contract("lidar-80.2", 80, 2))
    assert told == "observation layout: the learner has lidar-80.1, the actor lidar-80.2"
    told = mine.mismatch(Contract("lidar-80.1", 80, 2, (0.1, 2.0)))
    assert told == "scaling of number 1 of the observation: the learner has 1, the actor 2"
    assert mine.mismatch(Contract("lidar-80.1", 80, 2)) == (
        "scaling: the learner has 2 factors, the actor none"
    )
    told = mine.mismatch(Contract("lidar-80.1", 80, 2, (0.1, 1.0), ((-2.0, 2.0),)))
    assert told is not None and told.startswith("action bounds: the learner has")
    blank = Contract("", 80, 2)
    assert blank.mismatch(mine) is None
    assert blank.completed_by(mine) == mine
