"""Settings of a run do what they say: each changes what the run leaves behind, and how."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from retroracer.training.run_settings import Lessons, Practice, RunSettings, Teacher
from retroracer.training.train import train
from stable_baselines3 import SAC

from retroracer.agents.sac_settings import SacSettings

pytestmark = pytest.mark.slow

# SAC from nothing, some fifty updates long.
ALONE = RunSettings(
    minutes=None,
    steps=400,
    cars=8,
    hidden=(16, 16),
    memory=5000,
    warm_up=200,
    evaluate_every=1e9,
    evaluate_on=1,
    save_every=0.0,
    averaging=0,
    final_rate=1.0,
    final_entropy=None,
    precision="float32",
    sac=SacSettings(batch_size=32, gradient_steps=2),
    log_to=(),
    lessons=Lessons(share=0.0),
    teacher=Teacher(rounds=0),
    practice=Practice(share=0.0),
)


@cache
def left_by(settings: RunSettings) -> SAC:
    """The last checkpoint of a run."""
    with TemporaryDirectory() as folder:
        train(settings, Path(folder) / "model.zip", Path(folder) / "run")
        return SAC.load(max((Path(folder) / "run" / "checkpoints").glob("*.zip")))


def run(**changes: Any) -> SAC:
    return left_by(dataclasses.replace(ALONE, **changes))


def actor(model: SAC) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in model.actor.parameters()])


def critic(model: SAC) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in model.critic.parameters()])


@pytest.fixture(scope="module")
def beginning() -> np.ndarray:
    """The weights of every driver of this seed after its first update."""
    return actor(run(policy_delay=100, steps=250))


def test_with_a_policy_delay_of_n_the_actor_learns_at_every_nth_update_only(beginning) -> None:
    model = run(policy_delay=100)
    assert 10 < model._n_updates < 100
    np.testing.assert_array_equal(actor(model), beginning)
    assert not np.array_equal(critic(model), critic(run(policy_delay=100, steps=250)))
    assert np.abs(actor(run()) - beginning).max() > 1e-3
    moved = [np.abs(actor(run(policy_delay=n)) - beginning).mean() for n in (1, 4, 16)]
    assert moved == sorted(moved, reverse=True), "the fewer updates, the nearer to its beginning"


def test_averaged_weights_lie_nearer_to_the_beginning_the_more_updates_they_span(beginning) -> None:
    moved = [np.abs(actor(run(averaging=n)) - beginning).mean() for n in (0, 20, 500)]
    assert moved == sorted(moved, reverse=True)
    assert moved[2] > 0.0


def test_the_target_entropy_falls_to_its_final_value_and_never_rises() -> None:
    noisy = dataclasses.replace(ALONE.sac, target_entropy=15.0)
    stays, falls = (run(sac=noisy, final_entropy=final) for final in (None, -60.0))
    assert stays.log_ent_coef.item() > 0.0, "the coefficient grows while more noise is asked for"
    assert falls.log_ent_coef.item() < stays.log_ent_coef.item()
    higher = run(final_entropy=15.0)  # than it begins with
    np.testing.assert_array_equal(actor(higher), actor(run()))


def test_bfloat16_and_float32_learn_nearly_the_same_and_both_leave_float32(beginning) -> None:
    half, full = run(precision="bfloat16"), run()
    assert actor(half).dtype == np.float32
    assert not np.array_equal(actor(half), actor(full))
    assert np.abs(actor(half) - actor(full)).mean() < np.abs(actor(full) - beginning).mean()


def test_a_driver_that_can_drive_already_only_drives_while_values_come_first(
    tmp_path: Path,
) -> None:
    train(ALONE, tmp_path / "parent.zip")
    parent = SAC.load(tmp_path / "parent.zip")

    seen = np.random.default_rng(0).uniform(-1.0, 1.0, (20, 22)).astype(np.float32)

    def drives(values_first: int) -> np.ndarray:
        practice = Practice(share=1.0, steps=10, batch=40, values_first=values_first)
        model = run(parent=str(tmp_path / "parent.zip"), practice=practice, steps=800)
        return model.predict(seen, deterministic=True)[0]

    as_before = parent.predict(seen, deterministic=True)[0]
    np.testing.assert_array_equal(drives(values_first=100), as_before)
    assert not np.allclose(drives(values_first=0), as_before, atol=1e-4)


def test_without_a_share_lessons_are_neither_given_nor_solved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = Lessons(steps=1000, tracks=1, latest=0.0)
    taught = run(lessons=dataclasses.replace(few, share=0.5))
    assert not np.array_equal(critic(taught), critic(run()))

    def refuse(*_: object) -> None:
        raise AssertionError("no line is needed")

    monkeypatch.setattr("retroracer.training.lessons.lines_to_follow", refuse)
    np.testing.assert_array_equal(critic(run(lessons=few)), critic(run()))
