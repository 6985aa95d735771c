"""A driver of CarRacing without torch: the same actions, the same episode, and no code run."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retroracer.agents.pixels.inference import load_pixel_driver
from retroracer.agents.tensor_file import read_tensors
from retroracer.errors import UserError
from retroracer.game.pixels.driving import PixelDriving

pytest.importorskip("Box2D")
torch = pytest.importorskip("torch")

from stable_baselines3.common.vec_env import DummyVecEnv  # noqa: E402

from retroracer.agents.facts import Facts  # noqa: E402
from retroracer.agents.pixels import checkpoint as pixel_checkpoint  # noqa: E402
from retroracer.agents.pixels.network import Network  # noqa: E402
from retroracer.agents.pixels.torch_inference import load_driver  # noqa: E402
from retroracer.carracing.env import FastCarRacing  # noqa: E402
from retroracer.carracing.pipeline import Pipeline, make  # noqa: E402

KINDS = {
    "PPO": (Network("atari", 32, "relu", (24,)), Pipeline(action_repeat=1, size=64)),
    "PPO apart": (
        Network("slim", 32, hidden=(), shared=False),
        Pipeline(actions="discrete", layout="last", unit_floats=True, action_repeat=3),
    ),
    "PPO stock": (Network("slim", 32), Pipeline(actions="stock", colour="rgb", stack=1)),
    "SAC": (Network("slim", 32), Pipeline(smooth_alpha=0.3, steer_deadzone=0.1, steer_clip=0.7)),
    "SAC stock": (Network("slim", 32), Pipeline(actions="stock")),
    "SAC+DrQ": (Network("drq", 24, "norm"), Pipeline(size=64, action_repeat=2)),
    "DQN": (Network("slim", 32), Pipeline(actions="discrete")),
}


def saved(kind: str, folder: Path) -> Path:
    """A driver that learned nothing, with weights lively enough to be told apart."""
    network, pipeline = KINDS[kind]
    algorithm = kind.split()[0]
    env = DummyVecEnv([lambda: make(pipeline)])
    torch.manual_seed(3)
    more: dict[str, Any] = {} if algorithm == "PPO" else {"buffer_size": 4}
    if pipeline.layout == "last":
        env = DummyVecEnv([lambda: make(Pipeline(**{**vars(pipeline), "layout": "first"}))])
    model = pixel_checkpoint.build(algorithm, env, network, device="cpu", **more)
    with torch.no_grad():
        for name, weight in model.policy.named_parameters():
            if name.startswith(("action_net", "actor.mu")):
                weight.mul_(60.0)
    path = folder / f"{algorithm.replace('+', '').lower()}.zip"
    pixel_checkpoint.save(model, path, pipeline, Facts(observation_layout="", steps=0))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_its_actions_are_torchs_and_its_episode_in_the_game_is_the_judged_one(
    kind: str, tmp_path: Path
) -> None:
    path = saved(kind, tmp_path)
    driver, judge = load_pixel_driver(path), load_driver(path)
    judged = make(driver.pipeline)
    obs, _ = judged.reset(seed=11)
    raw = FastCarRacing()
    first, _ = raw.reset(seed=11)
    wheel = PixelDriving(driver, raw, first)
    decisions, score = 6, 0.0
    for _ in range(decisions):
        action = driver.act(obs[None])[0]
        np.testing.assert_allclose(action, judge.act(obs[None])[0], atol=2e-5)
        shared = 0.0
        for _ in range(driver.pipeline.action_repeat):
            frame, reward, *_ = raw.step(wheel.inputs())
            wheel.note(frame)
            shared += float(reward)
        np.testing.assert_array_equal(wheel.seen, obs)
        obs, reward, *_ = judged.step(action)
        assert float(reward) == pytest.approx(shared, abs=1e-12)
        score += shared
    assert wheel.newest().shape == (driver.pipeline.size, driver.pipeline.size, 3)


def repacked(path: Path, weights: bytes) -> Path:
    """The same model with another file of weights."""
    out = path.with_name("other.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, weights if name == "policy.pth" else old.read(name))
    return out


@pytest.mark.slow
def test_a_file_that_wants_something_called_is_refused_and_nothing_is_called(
    tmp_path: Path,
) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "called",))

    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"w": Hostile()}, protocol=2))
    with pytest.raises(ValueError, match="it asks for"):
        read_tensors(raw.getvalue())
    assert not (tmp_path / "called").exists()
    path = repacked(saved("DQN", tmp_path), raw.getvalue())
    with pytest.raises(UserError, match="cannot be read"):
        load_pixel_driver(path)


def test_tensors_are_read_whatever_their_order_in_memory(tmp_path: Path) -> None:
    whole = torch.arange(2 * 3 * 4 * 5, dtype=torch.float32).reshape(2, 3, 4, 5)
    state = {
        "plain": whole,
        "last": whole.to(memory_format=torch.channels_last),
        "part": whole[1, :, 1:3],
        "turned": whole[0, 0].T,
        "one": torch.tensor(7),
        "none": torch.zeros(0, 3),
    }
    torch.save(state, tmp_path / "w.pth")
    found = read_tensors((tmp_path / "w.pth").read_bytes())
    for name, tensor in state.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())


@pytest.mark.parametrize("cut", [0, 10, 0.5, 0.95])
def test_a_damaged_file_is_one_clear_line(cut: float, tmp_path: Path) -> None:
    path = saved("DQN", tmp_path)
    with zipfile.ZipFile(path) as archive:
        raw = archive.read("policy.pth")
    broken = repacked(path, raw[: int(cut if cut > 1 else cut * len(raw))])
    with pytest.raises(UserError, match=r"other\.zip is damaged") as told:
        load_pixel_driver(broken)
    assert "\n" not in str(told.value)


def test_a_driver_of_another_task_is_refused(tmp_path: Path) -> None:
    path = saved("DQN", tmp_path)
    facts = Facts(observation_layout="road", steps=1)
    out = tmp_path / "road.zip"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            raw = facts.to_json().encode() if name == "retroracer.json" else old.read(name)
            new.writestr(name, raw)
    with pytest.raises(UserError, match="does not drive CarRacing"):
        load_pixel_driver(out)
