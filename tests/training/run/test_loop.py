"""One run, whatever learns: it ends with a model, and goes on to the last bit."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from retroracer.agents.checkpoint import read_states
from retroracer.agents.model_file import read_facts
from retroracer.errors import UserError
from retroracer.training.learners import demonstrations
from retroracer.training.learners.ppo import PPO
from retroracer.training.learners.racing import Racing
from retroracer.training.learners.sac import SAC
from retroracer.training.run.folder import RunFolder
from retroracer.training.run.loop import Run
from retroracer.training.run.settings import same_run
from tests.training.tiny import PIXEL_ALGORITHMS, STAGES, pixels, racing, train

pytestmark = pytest.mark.slow


class KilledError(Exception):
    """Stands for a kill: nothing after it is run."""


def settings_of(name: str) -> Any:
    if name in STAGES:
        return racing("evaluate_every=1e-9" if name == "all" else "seed=0", *STAGES[name])
    return pixels(name.removeprefix("pixels-"))


ALL = [*STAGES, *(f"pixels-{name}" for name in PIXEL_ALGORITHMS)]


def same_weights(one: Path, two: Path) -> None:
    a, b = (read_states(path)["policy"] for path in (one, two))
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ppo", "sac", "branches"])
def test_a_run_stopped_in_the_midst_of_a_round_and_gone_on_with_ends_in_the_same_weights(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = racing(*STAGES[name], "steps=800")
    train(settings, tmp_path / "whole.zip", tmp_path / "whole")
    out, folder, step, steps = tmp_path / "parts.zip", tmp_path / "run", Racing.step, 0

    def stopping(self: Racing, actions: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps in (37, 75):  # neither begins a rollout
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, actions)

    monkeypatch.setattr(PPO, "patience", 0.0)
    monkeypatch.setattr(Racing, "step", stopping)
    for resume in (False, True):
        assert train(settings, out, folder, resume=resume).stopped
        assert RunFolder(folder).unfinished_here()
    assert not train(settings, out, folder, resume=True).stopped
    same_weights(folder / "best.zip", tmp_path / "whole" / "best.zip")


@pytest.mark.parametrize("name", ALL)
def test_a_run_killed_and_gone_on_with_ends_in_the_weights_of_one_that_was_not(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(name)
    rounds = 0
    whole_round = Run._round

    def counting(self: Run, stage: Any) -> None:
        nonlocal rounds
        rounds += 1
        whole_round(self, stage)

    monkeypatch.setattr(Run, "_round", counting)
    train(settings, tmp_path / "whole.zip", tmp_path / "whole")
    total, out, folder = rounds, tmp_path / "parts.zip", tmp_path / "run"
    for kill_at in (total // 3, total // 3):
        count = 0

        def dying(self: Run, stage: Any, kill_at: int = kill_at) -> None:
            nonlocal count
            count += 1
            if count == max(kill_at, 1):
                raise KilledError
            whole_round(self, stage)

        with monkeypatch.context() as patch:
            patch.setattr(Run, "_round", dying)
            with pytest.raises(KilledError):
                train(settings, out, folder, resume=folder.exists())
        assert RunFolder(folder).unfinished_here()
    outcome = train(settings, out, folder, resume=True)
    assert not outcome.stopped and not RunFolder(folder).unfinished_here()
    if name.startswith("pixels-") and name != "pixels-imitation":
        assert out.is_file()  # Box2D's world cannot be written down: other tracks from there
        return
    same_weights(folder / "best.zip", tmp_path / "whole" / "best.zip")
    rows, theirs = (
        json.loads((run / "evaluations.json").read_text()) for run in (folder, tmp_path / "whole")
    )
    assert rows[-1]["score"] == theirs[-1]["score"]
    assert rows[-1]["steps"] == theirs[-1]["steps"]


def test_the_zip_tells_which_algorithms_moved_the_weights_and_at_what_rate(
    tmp_path: Path,
) -> None:
    train(settings_of("all"), tmp_path / "m.zip", tmp_path / "run")
    last = max((tmp_path / "run" / "checkpoints").glob("*.zip"))
    stages = read_facts(last).notes["stages"]
    assert [s["algorithm"] for s in stages] == ["PPO", "SAC", "SAC critics only"]
    assert all(s["steps"] > 0 and s["updates"] > 0 for s in stages)
    assert 0.0 < stages[0]["learning_rate"] <= 1e-3
    assert 0.0 < stages[1]["learning_rate"] <= 3e-4


def test_the_driver_a_stage_ends_with_is_evaluated_and_the_best_of_them_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even in a run too short for a regular evaluation, and if the next stage only unlearns."""
    whole_round = Run._round

    def unlearning(self: Run, stage: Any) -> None:
        whole_round(self, stage)
        if stage.learner == "sac":
            self.task.model.updater.actor.flat.fill_(0.0)  # type: ignore[attr-defined]

    monkeypatch.setattr(Run, "_round", unlearning)
    settings = racing(
        *STAGES["sac"], *STAGES["imitation"][1:], "evaluate_every=1e6", "steps=9000",
        "stages=[{learner: imitation, until: 0.8}, {learner: sac}]",
        "imitation.rounds=3", "imitation.updates=600",
    )  # fmt: skip
    train(settings, tmp_path / "m.zip", tmp_path / "run")
    rows = json.loads((tmp_path / "run" / "evaluations.json").read_text())
    assert [row["stage"] for row in rows] == ["imitation", "sac"]
    assert [row["best"] for row in rows] == [True, False], "nothing was unlearned"
    stages = read_facts(tmp_path / "m.zip").notes["stages"]
    assert [s["algorithm"] for s in stages] == ["imitation"]


def test_a_driver_is_kept_every_so_many_steps_also_between_evaluations(tmp_path: Path) -> None:
    settings = racing(*STAGES["ppo"], "steps=800", "evaluate_every=1e6", "checkpoint_every=200")
    train(settings, tmp_path / "m.zip", tmp_path / "run")
    kept = sorted((tmp_path / "run" / "checkpoints").glob("*.zip"))
    steps = [read_facts(path).steps for path in kept]
    assert [int(path.stem) for path in kept] == steps
    assert {200, 400, 600} <= {200 * (s // 200) for s in steps} and steps[-1] >= 800


def test_a_run_too_short_to_solve_all_lines_imitates_on_those_it_has_and_goes_on_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines that were not ready are known when the run goes on: it must not use them."""
    settings = racing(*STAGES["imitation"], "imitation.tracks=2")
    solve, moments = demonstrations.lines_to_follow, []

    def late(tracks: Any, *args: Any) -> Any:
        moments.append(args[-1] - time.monotonic())
        lines = solve(tracks, *args[:-1])
        return [lines[0], None] if len(moments) < 3 else lines

    monkeypatch.setattr(demonstrations, "lines_to_follow", late)
    train(settings, tmp_path / "whole.zip", tmp_path / "whole")
    whole_round, rounds = Run._round, 0

    def dying(self: Run, stage: Any) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 4:
            raise KilledError
        whole_round(self, stage)

    monkeypatch.setattr(Run, "_round", dying)
    with pytest.raises(KilledError):
        train(settings, tmp_path / "m.zip", tmp_path / "run")
    train(settings, tmp_path / "m.zip", tmp_path / "run", resume=True)
    assert len(moments) == 3
    same_weights(tmp_path / "m.zip", tmp_path / "whole.zip")
    timed = dataclasses.replace(settings, minutes=1.0, steps=None)
    train(timed, tmp_path / "timed.zip", tmp_path / "timed")
    assert 0.0 < moments[-1] < 18.0, "60 % of the 30 seconds that preparing may take"


def test_a_learner_that_diverges_goes_back_and_on_with_half_the_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    whole_round = Run._round

    def poisoned(self: Run, stage: Any) -> None:
        assert isinstance(self.task, Racing)
        if len(rates) == 20:
            self.task.model.updater.critic.flat[3] = float("nan")
        whole_round(self, stage)
        rates.append(self.facts.lr_scale)

    monkeypatch.setattr(Run, "_round", poisoned)
    train(settings_of("sac"), tmp_path / "m.zip", tmp_path / "run")
    assert rates[19] == 1.0 and rates[20] == 0.5
    policy = read_states(tmp_path / "m.zip")["policy"]
    assert all(v.isfinite().all() for v in policy.values())


def test_actions_that_are_not_finite_are_a_divergence_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The losses may still be fine when the weights no longer are."""
    whole, recover, told = SAC.round, Run._recover, []

    def bursting(self: SAC, clock: Any) -> dict[str, float]:
        if self.racing.updates > 2 and not told:
            self.model.updater.actor.flat.fill_(float("nan"))
        return whole(self, clock)

    def recovering(self: Run, trouble: str) -> None:
        told.append(trouble)
        recover(self, trouble)

    monkeypatch.setattr(SAC, "round", bursting)
    monkeypatch.setattr(Run, "_recover", recovering)
    out = tmp_path / "best.zip"
    train(racing(*STAGES["sac"], "steps=400"), out, tmp_path / "run")
    assert told == ["actions must be finite numbers: the policy returned nan or inf"]
    assert out.is_file()


def test_a_learner_that_always_diverges_ends_in_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SAC, "round", lambda self, clock: {"critic_loss": float("nan")})
    with pytest.raises(UserError, match=r"critic_loss is nan.*sac\.learning_rate"):
        train(settings_of("sac"), tmp_path / "m.zip", tmp_path / "run")


def test_a_run_goes_on_only_with_its_own_settings_but_its_budget_may_grow() -> None:
    mine = racing()
    assert same_run(mine, racing("steps=9000"))
    assert not same_run(mine, racing("cars=9"))


def test_progress_csv_holds_a_row_for_every_evaluation(tmp_path: Path) -> None:
    train(racing("evaluate_every=1e-9", *STAGES["ppo"]), tmp_path / "m.zip", tmp_path / "run")
    lines = (tmp_path / "run" / "progress.csv").read_text().splitlines()
    rows = json.loads((tmp_path / "run" / "evaluations.json").read_text())
    head = lines[0].split(",")
    assert head[0] == "steps" and {"score", "learning_rate", "episode_return"} <= set(head)
    assert len(lines) - 1 >= len(rows) > 1
