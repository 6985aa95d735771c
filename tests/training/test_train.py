"""Runs from settings to a model on disk: end to end, tiny."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3 import SAC

from retroracer import config
from retroracer.agents.fast_sac import FastSAC
from retroracer.agents.model_file import read_facts
from retroracer.agents.policy import load_policy
from retroracer.envs import task
from retroracer.errors import UserError
from retroracer.track.generate import random_tracks
from retroracer.training.course import score
from retroracer.training.evaluate import Report, Result
from retroracer.training.learner import Learner
from retroracer.training.run_folder import RunFolder, goes_on
from retroracer.training.run_settings import (
    EVALUATION_SEED,
    FINE_TUNING,
    Lessons,
    Practice,
    RunSettings,
    Teacher,
)
from retroracer.training.sac_settings import SacSettings
from retroracer.training.train import train

ROOT = Path(__file__).parents[2]

TINY = RunSettings(
    minutes=None,
    steps=600,
    cars=8,
    hidden=(32, 32),
    memory=5000,
    warm_up=200,
    evaluate_every=1e6,
    evaluate_on=2,
    sac=SacSettings(batch_size=32, gradient_steps=2),
    log_to=(),
    lessons=Lessons(share=0.0),
    teacher=Teacher(rounds=0),
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


@pytest.mark.slow
def test_fine_tuning_really_learns_at_its_own_rate_and_starts_from_its_parent(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    study = FastSAC.study

    def spying(
        self: FastSAC, batches: Any, rate: float | None = None, actor_too: bool = True
    ) -> dict[str, float]:
        losses = study(self, batches, rate, actor_too)
        adams = (self.fused.actor_adam, self.fused.critic_adam, self.ent_coef_optimizer)
        rates.extend(group["lr"] for adam in adams for group in adam.param_groups)
        return losses

    monkeypatch.setattr(FastSAC, "study", spying)
    track = _page(tmp_path)
    settings = config.load(
        RunSettings,
        None,
        [
            f"track=[{track}]",
            "final_rate=1",
            "log_to=[]",
            "lessons.steps=1000",
            f"parent={base}",
            "minutes=null",
            "steps=400",
            "cars=8",
            "warm_up=100",
            "memory=5000",
            "evaluate_every=1e6",
            "sac.gradient_steps=1",
            "practice.steps=4",
            "practice.share=0.5",
            "practice.critics_first=5",
            "practice.refine=true",
        ],
        start=FINE_TUNING,
    )
    out = tmp_path / "special.zip"
    outcome = train(settings, out)
    assert rates and set(rates) == {1e-4}
    facts, parent = read_facts(out), read_facts(base)
    assert facts.parent == base.stem and facts.tracks == (str(track),)
    assert outcome.steps > parent.steps  # it drove; the model is the parent's until it is beaten
    assert facts.updates >= parent.updates


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


def test_the_best_model_is_chosen_by_its_share_of_the_limits_speed() -> None:
    def report(*laps: tuple[float | None, float]) -> Report:
        rows = [
            Result("t", 2 if s else 0, s, off, "finished" if s else "stalled", 50.0)
            for s, off in laps
        ]
        return Report("driver", tuple(rows))

    assert score(report((100.0, 0.0), (62.5, 0.0))) == pytest.approx(0.65)
    assert score(report((100.0, 0.0), (None, 1.0))) == pytest.approx((0.5 - 1.0) / 2)
    assert score(report((100.0, 0.3))) == pytest.approx(0.3)
    safe, bold = report(*[(60.0, 0.0)] * 10), report(*[(52.0, 0.0)] * 9, (None, 0.0))
    assert score(safe) > score(bold)


class KilledError(Exception):
    """Stands for a kill: nothing after it is run."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "practice",
    [Practice(share=0.0), Practice(share=0.6, steps=8, batch=24, refine=True, critics_first=10)],
)
def test_a_run_killed_and_gone_on_with_gives_the_weights_of_one_that_was_not(
    practice: Practice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dataclasses.replace(
        TINY, steps=700, evaluate_every=1e-3, save_every=0, cars=6, practice=practice
    )
    train(settings, tmp_path / "whole.zip", tmp_path / "whole")
    folder, out = tmp_path / "run", tmp_path / "parts.zip"
    for kill_at in (50, 45):  # the second in the midst of SAC, whether there was practice or not
        steps = 0
        take = Learner.take

        def dying(self: Learner, actions: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == kill_at:  # noqa: B023
                raise KilledError
            return take(self, actions)  # noqa: B023

        with monkeypatch.context() as patch:
            patch.setattr(Learner, "take", dying)
            with pytest.raises(KilledError):
                train(settings, out, folder, resume=kill_at == 45)
        assert RunFolder(folder).unfinished() == settings
    outcome = train(settings, out, folder, resume=True)
    assert not outcome.interrupted and RunFolder(folder).unfinished() is None
    last = sorted((folder / "checkpoints").glob("*.zip"))[-1]
    whole = sorted((tmp_path / "whole" / "checkpoints").glob("*.zip"))[-1]
    assert last.name == whole.name
    one, two = SAC.load(last), SAC.load(whole)
    for a, b in zip(one.policy.parameters(), two.policy.parameters(), strict=True):
        assert (a == b).all()
    rows = json.loads((folder / "evaluations.json").read_text())
    theirs = json.loads((tmp_path / "whole" / "evaluations.json").read_text())
    assert [r["score"] for r in rows] == [r["score"] for r in theirs]


def test_a_learner_that_diverges_goes_back_and_on_with_half_the_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, rates = FastSAC.study, []

    def poisoned(
        self: FastSAC, batches: Any, rate: float | None = None, actor_too: bool = True
    ) -> dict[str, float]:
        rates.append(rate)
        if len(rates) == 20:
            self.fused.critic.flat[3] = float("nan")
        return study(self, batches, rate, actor_too)

    monkeypatch.setattr(FastSAC, "study", poisoned)
    alone = dataclasses.replace(TINY, final_rate=1.0, practice=Practice(share=0.0))
    train(alone, tmp_path / "m.zip")
    assert rates[19] == 3e-4 and rates[20] == 1.5e-4
    model = SAC.load(tmp_path / "m.zip")
    assert all(p.isfinite().all() for p in model.policy.parameters())


def test_a_learner_that_always_diverges_ends_in_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nan = dict.fromkeys(("critic_loss", "actor_loss", "ent_coef_loss", "ent_coef"), float("nan"))
    monkeypatch.setattr(FastSAC, "study", lambda self, batches, rate=None, actor_too=True: nan)
    with pytest.raises(UserError, match=r"critic_loss is nan.*sac\.learning_rate"):
        train(dataclasses.replace(TINY, practice=Practice(share=0.0)), tmp_path / "m.zip")


def test_a_damaged_state_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(TINY)
    for raw in (b"", b"PK\x03\x04 rubbish", os.urandom(500)):
        (folder.path / "state.npz").write_bytes(raw)
        with pytest.raises(UserError, match="--fresh begins a new one"):
            train(TINY, tmp_path / "m.zip", folder.path, resume=True)


def test_a_run_goes_on_only_with_its_own_settings_but_its_budget_may_grow() -> None:
    assert goes_on(TINY, dataclasses.replace(TINY, steps=9000))
    assert not goes_on(TINY, dataclasses.replace(TINY, cars=9))


def test_the_tracks_a_run_is_judged_on_are_none_it_trains_on() -> None:
    judged = {t.digest for t in random_tracks(EVALUATION_SEED, 50)}
    from retroracer.envs.batch import RacingBatch

    for seed in range(3):
        assert judged.isdisjoint(t.digest for t in RacingBatch(16, seed=seed).pool.tracks)


def test_a_run_without_an_end_is_refused() -> None:
    with pytest.raises(UserError, match="give minutes or steps"):
        config.load(RunSettings, None, ["minutes=null"])


def _train(out: Path, runs: Path, *more: str) -> list[str]:
    sets = ["cars=8", "hidden=[32, 32]", "memory=5000", "warm_up=200", "sac.batch_size=32"]
    sets += ["evaluate_on=2", "evaluate_every=2", "save_every=0", "lessons.share=0"]
    sets += ["teacher.rounds=1", "teacher.tracks=3", "teacher.steps=10", "teacher.updates=20"]
    command = [sys.executable, "train_base.py", "--minutes", "5", "--out", str(out)]
    return command + ["--runs", str(runs), *(x for s in sets for x in ("--set", s)), *more]


def _judged(folder: Path) -> int:
    return max((p.stat().st_mtime_ns for p in folder.glob("checkpoints/*.zip")), default=0)


def _started(command: list[str], folder: Path) -> subprocess.Popen[str]:
    """A run that has been judged and saved since it was started."""
    before = _judged(folder)
    run = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if _judged(folder) > before:
            return run
        time.sleep(0.1)
    run.kill()
    raise AssertionError(run.communicate())


@pytest.mark.slow
def test_kill_and_ctrl_c_lose_nothing_and_the_same_command_goes_on(tmp_path: Path) -> None:
    out, runs = tmp_path / "stopped.zip", tmp_path / "runs"
    folder = runs / "stopped"
    run = _started(_train(out, runs), folder)
    run.kill()  # -9
    run.communicate()
    steps = read_facts(max((runs / "stopped" / "checkpoints").glob("*.zip"))).steps
    run = _started(_train(out, runs), folder)
    os.kill(run.pid, signal.SIGINT)
    said, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    assert "going on with the run" in said and "the same command goes on" in said
    assert "Traceback" not in errors
    assert read_facts(max((runs / "stopped" / "checkpoints").glob("*.zip"))).steps > steps
    run = _started(_train(out, runs, "--set", "sac.gamma=0.9"), folder)
    os.kill(run.pid, signal.SIGINT)
    said, _ = run.communicate(timeout=60)
    assert "a new run" in said and (runs / "stopped.1" / "state.npz").exists()


@pytest.mark.slow
def test_the_three_commands_work_one_after_another(base: Path, tmp_path: Path) -> None:
    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    track, special, figures = _page(tmp_path), tmp_path / "s.zip", tmp_path / "figures.json"
    tiny = ["cars=8", "memory=5000", "warm_up=100", "sac.gradient_steps=1", "lessons.steps=1000"]
    sets = [x for s in tiny for x in ("--set", s)]
    logs = ["--runs", str(tmp_path / "runs")]
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
