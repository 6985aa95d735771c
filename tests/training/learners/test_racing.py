"""The racing task: what its settings say is what the cars are paid and what the zip tells."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import SAC
from torch import nn

from retroracer.agents.checkpoint import save
from retroracer.agents.facts import Facts
from retroracer.agents.model_file import read_facts
from retroracer.agents.policy import load_policy, policy_of
from retroracer.envs.task import LAYOUT, PENALTIES, Reward
from retroracer.errors import UserError
from retroracer.physics.car import load_car
from retroracer.track.files import load_track
from retroracer.training.judging.laps import Entry, evaluate
from retroracer.training.learners import RACING
from retroracer.training.learners.racing_settings import PROGRAM, RacingSettings, describe
from retroracer.training.learners.racing_tasks import make_racing
from retroracer.training.run.budget import Budget
from retroracer.training.run.settings import load, shipped_page
from tests.training.tiny import STAGES, racing, train


@pytest.mark.slow
def test_rewards_are_settings_that_change_what_is_paid_and_stand_in_the_zip(
    tmp_path: Path,
) -> None:
    paid = []
    for sets in ([], ["reward.progress=0.3", "penalty_scale=[1, 1]"]):
        task = make_racing(racing("evaluate_on=1", *sets), Budget(None, None))
        rng = np.random.default_rng(0)
        steps = [task.step(rng.uniform(-1, 1, (8, 2)).astype(np.float32)) for _ in range(40)]
        paid.append(np.array([step.reward for step in steps]))
        task.write(tmp_path / "m.zip", None, {})
    assert not np.allclose(paid[0], paid[1])
    facts = read_facts(tmp_path / "m.zip")
    assert facts.reward["progress"] == 0.3
    task.close()


def test_penalties_grow_from_the_first_scale_to_the_second_and_nothing_else_does() -> None:
    settings = racing("penalty_scale=[2, 6]")
    for share, scale in ((0.0, 2.0), (0.5, 4.0), (1.0, 6.0), (3.0, 6.0)):
        paid = settings.weights(share)._asdict()
        for name, weight in settings.reward.items():
            assert paid[name] == pytest.approx(weight * (scale if name in PENALTIES else 1.0))


def test_a_page_that_names_one_weight_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    page = tmp_path / "page.yaml"
    page.write_text("reward: {edge: -1}\npenalty_scale: [3, 3]\n")
    settings = load(RacingSettings, RACING, shipped_page("base-sac"), page, [])
    expected = {k: 3.0 * v if k in PENALTIES else v for k, v in Reward(edge=-1.0)._asdict().items()}
    assert settings.weights(0.5)._asdict() == expected


def test_an_unknown_term_of_the_reward_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no term 'progres'; did you mean 'progress'\?"):
        racing("reward.progres=1")


@pytest.mark.slow
def test_the_driver_that_is_evaluated_is_the_averaged_one_that_is_written(tmp_path: Path) -> None:
    task = make_racing(racing("evaluate_on=1"), Budget(None, None))
    with torch.no_grad():
        task.average.add_(0.05 * torch.randn_like(task.average))
    seen = []
    judge, task.judge = task.judge, lambda layers, *_: seen.append(policy_of(layers, "relu"))
    task.evaluate()
    task.judge = judge
    task.write(tmp_path / "m.zip", None, {})
    with torch.no_grad():
        task.actor.flat.add_(1.0)  # training goes on
    obs = np.random.default_rng(0).normal(size=(50, 22)).astype(np.float32)
    np.testing.assert_array_equal(seen[0].act(obs), load_policy(tmp_path / "m.zip").act(obs))
    task.close()


@pytest.mark.slow
def test_a_specialist_is_never_slower_or_less_clean_than_its_parent(tmp_path: Path) -> None:
    """A learning rate of 1 ruins any driver: what is left must be the parent."""
    ruin = ["steps=600", "ppo.learning_rate=1", "ppo.value_warmup=0", "averaging=0"]
    sets = ["track=[copper_bowl]", "parent=rookie", "evaluate_every=1e-3"]
    outcome = train(racing(*STAGES["ppo"], *sets, *ruin), tmp_path / "m.zip", tmp_path / "run")
    assert "no better driver than rookie was found" in outcome.notes
    car, track = load_car(), load_track("copper_bowl")
    drivers = [load_policy(path) for path in ("rookie", tmp_path / "m.zip")]
    last = load_policy(max((tmp_path / "run" / "checkpoints").glob("*.zip")))
    entries = [Entry(str(k), d.act, car) for k, d in enumerate([*drivers, last])]
    parent, ours, ruined = (report.results[0] for report in evaluate(entries, [track]))
    assert parent.completed and ours.lap_time_s == parent.lap_time_s
    assert ours.off_track_s <= parent.off_track_s
    assert not ruined.completed or ruined.lap_time_s > parent.lap_time_s


def test_batches_and_replay_are_told_before_a_run_begins() -> None:
    sac = load(
        RacingSettings, RACING, shipped_page("base-sac"), None,
        ["sac.batch_size=1234", "sac.buffer_size=10000000"], (),
    )  # fmt: skip
    first, second = describe(sac).splitlines()
    assert first == "batches of 1,024 (imitation), 1,234 (sac)"
    replay = 10_000_000 * 190  # 2 * 22 + 2 + 1 floats, 2 truth values
    total = (PROGRAM + replay) / 1e9
    assert second == (
        f"it will take about {total:.1f} GB of memory, 1.9 GB of it for the replay of "
        "10,000,000 transitions"
    )
    told = describe(load(RacingSettings, RACING, shipped_page("base-ppo"), None, [], ()))
    assert told.startswith("batches of 1,024 (imitation), 8,192 (ppo), 512 (critics)")


def test_a_parent_whose_layers_no_run_trains_is_refused_in_one_line(tmp_path: Path) -> None:
    env = gymnasium.make("retroracer/RetroRacer-v0", track="copper_bowl")
    kwargs = {"net_arch": [8], "activation_fn": nn.Tanh}
    model = SAC("MlpPolicy", env, buffer_size=10, policy_kwargs=kwargs, device="cpu")
    save(model, tmp_path / "m.zip", Facts(LAYOUT, 0))
    with pytest.raises(UserError, match="has tanh layers and runs train relu ones"):
        make_racing(racing(f"parent={tmp_path}/m.zip"), Budget(None, None))
