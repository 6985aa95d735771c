"""The pixel benchmark measures, and puts every figure beside the stock env's."""

from __future__ import annotations

import json
import time

import gymnasium
import pytest

from benchmarks import bench_carracing
from retroracer.carracing import ENV_ID
from retroracer.carracing.vector import CarRacingVectorEnv
from retroracer.cli import main


def test_the_command_reports_each_contender_in_times_of_the_first(tmp_path, monkeypatch, capsys):
    envs = CarRacingVectorEnv(2, workers=0)
    few = [
        bench_carracing.driven("single", gymnasium.make(ENV_ID, disable_env_checker=True), 8),
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


def test_only_the_envs_own_time_counts():
    env = gymnasium.make(ENV_ID, disable_env_checker=True)
    contender = bench_carracing.driven("single", env, 4)
    chase = contender.act

    def slow(seen):
        begun = time.process_time()
        while time.process_time() - begun < 0.05:
            pass
        return chase(seen)

    contender.act = slow
    assert contender.repeat() < 0.04e9
