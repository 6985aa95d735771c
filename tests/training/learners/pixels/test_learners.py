"""Learners from pixels: tiny nets on real frames; phases, replay, parents, what is refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from retroracer.agents.model_file import read_facts
from retroracer.agents.pixels.checkpoint import read_weights
from retroracer.agents.pixels.torch_inference import load_driver
from retroracer.cli import main
from retroracer.errors import UserError
from retroracer.training.learners import PIXELS
from retroracer.training.learners.learner import Clock
from retroracer.training.learners.pixels.memory_budget import demand_room, describe
from retroracer.training.learners.pixels.off_policy import DQN, SAC
from retroracer.training.learners.pixels.ppo import PPO
from retroracer.training.learners.pixels.settings import PixelSettings, profiles_of
from retroracer.training.learners.pixels.task import Pixels
from retroracer.training.run.settings import load, shipped_page
from tests.training.tiny import PIXEL_ALGORITHMS, pixels, train

torch.set_num_threads(1)


def whole_page(algorithm: str, *sets: str, profile: str = "cpu") -> Any:
    page = shipped_page(f"pixels-{algorithm}")
    return load(PixelSettings, PIXELS, page, None, list(sets), profiles_of(algorithm)[profile])


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_the_same_seed_gives_the_same_driver_and_it_really_learns(
    algorithm: str, tmp_path: Path
) -> None:
    found = []
    for name in ("one", "two"):
        out = tmp_path / f"{name}.zip"
        train(pixels(algorithm, "steps=120"), out, tmp_path / name)
        found.append(read_weights(out)["policy"])
    assert all(torch.equal(found[0][k], found[1][k]) for k in found[0])
    assert read_facts(out).updates > 0


@pytest.mark.slow
def test_ppos_second_phase_begins_once_and_keeps_what_adam_remembers() -> None:
    settings = pixels("ppo")
    s = settings.of("ppo")
    task = Pixels(settings)
    learner = PPO(task, s, first=True)
    task.begin(0)
    learner.round(Clock(0.0, 0.0))
    model = learner.model
    moments = {
        k: v["exp_avg"].clone() for k, v in model.policy.optimizer.state_dict()["state"].items()
    }
    assert model.policy.optimizer.param_groups[0]["lr"] == s.learning_rate
    assert (model.ent_coef, model.clip_range(1.0)) == (s.ent_coef, s.clip_range)
    kept = []
    update = model.train

    def watching() -> None:
        now = model.policy.optimizer.state_dict()["state"]
        kept.append(all(torch.equal(moments[k], now[k]["exp_avg"]) for k in moments))
        update()

    model.train = watching
    learner.round(Clock(0.7, 0.7))
    assert kept == [True], "the switch touches no moments"
    assert learner.switched_at == 32
    assert model.policy.optimizer.param_groups[0]["lr"] == s.second_learning_rate
    assert model.ent_coef == s.second_ent_coef
    assert model.clip_range(1.0) == s.second_clip_range
    learner.round(Clock(0.9, 0.9, lr_scale=0.5))
    assert learner.switched_at == 32
    assert model.policy.optimizer.param_groups[0]["lr"] == 0.5 * s.second_learning_rate
    task.close()


@pytest.mark.slow
def test_the_second_phase_stands_in_the_runs_rows_and_on_its_curve(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(pixels("ppo", "steps=96", "log_to=[tensorboard]"), tmp_path / "m.zip", folder)
    rows = json.loads((folder / "evaluations.json").read_text())
    assert rows[-1]["second_phase"] == 64 * 4
    assert list(folder.glob("events.out.tfevents*"))
    curve = tmp_path / "curve.png"
    options = ["--episodes", "0", "--plot", str(curve), "--run", str(folder)]
    assert main(["evaluate", str(tmp_path / "m.zip"), *options]) == 0
    assert curve.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("asked", [True, False])
def test_rewards_are_normalised_only_where_asked(asked: bool) -> None:
    settings = pixels("ppo", f"ppo.norm_reward={str(asked).lower()}")
    task = Pixels(settings)
    learner = PPO(task, settings.of("ppo"), first=True)
    assert (learner.model.get_vec_normalize_env() is not None) == asked
    task.close()


@pytest.mark.slow
def test_a_timeout_is_no_end_to_the_replay() -> None:
    settings = pixels("sac", "pipeline.action_repeat=8")
    task = Pixels(settings)
    learner = SAC(task, settings.of("sac"), first=True)
    task.begin(0)
    for _ in range(30):
        learner.round(Clock(0.0, 0.0))
    replay = learner.replay
    assert replay.age.max() > 0 and not replay.terminated.any(), "early stops are truncations"
    assert (replay.age[: int(replay.filled[0])] == 0).sum() > 2
    task.close()


@pytest.mark.slow
def test_a_parent_is_gone_on_from_and_only_with_its_own_wrappers_and_algorithm(
    tmp_path: Path,
) -> None:
    parent = tmp_path / "parent.zip"
    train(pixels("dqn", "steps=70"), parent, tmp_path / "run")
    child = pixels("dqn", f"parent={parent}")
    task = Pixels(child)
    learner = DQN(task, child.of("dqn"), first=True)
    assert task.steps == read_facts(parent).steps
    old = read_weights(parent)["policy"]
    new = learner.model.policy.state_dict()
    assert all(torch.equal(old[k], new[k].cpu()) for k in old)
    task.close()
    for message, settings in {
        "DQN and this run is PPO": pixels("ppo", f"parent={parent}", "pipeline.actions=discrete"),
        r"pipeline\.stack": pixels("dqn", f"parent={parent}", "pipeline.stack=3"),
        r"network\.features": pixels("dqn", f"parent={parent}", "network.features=9"),
        "does not drive CarRacing": pixels("dqn", "parent=base"),
    }.items():
        with pytest.raises(UserError, match=message):
            train(settings, tmp_path / "x.zip", tmp_path / "x")


@pytest.mark.parametrize(
    ("algorithm", "sets", "message"),
    [
        ("dqn", ["pipeline.actions=steer-accel"], "dqn needs pipeline.actions=discrete"),
        ("sac", ["pipeline.actions=discrete"], "sac needs pipeline.actions=steer-accel"),
        ("ppo", ["pipeline.layout=last"], "pipeline.layout=first"),
        ("ppo", ["ppo.batch_size=100"], "must divide"),
        ("ppo", ["sac_drq.amp=true"], "sac_drq"),
        ("sac", ["minutes=null"], "give minutes or steps"),
        ("imitation", ["pipeline.colour=rgb"], "pipeline.colour=grey"),
        (
            "sac",
            ["stages=[{learner: dreamer}]"],
            r"stages\[0\]\.learner: expected .*sac-drq.* got 'dreamer'",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    algorithm: str, sets: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        whole_page(algorithm, *sets)


@pytest.mark.parametrize("algorithm", list(PIXEL_ALGORITHMS))
@pytest.mark.parametrize("profile", list(profiles_of("sac")))
def test_every_profile_fits_every_algorithm(algorithm: str, profile: str) -> None:
    settings = whole_page(algorithm, profile=profile)
    assert settings.envs == {"imitation": 1, "ppo": 16}.get(algorithm, 8) or profile != "cpu"
    wanted = demand_room(settings, free=64 * 10**9)
    assert wanted.ram > wanted.footprint.kept >= 0
    told = describe(settings, wanted)
    assert "it will take about" in told
    assert f"batches of {settings.of(wanted.learner).batch_size:,} ({wanted.learner})" in told


def test_what_cannot_fit_is_refused_with_what_would() -> None:
    settings = whole_page("sac-drq", "sac_drq.buffer_size=1000000")
    advice = r"needs \d+\.\d GB .*--set sac_drq\.buffer_size=(\d+) fits"
    with pytest.raises(UserError, match=advice) as told:
        demand_room(settings, free=6 * 10**9)
    fits = re.search(advice, str(told.value))
    assert fits is not None
    demand_room(whole_page("sac-drq", f"sac_drq.buffer_size={fits[1]}"), free=6 * 10**9)
    with pytest.raises(UserError, match="--algo ppo"):
        demand_room(settings, free=10**9)
    with pytest.raises(UserError, match=r"ppo\.n_steps"):
        demand_room(whole_page("ppo"), free=10**8)
    with pytest.raises(UserError, match=r"imitation\.capacity=\d+ fits"):
        demand_room(whole_page("imitation"), free=4 * 10**9)


@pytest.mark.slow
def test_imitation_from_pixels_leaves_a_zip_that_plain_ppo_opens(tmp_path: Path) -> None:
    import numpy as np
    import stable_baselines3

    out = tmp_path / "taught.zip"
    train(pixels("imitation"), out, tmp_path / "run")
    pictures = np.random.default_rng(0).integers(0, 256, (6, 4, 64, 64), np.uint8)
    plain = stable_baselines3.PPO.load(out, device="cpu").predict(pictures, deterministic=True)[0]
    np.testing.assert_allclose(load_driver(out).act(pictures), plain, atol=1e-5)
    facts = read_facts(out)
    assert [s["algorithm"] for s in facts.notes["stages"]] == ["imitation"]
    assert facts.settings["imitation"]["style"]["room"] == 2.0
