"""A learner on streamed rows: debt, rounds, refusals, versions, and going on after a kill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import SAC

from retroracer.agents.model_file import read_facts
from retroracer.agents.rows import Contract, Rows, Weights
from retroracer.errors import UserError
from retroracer.training.learners import STREAMED
from retroracer.training.learners.learner import Clock
from retroracer.training.learners.stream_settings import StreamSettings
from retroracer.training.learners.streamed import Feed, StreamedSAC
from retroracer.training.learners.streamed_task import RESERVED, OtherSimulator, spaces_of
from retroracer.training.run.settings import load, shipped_page

SETS = [
    "stream={env: nobody, actors: 0, obs_dim: 3, act_dim: 1}", "hidden=[16, 16]",
    "sac.batch_size=8", "sac.buffer_size=1000", "sac.learning_starts=20",
    "stream.train_every_seconds=0", "stream.least_updates=2", "stream.most_updates=6",
    "stream.most_debt=30", "stream.updates_per_row=0.5", "stream.zip_every=0",
]  # fmt: skip


def settings(*more: str) -> StreamSettings:
    found = load(StreamSettings, STREAMED, shipped_page("reference/scale-sac"), None, [*SETS, *more])  # fmt: skip  # noqa: E501
    assert isinstance(found, StreamSettings)
    return found


class Given(Feed):
    """Rows that the test gives."""

    def __init__(self) -> None:
        self.contract, self.lost = Contract("", 3, 1), 0
        self.rows: list[Rows] = []
        self.given: list[Weights] = []
        self.wanted: list[int] = []

    def open(self, weights: Weights) -> None:
        self.given.append(weights)

    def take(self, seconds: float, most: int) -> Sequence[Rows]:
        self.wanted.append(most)
        if not most:
            return []
        rows, self.rows = self.rows, []
        return rows

    def publish(self, weights: Weights, figures: Mapping[str, float]) -> None:
        self.given.append(weights)

    def close(self) -> None: ...


def piece(number: int, steps: int = 5, envs: int = 2, width: int = 3) -> Rows:
    rng = np.random.default_rng(number)
    shape = (steps, envs)
    obs = rng.normal(size=(*shape, width)).astype(np.float32)
    never = np.zeros(shape, np.bool_)
    return Rows(
        0, "a", number, 1, obs, rng.uniform(-1, 1, (*shape, 1)).astype(np.float32),
        rng.normal(size=shape).astype(np.float32), obs, never, never,
        np.array([[1.5, 10.0, 0.0, 1.0]]),
    )  # fmt: skip


def made(folder: Path, *more: str) -> tuple[Given, OtherSimulator, StreamedSAC]:
    run, feed = settings(*more), Given()
    task = OtherSimulator(run, feed, folder)
    learner = StreamedSAC(task, run.of("sac"), first=True)
    task.begin(0)
    return feed, task, learner


def test_every_new_row_owes_its_share_of_updates_in_bounded_rounds(tmp_path: Path) -> None:
    feed, task, learner = made(tmp_path)
    feed.rows = [piece(0), piece(1)]
    assert learner.round(Clock(0.0, 0.0)) == {}, "20 rows to begin with owe nothing"
    assert task.steps == 20 and task.updates == 0
    feed.rows = [piece(2), piece(3)]
    losses = learner.round(Clock(0.0, 0.0))
    assert task.updates == 6, "20 rows owe 10 updates, 6 a round at most"
    assert losses["debt"] == 4.0 and np.isfinite(losses["critic_loss"])
    learner.round(Clock(0.0, 0.0))
    assert task.updates == 10 and learner.debt == 0.0
    assert learner.round(Clock(0.0, 0.0)) == {}, "nothing is owed"
    feed.rows = [piece(4, steps=1)]
    learner.round(Clock(0.0, 0.0))
    assert task.updates == 12 and learner.debt == -1.0, "2 a round at least, owed less later"


@pytest.mark.parametrize("noise", ["sac.action_noise=0.1", "sac.noise_hold=0.5"])
def test_noise_that_actors_do_not_add_is_refused(tmp_path: Path, noise: str) -> None:
    with pytest.raises(UserError, match=noise.partition("=")[0]):
        made(tmp_path, noise)


@pytest.mark.slow
def test_no_more_rows_are_taken_in_than_may_be_owed_for(tmp_path: Path) -> None:
    feed, _, learner = made(tmp_path)
    learner.round(Clock(0.0, 0.0))
    assert feed.wanted == [20 + 60], "20 rows to begin with, then what owes 30 updates"
    feed.rows = [piece(k) for k in range(12)]  # 20 rows to begin with, then 100 that owe 50
    learner.round(Clock(0.0, 0.0))
    assert learner.debt + learner.round_left == 44
    while learner.debt + learner.round_left >= 30:
        learner.round(Clock(0.0, 0.0))
        assert feed.wanted[-1] == 0
    learner.round(Clock(0.0, 0.0))
    assert feed.wanted[-1] == 2 * (30 - 26)


def test_rows_of_another_dimension_are_refused_counted_and_told_once(tmp_path: Path) -> None:
    feed, task, learner = made(tmp_path)
    lines: list[str] = []
    task.tell = lines.append
    feed.rows = [piece(0, width=4), piece(1, width=4), piece(2)]
    learner.round(Clock(0.0, 0.0))
    assert task.steps == 10
    assert learner.figures()["refused_rows"] == 20
    assert lines == ["rows of actor 0 are refused: 4 observations, not 3"]


def test_versions_only_grow_over_every_kill(tmp_path: Path) -> None:
    feed, _, learner = made(tmp_path)
    feed.rows = [piece(k) for k in range(6)]
    for _ in range(6):
        learner.round(Clock(0.0, 0.0))
    versions = [w.version for w in feed.given]
    assert versions == sorted(versions) and versions[0] == 1 and versions[-1] > 1
    assert feed.given[0].random and not feed.given[-1].random
    again, other, _ = made(tmp_path)  # killed: nothing but what is on disk is known
    assert again.given[0].version > versions[-1]
    assert other.version <= versions[-1] + RESERVED + 2


def test_a_learner_goes_on_where_it_was_saved(tmp_path: Path) -> None:
    feed, task, learner = made(tmp_path)
    feed.rows = [piece(k) for k in range(7)]
    for _ in range(3):
        learner.round(Clock(0.0, 0.0))
    plain = {k: np.array(v) for k, v in learner.state().items()}
    whole = {k: np.array(v) for k, v in task.state().items()}
    _, other, second = made(tmp_path)
    other.restore(whole)
    second.restore(plain)
    assert (other.steps, other.updates, second.debt) == (task.steps, task.updates, learner.debt)
    assert len(second.memory) == len(learner.memory) == 70
    for one, two in zip(task.weights().values(), other.weights().values(), strict=True):
        assert (one == two).all()


@pytest.mark.slow
def test_a_round_leaves_a_zip_that_sb3_opens_and_one_can_go_on_from(tmp_path: Path) -> None:
    feed, _, learner = made(tmp_path)
    feed.contract = Contract("own-1", 3, 1, (0.1, 0.2, 0.3), ((-2.0, 2.0),))
    feed.rows = [piece(k) for k in range(6)]
    for _ in range(4):
        learner.round(Clock(0.0, 0.0))
    path = tmp_path / "latest.zip"
    model = SAC.load(path)
    assert model.predict(np.zeros(3, np.float32))[0].shape == (1,)
    notes: Any = read_facts(path).notes
    assert notes["contract"]["scaling"] == [0.1, 0.2, 0.3]
    assert spaces_of(path) == ("own-1", 3, 1)
    _, other, _ = made(tmp_path, f"parent={path}")
    assert other.updates == read_facts(path).updates > 0


def test_the_mean_return_of_what_was_driven_is_the_score(tmp_path: Path) -> None:
    feed, task, learner = made(tmp_path)
    assert not task.evaluate().acceptable
    feed.rows = [piece(0)]
    learner.round(Clock(0.0, 0.0))
    found = task.evaluate()
    assert found.acceptable and found.score == 1.5
    assert "mean return 1.5" in found.text


def test_the_contract_of_the_page_holds(tmp_path: Path) -> None:
    from retroracer.errors import UserError

    with pytest.raises(UserError, match="obs_dim and act_dim go with env: nobody"):
        settings("stream.obs_dim=null")
    with pytest.raises(UserError, match="least_updates must not be above"):
        settings("stream.least_updates=7")
