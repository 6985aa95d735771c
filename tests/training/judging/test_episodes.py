"""Judging drivers of CarRacing: raw returns, the same however the work is shared; films."""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retroracer.agents.facts import Facts
from retroracer.agents.pixels.checkpoint import build, save
from retroracer.agents.pixels.network import Network
from retroracer.agents.pixels.torch_inference import load_driver
from retroracer.carracing import ENV_ID
from retroracer.carracing.pipeline import STOCK_ID, Pipeline, make, recording
from retroracer.carracing.vector import CarRacingVectorEnv
from retroracer.cli import main
from retroracer.errors import UserError
from retroracer.render.film import write_film
from retroracer.training.judging.episodes import Episode, drive, summary
from retroracer.training.learners.pixels.vec_env import PixelVecEnv
from retroracer.training.pictures.curve import draw_curve
from retroracer.training.run.folder import RunFolder

# Nobody need see anything here: frames of 64 pixels, actions for 32 frames.
BLIND = Pipeline(size=64, action_repeat=32, stack=1)


def flat_out(obs):
    """Full throttle and a little to the left: off the field before long."""
    return np.tile(np.float32([0.02, 1.0]), (len(obs), 1))


@pytest.fixture(scope="module")
def stock() -> list[Episode]:
    """The episode of seed 5 in the stock env, which takes ten seconds."""
    return drive(flat_out, BLIND, [5], STOCK_ID)


@pytest.mark.slow
def test_an_episode_is_gymnasiums_own_return_of_that_seed(stock: list[Episode]) -> None:
    (found,) = stock
    env = make(BLIND, env_id=STOCK_ID)
    env.reset(seed=5)
    total, over = 0.0, False
    while not over:
        _, reward, terminated, truncated, _ = env.step(np.float32([0.02, 1.0]))
        total, over = total + reward, terminated or truncated
    assert found.reward == pytest.approx(total, abs=1e-4)
    assert found.seed == 5 and not found.finished and found.speed > 5.0


@pytest.mark.slow
def test_stock_and_fast_give_the_same_return_and_length_and_training_wrappers_do_not_count(
    stock: list[Episode],
) -> None:
    shaped = dataclasses.replace(BLIND, reward_scale=0.1, early_stop=3, early_stop_penalty=50.0)
    fast = drive(flat_out, BLIND, [5, 6], ENV_ID)
    assert fast[:1] == stock
    assert drive(flat_out, shaped, [5, 6], ENV_ID) == fast
    assert drive(flat_out, BLIND, [5, 6], ENV_ID, width=2) == fast


@pytest.mark.slow
def test_frames_are_counted_one_by_one() -> None:
    still = drive(lambda obs: np.zeros((len(obs), 2), np.float32), BLIND, [3], ENV_ID)[0]
    assert still.frames == 1000
    short = drive(lambda obs: np.zeros((len(obs), 2), np.float32), BLIND, [3], ENV_ID, 1, 40)[0]
    assert short.frames == 40 and not short.finished


def test_the_summary_is_that_of_the_rewards() -> None:
    rewards = [100.0, 200.0, 900.0, 930.0]
    page = summary([Episode(i, r, 1000, r > 500, 20.0) for i, r in enumerate(rewards)])
    assert page["mean"] == pytest.approx(532.5) and page["min"] == 100.0
    assert page["std"] == pytest.approx(np.std(rewards)) and page["finished"] == 2
    assert page["p10"] == pytest.approx(np.percentile(rewards, 10))


@pytest.fixture(scope="module")
def driver(tmp_path_factory) -> Path:
    envs = PixelVecEnv(CarRacingVectorEnv(1, workers=0, pipeline=BLIND))
    model = build("PPO", envs, Network(convs="slim", features=4, hidden=(4,)), seed=2, device="cpu")
    path = tmp_path_factory.mktemp("drivers") / "blind.zip"
    save(model, path, BLIND, Facts("", 0))
    envs.close()
    return path


@pytest.mark.slow
def test_the_command_shares_the_work_and_tells_the_same(driver, tmp_path, capsys) -> None:
    page, short = tmp_path / "page.json", ["--max-frames", "200"]
    command = ["evaluate", str(driver), "--env", "fast", "--episodes", "3", "--seed", "40"]
    assert (
        main([*command, "--processes", "2", "--json", str(page), "--steer-clip", "0.5", *short])
        == 0
    )
    told = json.loads(page.read_text())
    assert (
        told["max_frames"] == 200
        and told["env"] == ENV_ID
        and told["pipeline"]["steer_clip"] == 0.5
    )
    calm = dataclasses.replace(BLIND, steer_clip=0.5)
    own = drive(load_driver(driver).act, calm, [40, 41, 42], ENV_ID, max_frames=200)
    assert told["episodes"] == [dataclasses.asdict(e) for e in own]
    assert {"mean", "std", "min", "p10", "finished", "speed"} <= told["summary"].keys()
    assert "blind" in capsys.readouterr().out


@pytest.mark.slow
def test_options_without_sense_are_refused(driver, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    for options, message in (
        (["--episodes", "-1"], "--episodes: '-1' is not"),
        (["--processes", "0"], "--processes: '0' is not"),
        (["--max-frames", "1001"], "from 1 to 1000"),
        (["--smooth-alpha", "3", "--episodes", "1"], "smooth-alpha"),
        (["--mp4", str(tmp_path / "x.mp4")], "pip install av"),
        (["--episodes", "0", "--plot", "x.png", "--run", str(tmp_path)], "evaluations.json"),
        (["--grip", "0.8"], "--grip does not go with"),
    ):
        assert main(["evaluate", str(driver), *options]) == 2, options
        assert message in capsys.readouterr().err, options


@pytest.mark.slow
def test_a_camera_sees_frames_between_the_actions(tmp_path) -> None:
    env, pictures = recording(dataclasses.replace(BLIND, action_repeat=8), every=2)
    env.reset(seed=1)
    for _ in range(2):
        env.step(np.float32([0.0, 1.0]))
    env.close()
    assert len(pictures) == 8 and pictures[0].shape == (400, 600, 3)
    assert any(not np.array_equal(pictures[0], p) for p in pictures[1:])
    write_film(tmp_path / "x.gif", pictures, 25)
    with Image.open(tmp_path / "x.gif") as film:
        assert film.n_frames > 1


def test_mp4_without_pyav_is_refused_in_one_line(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match="pip install av"):
        write_film(tmp_path / "x.mp4", [np.zeros((400, 600, 3), np.uint8)], 25)


def test_a_curve_of_nothing_is_refused(tmp_path) -> None:
    for raw in ("[", "[]", '[{"score": 1}]', "{}"):
        (tmp_path / "evaluations.json").write_text(raw)
        with pytest.raises(UserError, match=r"evaluations\.json"):
            draw_curve(RunFolder(tmp_path), tmp_path / "curve.png")
