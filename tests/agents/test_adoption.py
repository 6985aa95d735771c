"""Zips of plain Stable-Baselines3, adopted without running anything from them."""

from __future__ import annotations

import base64
import io
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from torch import nn

from benchmarks.fuzzing import zips as fuzz
from retroracer.agents.adoption import adopt
from retroracer.agents.checkpoint import load_sac
from retroracer.agents.facts import from_json
from retroracer.agents.model_file import read_facts
from retroracer.agents.policy import load_policy
from retroracer.envs.task import LAYOUT
from retroracer.errors import UserError
from retroracer.physics.car import load_car
from retroracer.resources import models_dir

ROOT = Path(__file__).parents[2]
OBS = np.random.default_rng(0).uniform(-5, 5, (300, 22)).astype(np.float32)
OFF_POLICY: dict[str, Any] = {"buffer_size": 500, "learning_starts": 20, "batch_size": 16}

STOCK: dict[str, tuple[Any, dict[str, Any]]] = {
    "SAC": (SAC, OFF_POLICY),
    "TD3": (TD3, OFF_POLICY),
    "DDPG": (DDPG, OFF_POLICY),
    "PPO": (PPO, {"n_steps": 32, "batch_size": 16, "n_epochs": 1}),
    "A2C": (A2C, {}),
}
OTHERS: dict[str, dict[str, Any]] = {
    "three layers": {"net_arch": [40, 30, 20]},
    "one layer": {"net_arch": [24]},
    "another activation": {"net_arch": [24, 16], "activation_fn": nn.ELU},
}


def stock(name: str, path: Path, **kwargs: Any) -> Any:
    """A model of plain SB3 that has trained for a moment, saved."""
    kind, arguments = STOCK[name]
    env = gymnasium.make("retroracer/RetroRacer-v0", track="copper_bowl")
    model = kind("MlpPolicy", env, device="cpu", seed=1, policy_kwargs=kwargs, **arguments)
    model.learn(48)
    model.save(path)
    return model


def without_ours(path: Path, to: Path, **entries: bytes | None) -> Path:
    """A copy without our entries, as plain SB3 saves; ``entries`` replace, add or leave out."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        parts = {n: old.read(n) for n in old.namelist()}
        parts = {n: d for n, d in parts.items() if n not in ("retroracer.json", "actor.npz")}
        for name, data in (parts | entries).items():
            if data is not None:
                new.writestr(name, data)
    return to


def taken(path: Path, **kwargs: Any) -> Any:
    """What an adopted zip drives like."""
    out = path.with_name(f"{path.stem}-adopted.zip")
    adopt(path, out, load_car(), **kwargs)
    return load_policy(out)


def refusal(path: Path, **kwargs: Any) -> str:
    """The line an adoption is refused with; nothing may be written."""
    out = path.with_name("refused.zip")
    with pytest.raises(UserError) as caught:
        adopt(path, out, load_car(), **kwargs)
    assert not out.exists()
    line = str(caught.value)
    assert "\n" not in line and len(line) < 600
    return line


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SAC saved by plain SB3."""
    path = tmp_path_factory.mktemp("plain") / "sac.zip"
    stock("SAC", path, net_arch=[32, 24])
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", STOCK)
def test_an_adopted_driver_acts_as_sb3_predicts(name: str, tmp_path: Path) -> None:
    model = stock(name, tmp_path / "m.zip")
    policy = taken(tmp_path / "m.zip")
    expected = model.predict(OBS, deterministic=True)[0]
    np.testing.assert_allclose(policy.act(OBS), expected, atol=2e-6, rtol=0)
    assert (policy.facts.algorithm, policy.facts.steps) == (name, model.num_timesteps)
    assert policy.facts.observation_layout == LAYOUT
    again = STOCK[name][0].load(tmp_path / "m-adopted.zip", device="cpu")
    np.testing.assert_array_equal(again.predict(OBS, deterministic=True)[0], expected)


@pytest.mark.slow
@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("name", ["SAC", "PPO", "TD3"])
def test_widths_and_activations_are_found_without_unpickling(
    name: str, kind: str, tmp_path: Path
) -> None:
    model = stock(name, tmp_path / "m.zip", **OTHERS[kind])
    policy = taken(tmp_path / "m.zip")
    assert policy.facts.layers == tuple(OTHERS[kind]["net_arch"])
    expected = model.predict(OBS, deterministic=True)[0]
    np.testing.assert_allclose(policy.act(OBS), expected, atol=2e-6, rtol=0)


@pytest.mark.slow
def test_a_mean_beyond_the_pedal_is_clipped_for_ppo_and_squashed_for_td3(tmp_path: Path) -> None:
    for name, found in (("PPO", 1.0), ("TD3", np.tanh(3.0))):
        model = stock(name, tmp_path / f"{name}.zip")
        last = model.policy.action_net if name == "PPO" else model.actor.mu[-2]
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, 3.0)
        model.save(tmp_path / f"{name}.zip")
        np.testing.assert_allclose(taken(tmp_path / f"{name}.zip").act(OBS), found, atol=1e-6)


@pytest.mark.slow
def test_only_a_clipped_driver_needs_the_newer_format(plain: Path, tmp_path: Path) -> None:
    stock("PPO", tmp_path / "ppo.zip")
    assert taken(tmp_path / "ppo.zip").facts.format == 2
    assert taken(plain).facts.format == 1


@pytest.mark.slow
def test_what_the_zip_tells_of_activations_can_be_overruled(tmp_path: Path) -> None:
    model = stock("PPO", tmp_path / "m.zip")
    assert taken(tmp_path / "m.zip").facts.activation == "tanh"
    other = taken(tmp_path / "m.zip", activation="relu")
    assert np.abs(other.act(OBS) - model.predict(OBS, deterministic=True)[0]).max() > 1e-3


@pytest.mark.slow
def test_tqc_is_told_by_its_quantiles(plain: Path, tmp_path: Path) -> None:
    """What sb3-contrib saves: SAC's actor beside critics with 25 outputs each."""
    model = SAC.load(plain, device="cpu")
    weights = model.policy.state_dict()
    for name in list(weights):
        if ".4." in name:
            weights[name] = weights[name].repeat_interleave(25, 0)
    policy = taken(without_ours(plain, tmp_path / "tqc.zip", **{"policy.pth": stored(weights)}))
    assert policy.facts.algorithm == "TQC"
    expected = model.predict(OBS, deterministic=True)[0]
    np.testing.assert_allclose(policy.act(OBS), expected, atol=2e-6, rtol=0)


def stored(value: Any) -> bytes:
    raw = io.BytesIO()
    torch.save(value, raw)
    return raw.getvalue()


@pytest.mark.slow
def test_a_shipped_driver_that_plain_sb3_went_on_with_comes_back(tmp_path: Path) -> None:
    env = gymnasium.make("retroracer/RetroRacer-v0", track="copper_bowl")
    model = SAC.load(models_dir() / "base.zip", env=env, device="cpu", gradient_steps=1)
    model.learn(8)
    model.save(tmp_path / "mine.zip")
    with zipfile.ZipFile(tmp_path / "mine.zip") as archive:
        assert not {"retroracer.json", "actor.npz"} & set(archive.namelist())
    policy = taken(tmp_path / "mine.zip")
    expected = model.predict(OBS, deterministic=True)[0]
    # Its weights are large: sums of a hundred, rounded in another order than torch's.
    np.testing.assert_allclose(policy.act(OBS), expected, atol=3e-5, rtol=0)


def test_an_adopted_sac_goes_on_learning_from_its_own_state(plain: Path, tmp_path: Path) -> None:
    taken(plain)
    out = plain.with_name("sac-adopted.zip")
    env = gymnasium.make("retroracer/RetroRacer-v0", track="copper_bowl")
    theirs, ours = SAC.load(plain, device="cpu"), load_sac(out, env, buffer_size=10)
    assert ours.num_timesteps == theirs.num_timesteps
    for name, value in theirs.policy.state_dict().items():
        assert torch.equal(value, ours.policy.state_dict()[name]), name
    moments = zip(
        ours.critic.optimizer.state_dict()["state"].values(),
        theirs.critic.optimizer.state_dict()["state"].values(),
        strict=True,
    )
    assert all(torch.equal(a["exp_avg_sq"], b["exp_avg_sq"]) for a, b in moments)
    assert torch.equal(ours.log_ent_coef, theirs.log_ent_coef)


def test_the_entries_kept_are_the_same_to_the_byte_and_others_are_left_out(
    plain: Path, tmp_path: Path
) -> None:
    odd = {"../up.pth": b"1", "x.py": b"2", "system_info.txt": b"mine"}
    taken(without_ours(plain, tmp_path / "odd.zip", **odd))
    with (
        zipfile.ZipFile(plain) as old,
        zipfile.ZipFile(tmp_path / "odd-adopted.zip") as new,
    ):
        kept = set(new.namelist())
        for name in kept - {"retroracer.json", "actor.npz"}:
            assert new.read(name) == old.read(name)
    assert not set(odd) & kept
    assert {"data", "policy.pth", "critic.optimizer.pth", "pytorch_variables.pth"} <= kept


class Pictures(gymnasium.Env[Any, Any]):
    """Any env of given spaces; never stepped."""

    def __init__(self, seen: Any, actions: Any) -> None:
        self.observation_space, self.action_space = seen, actions


def box(*shape: int, low: float = -1.0, high: float = 1.0, kind: Any = np.float32) -> Any:
    return gymnasium.spaces.Box(low, high, shape, kind)


@pytest.mark.parametrize(
    ("kind", "policy", "env", "told"),
    [
        (SAC, "MlpPolicy", Pictures(box(24), box(2)), "turns 24 observations into 2 actions; "),
        (PPO, "MlpPolicy", Pictures(box(22), box(3)), "into 3 actions; a driver turns 22 "),
        (TD3, "MlpPolicy", Pictures(box(22), box(2, high=5.0)), "actions whose high is [5. 5.]"),
        (PPO, "MlpPolicy", Pictures(box(22), gymnasium.spaces.Discrete(4)), "are discrete"),
        (DQN, "MlpPolicy", Pictures(box(22), gymnasium.spaces.Discrete(4)), "it is a DQN"),
        (
            PPO, "CnnPolicy",
            Pictures(box(36, 36, 3, low=0, high=255, kind=np.uint8), box(2)), "it is a CnnPolicy",
        ),
    ],
)  # fmt: skip
def test_other_spaces_and_policies_are_told_as_what_they_are(
    kind: Any, policy: str, env: Any, told: str, tmp_path: Path
) -> None:
    small = {} if kind in (PPO, A2C) else {"buffer_size": 10}
    kind(policy, env, device="cpu", **small).save(tmp_path / "m.zip")
    assert told in refusal(tmp_path / "m.zip")


@pytest.mark.parametrize("kind", [SAC, PPO])
def test_gsde_is_refused(kind: Any, tmp_path: Path) -> None:
    kind("MlpPolicy", Pictures(box(22), box(2)), use_sde=True, device="cpu").save(
        tmp_path / "m.zip"
    )
    assert "gSDE" in refusal(tmp_path / "m.zip")


@pytest.mark.slow
def test_an_activation_a_driver_cannot_have_is_named(tmp_path: Path) -> None:
    stock("SAC", tmp_path / "m.zip", activation_fn=nn.SiLU, net_arch=[8])
    assert "layers with SiLU; a driver's have relu, tanh, elu" in refusal(tmp_path / "m.zip")


def test_a_layer_norm_is_no_plain_mlp(plain: Path, tmp_path: Path) -> None:
    weights = SAC.load(plain, device="cpu").policy.state_dict()
    weights["actor.latent_pi.1.weight"] = torch.ones(32)
    weights["actor.latent_pi.1.bias"] = torch.zeros(256)
    path = without_ours(plain, tmp_path / "n.zip", **{"policy.pth": stored(weights)})
    assert "its actor is not a plain MLP (actor.latent_pi.1" in refusal(path)


def test_another_layout_is_believed_and_refused_where_it_drives(plain: Path) -> None:
    with pytest.raises(UserError, match="reads observations 'road-9'"):
        taken(plain, layout="road-9")


def test_a_model_of_ours_has_nothing_to_adopt(tmp_path: Path) -> None:
    path = tmp_path / "base.zip"
    path.write_bytes((models_dir() / "base.zip").read_bytes())
    assert "is a model of RetroRacer already" in refusal(path)


def test_what_is_no_such_zip_is_told(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("hello")
    assert "is not a zip of Stable-Baselines3" in refusal(tmp_path / "text.zip")
    assert "there is no file" in refusal(tmp_path / "missing.zip")
    assert "it has no data" in refusal(without_ours(plain, tmp_path / "a.zip", data=None))
    path = without_ours(plain, tmp_path / "b.zip", **{"policy.pth": None})
    assert "it has no policy.pth" in refusal(path)


class Trap:
    """A pickle that creates a file when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


def test_nothing_from_the_zip_is_run(plain: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    pickled = base64.b64encode(pickle.dumps(Trap(mark))).decode()
    with zipfile.ZipFile(plain) as archive:
        data = json.loads(archive.read("data"))
    for name in ("policy_class", "observation_space", "action_space", "policy_kwargs", "trap"):
        data[name] = {":type:": "x", ":serialized:": pickled}
    path = without_ours(plain, tmp_path / "trap.zip", data=json.dumps(data).encode())
    taken(path).act(OBS)
    assert not mark.exists()
    for entry in ("policy.pth", "critic.optimizer.pth"):
        hostile = {entry: stored({"actor.mu.weight": Trap(mark)})}
        path = without_ours(plain, tmp_path / "pickle.zip", **hostile)
        assert f"{entry} does not hold plain tensors" in refusal(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b'{"num_timesteps": 1e999'],
)
def test_data_that_is_no_record_is_refused(data: bytes, plain: Path, tmp_path: Path) -> None:
    path = without_ours(plain, tmp_path / "m.zip", data=data)
    assert "cannot be adopted: its data is" in refusal(path)


@pytest.mark.slow
def test_figures_beyond_reason_are_not_believed(plain: Path, tmp_path: Path) -> None:
    for value in fuzz.HOSTILE:
        fields = ("num_timesteps", "_n_updates", "seed", "gamma", "learning_rate", "n_steps")
        raw = json.dumps(dict.fromkeys((*fields, "ent_coef", "observation_space"), value))
        path = without_ours(plain, tmp_path / "m.zip", data=raw.encode("utf-8", "replace"))
        facts = taken(path).facts
        assert 0 <= facts.steps < 2**53 and facts.settings.get("gamma", 1.0) <= 1.0
        assert from_json(facts.to_json().encode(), "x") == facts


def test_weights_that_are_not_finite_or_overflow_are_refused(plain: Path, tmp_path: Path) -> None:
    for value, told in ((np.nan, "is not finite"), (1e38, "overflow")):
        weights = SAC.load(plain, device="cpu").policy.state_dict()
        weights["actor.mu.weight"] = torch.full_like(weights["actor.mu.weight"], value)
        path = without_ours(plain, tmp_path / "m.zip", **{"policy.pth": stored(weights)})
        assert told in refusal(path)


# Adopts every zip of a folder in one process that may not take more than so many bytes.
ADOPT = """
import resource, sys, time, warnings
from pathlib import Path
import numpy as np
from retroracer.agents.adoption import adopt
from retroracer.agents.policy import load_policy
from retroracer.errors import UserError
from retroracer.physics.car import load_car

warnings.simplefilter("error")
resource.setrlimit(resource.RLIMIT_AS, (3 * 10**9, 3 * 10**9))
taken = 0
for path in sorted(Path(sys.argv[1]).glob("*.zip")):
    begun = time.monotonic()
    out = path.with_suffix(".out")
    try:
        adopt(path, out, load_car())
        assert np.isfinite(load_policy(out).act(np.ones((3, 22), np.float32))).all()
        taken += 1
    except UserError as error:
        told = str(error)
        assert "\\x1b" not in told and "\\n" not in told and len(told) < 900, told[:300]
    except BaseException as error:
        raise AssertionError(f"{path.name}: {error!r:.200}") from error
    assert time.monotonic() - begun < 5.0, path
print(taken, sorted({"torch", "stable_baselines3"} & set(sys.modules)))
"""


@pytest.mark.slow
def test_no_mutated_zip_is_believed_or_takes_long(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    count = 0
    for _, path in fuzz.mutants(11, 120, tmp_path / "raw"):
        try:
            without_ours(path, tmp_path / path.name)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
            (tmp_path / path.name).write_bytes(path.read_bytes())
        count += 1
    done = subprocess.run(
        [sys.executable, "-c", ADOPT, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]
    taken_count, loaded = done.stdout.split(maxsplit=1)
    assert 0 < int(taken_count) < count
    assert loaded.strip() == "[]", "adoption needs neither torch nor Stable-Baselines3"


def test_facts_say_where_a_driver_came_from(plain: Path) -> None:
    facts = taken(plain).facts
    assert facts.notes["adopted_from"] == "sac.zip"
    assert facts.notes["saved_by"].startswith("Stable-Baselines3 2.")
    assert facts.settings["gamma"] == 0.99 and facts.car["name"] == "gt"
    assert read_facts(plain.with_name("sac-adopted.zip")) == facts
