"""The pixel benchmark measures, and puts every figure beside the stock env's."""

from __future__ import annotations

import json

import gymnasium
import numpy as np
import pytest

from benchmarks import bench_carracing
from retroracer.carracing import ENV_ID
from retroracer.carracing.vector import CarRacingVectorEnv
from retroracer.cli import main


@pytest.mark.slow
def test_the_command_reports_each_contender_in_times_of_the_first(tmp_path, monkeypatch, capsys):
    envs = CarRacingVectorEnv(2, workers=0)
    single = gymnasium.make(ENV_ID, disable_env_checker=True)
    few = [
        bench_carracing.driven("single", single, 8, [np.zeros(3, np.float32)] * 3),
        bench_carracing.scripted("two", envs, 16),
    ]
    monkeypatch.setattr(bench_carracing, "contenders", lambda quick: few)
    path = tmp_path / "bench.json"
    assert main(["bench", "--pixels", "--quick", "--repeats", "2", "--json", str(path)]) == 0
    assert "single" in capsys.readouterr().out
    results = json.loads(path.read_text())["results"]
    assert [row["clock"] for row in results] == ["processor", "wall"]
    assert results[0]["times_stock"] == 1.0
    ratio = results[1]["steps_per_s"] / results[0]["steps_per_s"]
    assert results[1]["times_stock"] == pytest.approx(ratio, abs=0.06)


def test_the_recorded_lap_is_driven_on_the_road():
    env = gymnasium.make(ENV_ID, render=False, disable_env_checker=True, max_episode_steps=400)
    actions = bench_carracing.recorded(env)
    assert len(actions) == 400
    assert env.unwrapped.reward > 150.0
    twice = bench_carracing.driven("twice", env, 10, actions[:5])
    twice.repeat()
    assert env.unwrapped.t < 0.1  # begun anew after every fifth action
