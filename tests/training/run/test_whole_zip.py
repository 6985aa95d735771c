"""What a run's zip holds for plain Stable-Baselines3 to go on from."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.evaluation import evaluate_policy

from benchmarks import plain_sac
from retroracer.agents import checkpoint
from retroracer.agents.checkpoint import save
from retroracer.agents.facts import Facts
from retroracer.agents.model_file import read_actor, read_facts
from retroracer.agents.model_zip import PLAIN_ACTOR_EPS
from retroracer.agents.wholeness import wholeness
from retroracer.resources import models_dir
from retroracer.training.learners.racing import PLAIN
from retroracer.training.run.keeping import SHIPPED
from tests.agents.conftest import Chase
from tests.training import tiny


def shipped() -> dict[str, bool]:
    """Shipped SAC drivers of tracks by name, and whether SAC can go on from them."""
    names = [p.stem for p in sorted(models_dir().glob("*.zip")) if p.stem in SHIPPED]
    return {n: wholeness(n).whole for n in names if read_facts(n).algorithm == "SAC"}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip of a short run of SAC."""
    folder = tmp_path_factory.mktemp("run")
    tiny.train(tiny.racing(*tiny.STAGES["sac"]), folder / "m.zip", folder / "run")
    return folder / "m.zip"


@pytest.mark.slow
def test_a_run_of_sac_writes_trained_critics_moments_and_a_moved_entropy_coefficient(
    path: Path,
) -> None:
    found = wholeness(path)
    assert found.whole and min(found.updates.values()) > 10
    first = float(str(read_facts(path).settings["ent_coef"]).removeprefix("auto_"))
    assert found.entropy_coefficient != pytest.approx(first, rel=1e-6)


@pytest.mark.slow
def test_plain_sac_goes_on_with_settings_of_one_env(path: Path) -> None:
    env = gymnasium.make("retroracer/RetroRacer-v0", track="copper_bowl")
    model = SAC.load(path, env=env, device="cpu")
    facts = read_facts(path)
    assert model.buffer_size == 200_000 and model.gradient_steps == 100
    assert model.gamma == facts.settings["gamma"] and model.n_steps == facts.settings["n_steps"]
    assert facts.settings["gradient_steps"] == 2, "the run's own settings stay in the facts"
    epsilons = [g["eps"] for g in model.actor.optimizer.param_groups]
    assert epsilons == [PLAIN_ACTOR_EPS]
    ours = checkpoint.load_sac(path, env, layout=facts.observation_layout)
    assert ours.updater.actor_adam.param_groups[0]["eps"] == 1e-8, "a run of ours keeps Adam's own"
    remembered = wholeness(path).updates["critic"]
    assert model.log_ent_coef is not None
    alpha = model.log_ent_coef.exp().item()
    assert alpha == pytest.approx(wholeness(path).entropy_coefficient)
    before = model.num_timesteps
    model.learn(500, reset_num_timesteps=False)
    assert model.num_timesteps == before + 500
    steps = {int(s["step"]) for s in model.critic.optimizer.state_dict()["state"].values()}
    assert steps == {remembered + 100}, "the moments go on where they ended"


@pytest.mark.slow
def test_the_driver_is_at_the_wheel_from_the_first_step_of_plain_learning(path: Path) -> None:
    env = gymnasium.make("retroracer/RetroRacer-v0", track="copper_bowl")
    model = SAC.load(path, env=env, device="cpu", gradient_steps=0, train_freq=5)
    with torch.no_grad():  # no noise: what it does is what the driver would do
        model.actor.log_std.weight.zero_()
        model.actor.log_std.bias.fill_(-20.0)
    model.learn(5)
    assert model.replay_buffer is not None
    seen = model.replay_buffer.observations[:5, 0]
    did = model.replay_buffer.actions[:5, 0]
    np.testing.assert_allclose(did, model.predict(seen, deterministic=True)[0], atol=1e-4)


@pytest.mark.slow
def test_a_run_that_trains_critics_alone_keeps_the_driver_and_the_new_critics(
    tmp_path: Path,
) -> None:
    parent = tmp_path / "parent.zip"
    tiny.train(tiny.racing(*tiny.STAGES["ppo"], page="base-ppo"), parent, tmp_path / "first")
    sets = [s for s in tiny.STAGES["all"] if s.startswith("critics.")]
    settings = tiny.racing(
        "stages=[{learner: critics}]", f"parent={parent}", "evaluate_on=1", *sets, page="base-ppo"
    )
    assert not wholeness(parent).critics_trained
    tiny.train(settings, tmp_path / "m.zip", tmp_path / "run")
    found = wholeness(tmp_path / "m.zip")
    assert found.critics_trained and found.updates["critic"] > 10
    pairs = zip(read_actor(parent), read_actor(tmp_path / "m.zip"), strict=True)
    assert all(np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1]) for a, b in pairs)


@pytest.mark.slow
def test_plain_sac_goes_on_from_a_driver_that_sac_made_without_spoiling_it(
    tmp_path: Path,
) -> None:
    """On a small task; with the buffer of one that runs use inside it falls to a fifth."""
    model = SAC(
        "MlpPolicy", Chase(), learning_rate=1e-3, gamma=0.97, learning_starts=100, batch_size=64,
        policy_kwargs={"net_arch": [32, 32]}, buffer_size=10_000, seed=3, device="cpu",
    )  # fmt: skip
    model.learn(1500)
    before = evaluate_policy(model, Chase(), 20, warn=False)[0]
    assert float(before) > -15.0, "it can do it"
    model.buffer_size, model.gradient_steps = 1, 16
    save(model, tmp_path / "m.zip", Facts("chase-22", 0), plain=PLAIN)
    again = SAC.load(tmp_path / "m.zip", env=Chase(), device="cpu")
    again.set_random_seed(0)
    again.learn(500)
    assert float(evaluate_policy(again, Chase(), 20, warn=False)[0]) > float(before) - 2.0


@pytest.mark.slow
def test_no_driver_ships_without_what_sac_goes_on_from() -> None:
    assert shipped() and all(shipped().values())


@pytest.mark.slow
def test_shipped_drivers_still_lap_after_plain_sac_went_on() -> None:
    """At their own rates, on Monza; ``benchmarks/plain_sac.py`` does the same for longer."""
    for name in ("base", "monza"):
        model, car, repeat = plain_sac.load(models_dir() / f"{name}.zip", "monza")
        model.set_random_seed(0)
        before = plain_sac.lap(model, car, repeat, "monza")
        model.learn(2000)
        after = plain_sac.lap(model, car, repeat, "monza")
        assert after["clean"], f"{name}: {after['ended']}"
        assert after["lap_time_s"] < 1.01 * before["lap_time_s"]
