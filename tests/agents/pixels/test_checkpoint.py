"""Zips of drivers of CarRacing: round trips, and one line for every kind of wrong file."""

import base64
import io
import json
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3 import DQN, PPO, SAC

from retroracer.agents.facts import Facts
from retroracer.agents.model_file import read_facts
from retroracer.agents.pixels.checkpoint import KINDS, build, save
from retroracer.agents.pixels.inference import load_pixel_driver
from retroracer.agents.pixels.network import Network
from retroracer.agents.pixels.records import ALGORITHMS, LAYOUT, read_records
from retroracer.agents.pixels.torch_inference import load_driver
from retroracer.agents.policy import load_policy
from retroracer.carracing.pipeline import Pipeline
from retroracer.carracing.vector import CarRacingVectorEnv
from retroracer.cli import main
from retroracer.errors import UserError
from retroracer.training.learners.pixels.vec_env import PixelVecEnv

NETWORK = Network(convs="slim", features=16, trunk="norm", hidden=(12,), shared=False)
STOCK = {"SAC": SAC, "SAC+DrQ": SAC, "PPO": PPO, "DQN": DQN}


def pipeline_of(algorithm: str) -> Pipeline:
    return Pipeline(actions="discrete" if algorithm == "DQN" else "steer-accel", stack=2)


@pytest.fixture(scope="module", params=list(KINDS))
def trip(request, tmp_path_factory):
    """(algorithm, model, its zip, pictures)."""
    algorithm = request.param
    pipeline = pipeline_of(algorithm)
    envs = PixelVecEnv(CarRacingVectorEnv(1, workers=0, pipeline=pipeline))
    extra = {} if algorithm == "PPO" else {"buffer_size": 1}
    model = build(algorithm, envs, NETWORK, seed=1, device="cpu", **extra)
    model.num_timesteps = 77
    path = tmp_path_factory.mktemp("zips") / f"{algorithm}.zip"
    save(model, path, pipeline, Facts("", 0, seed=1))
    envs.close()
    obs = np.random.default_rng(0).integers(0, 256, (5, 2, 84, 84), np.uint8)
    return algorithm, model, path, obs


def altered(path: Path, to: Path, drop: tuple[str, ...] = (), **entries: bytes) -> Path:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            if name not in drop:
                new.writestr(name, entries.get(name.replace(".", "_"), old.read(name)))
    return to


def with_facts(path: Path, to: Path, **changes) -> Path:
    with zipfile.ZipFile(path) as archive:
        facts = json.loads(archive.read("retroracer.json"))
    for name, value in changes.items():
        facts[name] = facts[name] | value if isinstance(value, dict) else value
    return altered(path, to, retroracer_json=json.dumps(facts).encode())


def test_a_driver_comes_back_as_it_was_with_its_wrappers(trip) -> None:
    algorithm, model, path, obs = trip
    driver = load_driver(path)
    np.testing.assert_array_equal(driver.act(obs), model.predict(obs, deterministic=True)[0])
    records = read_records(path)
    assert records.pipeline == pipeline_of(algorithm) and records.network.features == 16
    assert records.facts.algorithm == algorithm and records.facts.steps == 77
    assert records.facts.observation_layout == LAYOUT


def test_its_plain_actor_is_enough_and_older_zips_without_one_drive_the_same(
    trip, tmp_path
) -> None:
    _, model, path, obs = trip
    assert set(KINDS) == set(ALGORITHMS)
    wanted = model.predict(obs, deterministic=True)[0]
    for drop in (("actor.npz",), ("policy.pth", "data")):
        driver = load_driver(altered(path, tmp_path / f"{drop[0]}.zip", drop))
        np.testing.assert_array_equal(driver.act(obs), wanted)
        alone = load_pixel_driver(tmp_path / f"{drop[0]}.zip").act(obs)
        np.testing.assert_allclose(alone, wanted, atol=2e-5)


def test_a_plain_actor_unlike_the_weights_beside_it_is_refused(trip, tmp_path) -> None:
    path = trip[2]
    with zipfile.ZipFile(path) as archive:
        layers = dict(np.load(io.BytesIO(archive.read("actor.npz"))))
    for name, other in (("weight0", layers["weight0"] + 1.0), ("bias2", layers["bias2"] - 1e-3)):
        page = io.BytesIO()
        np.savez(page, **(layers | {name: other}))
        two = altered(path, tmp_path / "two.zip", actor_npz=page.getvalue())
        with pytest.raises(UserError, match="two different drivers"):
            load_driver(two)


def test_plain_sb3_opens_it(trip) -> None:
    algorithm, model, path, obs = trip
    stock = STOCK[algorithm].load(path, device="cpu")
    theirs, ours = (m.predict(obs, deterministic=True)[0] for m in (stock, model))
    np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_nothing_in_it_is_unpickled(trip, tmp_path) -> None:
    _, model, path, obs = trip

    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    data = {"policy_class": {":serialized:": base64.b64encode(pickle.dumps(Trap())).decode()}}
    trap = altered(path, tmp_path / "trap.zip", data=json.dumps(data).encode())
    np.testing.assert_array_equal(
        load_driver(trap).act(obs), model.predict(obs, deterministic=True)[0]
    )
    armed = altered(path, tmp_path / "armed.zip", policy_pth=pickle.dumps(Trap()))
    with pytest.raises(UserError, match="damaged"):
        load_driver(armed)
    assert not (tmp_path / "sprung").exists()


def test_pictures_with_their_channels_last_go_in_too(trip, tmp_path) -> None:
    _, model, path, obs = trip
    last = with_facts(path, tmp_path / "last.zip", pipeline={"layout": "last"})
    np.testing.assert_array_equal(
        load_driver(last).act(np.moveaxis(obs, 1, -1)), model.predict(obs, deterministic=True)[0]
    )


def test_every_wrong_file_is_refused_in_one_line(trip, tmp_path, capsys, monkeypatch) -> None:
    # Said where the simulator was never compiled, whatever the file.
    monkeypatch.setattr("retroracer.cli._announce_compiling", lambda: None)
    algorithm, _, path, _ = trip
    other = {"pipeline": {"stack": 3}}
    actions = {"pipeline": {"actions": "steer-accel" if algorithm == "DQN" else "discrete"}}
    whole = path.read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("policy.pth").header_offset + 900
    (tmp_path / "bent.zip").write_bytes(whole[:at] + b"\x55" * 60 + whole[at + 60 :])
    cases = {
        "cut.zip": "not a zip|damaged",
        "bent.zip": "damaged",
        with_facts(path, tmp_path / "stack.zip", **other).name: "do not fit its wrappers",
        with_facts(path, tmp_path / "algo.zip", algorithm="TD3").name: "holds 'TD3'",
        with_facts(path, tmp_path / "net.zip", network={"features": 9}).name: "do not fit",
        with_facts(path, tmp_path / "odd.zip", pipeline={"size": 9000}).name: "pipeline",
        with_facts(path, tmp_path / "env.zip", observation_layout="carracing-pixels-9").name: (
            "carracing-pixels-9"
        ),
        altered(path, tmp_path / "none.zip", ("policy.pth", "actor.npz")).name: "no actor.npz",
        altered(path, tmp_path / "bare.zip", ("retroracer.json",)).name: "not saved by",
    }
    if algorithm != "PPO":
        cases[with_facts(path, tmp_path / "act.zip", **actions).name] = "cannot take"
    for name, message in cases.items():
        code = main(["evaluate", str(tmp_path / name), "--episodes", "0"])
        told = capsys.readouterr().err.strip()
        assert code == 2, name
        assert re.search(message, told) and "\n" not in told, f"{name}: {told}"


def test_a_driver_of_circuits_and_one_of_carracing_are_not_mixed_up(trip, tmp_path, capsys) -> None:
    _, _, path, _ = trip
    with pytest.raises(UserError, match="carracing-pixels-1"):
        load_policy(path)
    with pytest.raises(UserError, match=r"base\.zip does not drive CarRacing"):
        load_driver("base")
    for command, message in (
        (["evaluate", str(path), "--tracks", "monza"], "--tracks does not go with"),
        (["evaluate", str(path), "base"], "evaluate them apart"),
        (["evaluate", "base", "--episodes", "3"], "--episodes does not go with base"),
    ):
        assert main(command) == 2
        assert message in capsys.readouterr().err


def test_facts_of_older_models_have_no_wrappers() -> None:
    assert read_facts("base").pipeline == {} and read_facts("base").network == {}
