"""The bench command measures, prints a table and writes its figures."""

from __future__ import annotations

import json
from functools import partial

import pytest

from benchmarks import bench_env
from benchmarks.stress import stress
from retroracer.cli import main
from retroracer.track.generate import random_tracks
from tests.shapes import oval, walled


@pytest.mark.slow
def test_a_contender_is_timed_per_environment_step():
    contender = bench_env.batch(64, bench_env.SmoothRandom(64), 640, "small")
    assert contender.repeat() > 10.0
    contender.ns += [100.0, 400.0, 200.0]
    report = contender.report()
    assert report["steps_per_s"] == round(1e9 / 200.0)
    assert report["spread"] == [2_500_000, 10_000_000]


def test_the_command_reports_every_contender_with_the_machine(tmp_path, monkeypatch, capsys):
    few = [bench_env.batch(8, bench_env.SmoothRandom(8), 80, "eight cars")]
    monkeypatch.setattr(bench_env, "contenders", lambda quick: few)
    memory = partial(bench_env.bytes_per_car, 64, 256, [oval()])
    monkeypatch.setattr(bench_env, "bytes_per_car", memory)
    path = tmp_path / "bench.json"
    assert main(["bench", "--quick", "--repeats", "2", "--json", str(path)]) == 0
    table = capsys.readouterr().out
    assert "eight cars" in table
    report = json.loads(path.read_text())
    assert report["results"][0]["name"] == "eight cars"
    assert report["results"][0]["ns_per_step"] > 10.0
    assert {"cpu", "cores", "python", "numpy", "numba", "gymnasium"} <= set(report["machine"])


def test_a_senseless_number_of_repeats_is_a_users_mistake(capsys):
    assert main(["bench", "--repeats", "0"]) == 2
    assert "--repeats" in capsys.readouterr().err


@pytest.mark.slow
def test_random_driving_finds_nothing_wrong():
    tracks = [*random_tracks(1, 6), oval(), walled()]
    verdict = stress(tracks, 240_000, seed=3)
    assert verdict["ok"], verdict
    assert verdict["episodes"] > 100


@pytest.mark.parametrize("column", ["X", "OFFSET"])
def test_the_stress_run_would_notice_a_broken_number(monkeypatch, column):
    from retroracer.envs.batch import RacingBatch
    from retroracer.physics import state

    step = RacingBatch.step

    def broken(self, actions, autoreset=True):
        out = step(self, actions, autoreset)
        self.race.floats[3, getattr(state, column)] = float("nan")
        return out

    monkeypatch.setattr(RacingBatch, "step", broken)
    verdict = stress([oval()], 3000, seed=3)
    assert not verdict["ok"]
    assert verdict["not_finite"] > 0
