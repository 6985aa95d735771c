"""Settings of a run do what they say: each changes what the run leaves behind, and how."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from stable_baselines3 import SAC

from retroracer.training.learners.racing_settings import RacingSettings
from tests.training.tiny import STAGES, racing, train

pytestmark = pytest.mark.slow

ALONE = (
    "steps=400", "hidden=[16, 16]", "evaluate_on=1", "averaging=0", "precision=float32",
    "sac.buffer_size=5000", "sac.learning_starts=200", "sac.batch_size=32", "sac.gradient_steps=2",
    "sac.ent_coef=auto", "sac.target_entropy=auto", "sac.final_rate=1", "sac.final_entropy=null",
    "penalty_scale=[1, 1]",
)  # fmt: skip
"""SAC from nothing, some fifty updates long."""


def settings(*sets: str) -> RacingSettings:
    found = racing(*ALONE, *sets)
    assert isinstance(found, RacingSettings)
    return found


@cache
def run(*sets: str) -> SAC:
    """The last checkpoint of a run."""
    with TemporaryDirectory() as folder:
        train(settings(*sets), Path(folder) / "model.zip", Path(folder) / "run")
        return SAC.load(max((Path(folder) / "run" / "checkpoints").glob("*.zip")))


def actor(model: SAC) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in model.actor.parameters()])


def critic(model: SAC) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in model.critic.parameters()])


@pytest.fixture(scope="module")
def beginning() -> np.ndarray:
    """The weights of every driver of this seed after its first update."""
    return actor(run("sac.policy_delay=100", "steps=250"))


def test_with_a_policy_delay_of_n_the_actor_learns_at_every_nth_update_only(beginning) -> None:
    model = run("sac.policy_delay=100")
    assert 10 < model._n_updates < 100
    np.testing.assert_array_equal(actor(model), beginning)
    assert not np.array_equal(critic(model), critic(run("sac.policy_delay=100", "steps=250")))
    assert np.abs(actor(run()) - beginning).max() > 1e-3
    moved = [np.abs(actor(run(f"sac.policy_delay={n}")) - beginning).mean() for n in (1, 4, 16)]
    assert moved == sorted(moved, reverse=True), "the fewer updates, the nearer to its beginning"


def test_averaged_weights_lie_nearer_to_the_beginning_the_more_updates_they_span(beginning) -> None:
    moved = [np.abs(actor(run(f"averaging={n}")) - beginning).mean() for n in (0, 20, 500)]
    assert moved == sorted(moved, reverse=True)
    assert moved[2] > 0.0


def test_the_target_entropy_falls_to_its_final_value_and_never_rises() -> None:
    noisy = "sac.target_entropy=15"
    stays, falls = (run(noisy, f"sac.final_entropy={final}") for final in ("null", "-60"))
    assert stays.log_ent_coef.item() > 0.0, "the coefficient grows while more noise is asked for"
    assert falls.log_ent_coef.item() < stays.log_ent_coef.item()
    higher = run("sac.final_entropy=15")  # than it begins with
    np.testing.assert_array_equal(actor(higher), actor(run()))


def test_bfloat16_and_float32_learn_nearly_the_same_and_both_leave_float32(beginning) -> None:
    half, full = run("precision=bfloat16"), run()
    assert actor(half).dtype == np.float32
    assert not np.array_equal(actor(half), actor(full))
    assert np.abs(actor(half) - actor(full)).mean() < np.abs(actor(full) - beginning).mean()


def test_a_driver_that_can_drive_already_only_drives_while_values_come_first(
    tmp_path: Path,
) -> None:
    train(settings(), tmp_path / "parent.zip", tmp_path / "run")
    parent = SAC.load(tmp_path / "parent.zip")

    seen = np.random.default_rng(0).uniform(-1.0, 1.0, (20, 22)).astype(np.float32)

    def drives(value_warmup: int) -> np.ndarray:
        sets = [*STAGES["ppo"], "averaging=0", "precision=float32", "evaluate_on=1", "steps=800"]
        sets += [f"parent={tmp_path / 'parent.zip'}", "ppo.n_steps=10", "ppo.batch_size=40"]
        child = racing(*sets, f"ppo.value_warmup={value_warmup}")
        name = f"child-{value_warmup}"
        train(child, tmp_path / f"{name}.zip", tmp_path / name)
        model = SAC.load(max((tmp_path / name / "checkpoints").glob("*.zip")))
        return model.predict(seen, deterministic=True)[0]

    as_before = parent.predict(seen, deterministic=True)[0]
    np.testing.assert_array_equal(drives(value_warmup=100), as_before)
    assert not np.allclose(drives(value_warmup=0), as_before, atol=1e-4)


def test_without_a_share_demonstrations_are_neither_gathered_nor_solved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = [f"sac.demonstrations.{s}" for s in ("transitions=1000", "tracks=1", "latest=0")]
    shown = run(*few, "sac.demonstrations.share=0.5")
    assert not np.array_equal(critic(shown), critic(run()))

    def refuse(*_: object) -> None:
        raise AssertionError("no line is needed")

    monkeypatch.setattr("retroracer.training.learners.demonstrations.lines_to_follow", refuse)
    none = run(*few, "sac.demonstrations.share=0")
    np.testing.assert_array_equal(critic(none), critic(run()))
