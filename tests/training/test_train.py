"""Runs from settings to a model on disk: end to end, tiny."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3 import SAC

from retroracer import config
from retroracer.agents.model_file import read_facts
from retroracer.agents.policy import load_policy
from retroracer.envs import task
from retroracer.errors import UserError
from retroracer.track.generate import random_tracks
from retroracer.training.evaluate import Report, Result
from retroracer.training.run_settings import FINE_TUNING, RunSettings
from retroracer.training.sac_settings import SacSettings
from retroracer.training.train import EVALUATION_SEED, score, train

ROOT = Path(__file__).parents[2]

TINY = RunSettings(
    minutes=None,
    steps=600,
    cars=8,
    hidden=(32, 32),
    memory=5000,
    warm_up=200,
    evaluate_every=1e9,
    evaluate_on=2,
    sac=SacSettings(batch_size=32, gradient_steps=2),
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "base.zip"
    outcome = train(TINY, path)
    assert outcome.path == path and outcome.report is not None and not outcome.interrupted
    return path


def test_a_run_leaves_a_model_that_plain_sac_opens_and_play_can_use(base: Path) -> None:
    model = SAC.load(base)
    obs = np.random.default_rng(0).uniform(-1, 1, (5, task.N_OBS)).astype(np.float32)
    expected = model.predict(obs, deterministic=True)[0]
    np.testing.assert_allclose(load_policy(base).act(obs), expected, atol=1e-5)
    facts = read_facts(base)
    assert facts.observation_layout == task.LAYOUT
    assert facts.steps >= 600 and facts.updates > 0
    assert facts.evaluation["tracks"] == 2


def test_the_same_seed_gives_the_same_driver(base: Path, tmp_path: Path) -> None:
    train(TINY, tmp_path / "again.zip")
    one, two = SAC.load(base), SAC.load(tmp_path / "again.zip")
    for a, b in zip(one.policy.parameters(), two.policy.parameters(), strict=True):
        assert (a == b).all()


def test_fine_tuning_really_learns_at_its_own_rate_and_starts_from_its_parent(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    stock = SAC.train

    def spying(self: SAC, gradient_steps: int, batch_size: int = 64) -> None:
        stock(self, gradient_steps, batch_size)
        optimisers = (self.actor.optimizer, self.critic.optimizer, self.ent_coef_optimizer)
        rates.extend(group["lr"] for o in optimisers for group in o.param_groups)

    monkeypatch.setattr(SAC, "train", spying)
    track = _page(tmp_path)
    settings = config.load(
        RunSettings,
        None,
        [
            f"track={track}",
            f"parent={base}",
            "minutes=null",
            "steps=400",
            "cars=8",
            "warm_up=100",
            "memory=5000",
            "evaluate_every=1e9",
            "sac.gradient_steps=1",
        ],
        start=FINE_TUNING,
    )
    out = tmp_path / "special.zip"
    train(settings, out)
    assert rates and set(rates) == {1e-4}
    facts, parent = read_facts(out), read_facts(base)
    assert facts.parent == str(base) and facts.tracks == (str(track),)
    assert facts.steps > parent.steps and facts.updates > parent.updates


def _page(folder: Path) -> Path:
    path = folder / "ring.yaml"
    path.write_text(
        "schema: 1\nname: Ring\nlayout:\n  width: 12\n  segments:\n"
        "    - {straight: auto}\n    - {corner: left, radius: 60, angle: 90}\n"
        "    - {straight: auto}\n    - {corner: left, radius: 60, angle: 90}\n"
        "    - {straight: 200}\n    - {corner: left, radius: 60, angle: 90}\n"
        "    - {straight: 150}\n    - {corner: left, radius: 60, angle: 90}\n"
    )
    return path


def test_the_best_model_is_chosen_by_mean_speed_with_failures_counting_nothing() -> None:
    tracks = random_tracks(5, 2)
    a, b = (t.length for t in tracks)

    def report(*times: float | None, off: float = 0.0) -> Report:
        rows = [
            Result(t.name, 2 if s else 0, s, off, "finished" if s else "stalled")
            for t, s in zip(tracks, times, strict=True)
        ]
        return Report("driver", tuple(rows))

    assert score(report(a / 20.0, b / 30.0), tracks) == pytest.approx(25.0)
    assert score(report(a / 20.0, None), tracks) == pytest.approx(10.0)
    assert score(report(a / 20.0, b / 30.0, off=1.0), tracks) < 25.0


def test_the_tracks_a_run_is_judged_on_are_none_it_trains_on() -> None:
    judged = {t.digest for t in random_tracks(EVALUATION_SEED, 50)}
    from retroracer.envs.batch import RacingBatch

    for seed in range(3):
        assert judged.isdisjoint(t.digest for t in RacingBatch(16, seed=seed).pool.tracks)


def test_a_run_without_an_end_is_refused() -> None:
    with pytest.raises(UserError, match="give minutes or steps"):
        config.load(RunSettings, None, ["minutes=null"])


def test_ctrl_c_saves_what_was_learned_and_says_so(tmp_path: Path) -> None:
    out = tmp_path / "stopped.zip"
    sets = ["cars=8", "hidden=[32, 32]", "memory=5000", "warm_up=200", "sac.batch_size=32"]
    command = [sys.executable, "train_base.py", "--minutes", "5", "--out", str(out)]
    command += ["--logs", str(tmp_path / "logs"), *(x for s in sets for x in ("--set", s))]
    run = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    logs = tmp_path / "logs"
    deadline = time.monotonic() + 120
    while not list(logs.glob("*/events*")) and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(3.0)
    os.kill(run.pid, signal.SIGINT)
    said, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    assert "stopped:" in said and "Traceback" not in errors
    assert read_facts(out).steps > 0


def test_the_three_commands_work_one_after_another(base: Path, tmp_path: Path) -> None:
    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    track, special, figures = _page(tmp_path), tmp_path / "s.zip", tmp_path / "figures.json"
    tiny = ["cars=8", "memory=5000", "warm_up=100", "sac.gradient_steps=1"]
    sets = [x for s in tiny for x in ("--set", s)]
    logs = ["--logs", str(tmp_path / "logs")]
    common = ["--steps", "300", "--out", str(special), *logs, *sets]
    run("fine_tune.py", "--track", str(track), "--parent", str(base), *common)
    run(
        *["-m", "retroracer", "evaluate", str(special), "--tracks", str(track)],
        *["--json", str(figures)],
    )
    page = json.loads(figures.read_text())
    assert set(page) == {"model", "tracks", "summary"}
    expected = {"track", "completed", "clean", "lap_time_s", "limit_s", "ratio", "off_track_s"}
    assert expected <= set(page["tracks"][0])
    assert {"completed", "clean", "median_ratio", "worst_ratio"} <= set(page["summary"])
