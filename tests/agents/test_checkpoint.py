from __future__ import annotations

import base64
import io
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC

from retroracer.agents.checkpoint import load_sac, read_facts, save
from retroracer.agents.facts import Facts
from retroracer.agents.policy import load_policy
from retroracer.errors import UserError

LAYOUT = "chase-22"
FACTS = Facts(LAYOUT, 0, seed=3, tracks=("random",), car={"name": "gt", "mass": 1300.0})


@pytest.fixture(scope="module")
def path(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "chase.zip"
    save(trained, path, FACTS)
    return path


def altered(path, to, **entries):
    """A copy of a zip with some entries replaced."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            new.writestr(name, entries.get(name, old.read(name)))
    return to


class Trap:
    """A pickle that creates a file when it is opened."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


def same_state(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


@pytest.mark.slow
def test_plain_sb3_opens_a_checkpoint_and_acts_the_same(trained, path, chase):
    obs = np.random.default_rng(0).normal(size=(50, 22)).astype(np.float32)
    expected = trained.predict(obs, deterministic=True)[0]
    stock = SAC.load(path, device="cpu", buffer_size=1)
    np.testing.assert_array_equal(stock.predict(obs, deterministic=True)[0], expected)
    SAC.load(path, env=chase, device="cpu").learn(20)


@pytest.mark.slow
def test_numpy_inference_matches_sb3_within_1e_5(trained, path):
    obs = np.random.default_rng(1).normal(size=(500, 22)).astype(np.float32) * 3
    expected = trained.predict(obs, deterministic=True)[0]
    np.testing.assert_allclose(load_policy(path, LAYOUT).act(obs), expected, atol=1e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [("tanh", torch.nn.Tanh), ("elu", torch.nn.ELU)])
def test_other_activations_match_sb3_too(name, kind, chase, tmp_path):
    model = SAC(
        "MlpPolicy", chase, policy_kwargs={"net_arch": [16], "activation_fn": kind}, buffer_size=1
    )
    assert save(model, tmp_path / "m.zip", FACTS).activation == name
    obs = np.random.default_rng(1).normal(size=(99, 22)).astype(np.float32) * 3
    ours = load_policy(tmp_path / "m.zip", LAYOUT).act(obs)
    np.testing.assert_allclose(ours, model.predict(obs, deterministic=True)[0], atol=1e-5)
    again = load_sac(tmp_path / "m.zip", chase, layout=LAYOUT, buffer_size=1)
    same_state(model.policy.state_dict(), again.policy.state_dict())


def test_facts_tell_what_was_trained(trained, path):
    facts = read_facts(path)
    assert (facts.steps, facts.updates) == (200, trained._n_updates)
    assert (facts.layers, facts.activation, facts.algorithm) == ((32, 24), "relu", "SAC")
    assert facts.settings["gamma"] == 0.97
    assert facts.settings["learning_rate"] == 1e-3
    assert facts.car == {"name": "gt", "mass": 1300.0}


def test_a_checkpoint_holds_nothing_of_its_authors_machine(trained, path):
    with zipfile.ZipFile(path) as archive:
        assert "system_info.txt" not in archive.namelist()
        data = json.loads(archive.read("data"))
    assert not {"tensorboard_log", "_last_obs", "replay_buffer", "env"} & data.keys()


@pytest.mark.slow
def test_load_sac_continues_with_weights_moments_temperature_and_counters(trained, path, chase):
    model = load_sac(path, chase, layout=LAYOUT, buffer_size=500, seed=1, device="cpu")
    same_state(model.policy.state_dict(), trained.policy.state_dict())
    for ours, theirs in (
        (model.actor.optimizer, trained.actor.optimizer),
        (model.critic.optimizer, trained.critic.optimizer),
        (model.ent_coef_optimizer, trained.ent_coef_optimizer),
    ):
        for a, b in zip(
            ours.state_dict()["state"].values(), theirs.state_dict()["state"].values(), strict=True
        ):
            same_state(a, b)
    assert torch.equal(model.log_ent_coef, trained.log_ent_coef)
    assert (model.num_timesteps, model._n_updates) == (200, trained._n_updates)
    assert model.gamma == 0.97
    model.learn(60, reset_num_timesteps=False)
    assert model.num_timesteps == 260


@pytest.mark.slow
def test_an_overriding_learning_rate_is_really_in_effect(path, chase):
    model = load_sac(
        path, chase, layout=LAYOUT, learning_rate=1e-5, learning_starts=0, buffer_size=500
    )
    model.learn(40, reset_num_timesteps=False)
    for optimizer in (model.actor.optimizer, model.critic.optimizer, model.ent_coef_optimizer):
        assert [g["lr"] for g in optimizer.param_groups] == [1e-5]


def test_a_fixed_entropy_coefficient_may_replace_a_learned_one(path, chase):
    model = load_sac(path, chase, layout=LAYOUT, ent_coef=0.01, buffer_size=500)
    assert model.ent_coef_optimizer is None
    model.learn(10, reset_num_timesteps=False)
    assert float(model.ent_coef_tensor) == pytest.approx(0.01)


def test_loading_a_strangers_model_does_not_run_its_code(path, chase, tmp_path):
    mark = tmp_path / "ran"
    pickled = base64.b64encode(pickle.dumps(Trap(mark))).decode()
    with zipfile.ZipFile(path) as archive:
        data = json.loads(archive.read("data"))
    data["trap"] = {":type:": "x", ":serialized:": pickled}
    hostile = altered(path, tmp_path / "hostile.zip", data=json.dumps(data))

    model = load_sac(hostile, chase, layout=LAYOUT, buffer_size=10)
    model.learn(5, reset_num_timesteps=False)
    load_policy(hostile, LAYOUT)
    assert not mark.exists()
    SAC.load(hostile, buffer_size=1)  # the trap is live: stock loading springs it
    assert mark.exists()


def test_a_pickle_in_place_of_tensors_is_refused_and_not_run(path, chase, tmp_path):
    mark = tmp_path / "ran"
    buffer = io.BytesIO()
    torch.save({"actor.mu.weight": Trap(mark)}, buffer)
    entries = {"policy.pth": buffer.getvalue()}
    hostile = altered(path, tmp_path / "hostile.zip", **entries)
    with pytest.raises(UserError, match=r"policy.pth does not hold plain tensors"):
        load_sac(hostile, chase, layout=LAYOUT)
    assert not mark.exists()


def stored(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_state_that_does_not_fit_is_a_users_error(trained, path, chase, tmp_path):
    weights = trained.policy.state_dict()
    moments = trained.actor.optimizer.state_dict()

    def refusal(**entries):
        with pytest.raises(UserError) as caught:
            load_sac(altered(path, tmp_path / "b.zip", **entries), chase, layout=LAYOUT)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    nan = {k: v * np.nan for k, v in weights.items()}
    fewer = {k: v for k, v in weights.items() if "mu" not in k}
    misfit = {**moments, "state": {0: {"exp_avg": torch.ones(3), "exp_avg_sq": torch.ones(3)}}}
    facts = json.loads(read_facts(path).to_json())
    facts["settings"]["gamma"] = 7
    assert "not finite" in refusal(**{"policy.pth": stored(nan)})
    assert "damaged" in refusal(**{"policy.pth": stored(fewer)})
    assert "damaged" in refusal(**{"policy.pth": stored([1])})
    assert "damaged" in refusal(**{"policy.pth": b"x" * 99})
    assert "do not fit" in refusal(**{"actor.optimizer.pth": stored(misfit)})
    assert "damaged" in refusal(**{"actor.optimizer.pth": stored({"state": 3})})
    assert "damaged" in refusal(**{"pytorch_variables.pth": stored([1])})
    assert "gamma: must be at most 1, got 7" in refusal(**{"retroracer.json": json.dumps(facts)})
    with pytest.raises(UserError, match="retrain"):
        load_sac(path, chase, layout="other")


def test_a_failed_save_leaves_the_previous_checkpoint_whole(trained, path, tmp_path):
    target = tmp_path / "m.zip"
    save(trained, target, FACTS)
    before = target.read_bytes()
    with pytest.raises(ValueError, match="plain data"):
        save(trained, target, Facts(LAYOUT, 0, notes={"a": object()}))
    assert target.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.zip"]


@pytest.mark.slow
def test_inference_loads_no_torch(path):
    code = (
        "import sys; from retroracer.agents.policy import load_policy;"
        f"load_policy({str(path)!r}, {LAYOUT!r});"
        "print(sorted({'torch', 'stable_baselines3', 'pygame', 'ray'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
