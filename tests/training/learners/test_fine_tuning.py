"""``fine_tune.py`` is SAC at 1e-4, in every optimiser that moves the driver, and begins where its
parent stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retroracer.agents.fast_sac import FastSAC
from retroracer.cli import main
from retroracer.errors import UserError
from retroracer.training.learners.racing import look_for
from retroracer.training.learners.sac import SAC
from tests.training.tiny import racing

pytestmark = pytest.mark.slow


def test_every_optimiser_of_a_default_run_learns_at_1e_4_from_what_its_parent_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[dict[str, float]] = []
    started: dict[str, Any] = {}
    update, begin = FastSAC.update, SAC.__init__

    def beginning(self: SAC, task: Any, settings: Any, first: bool) -> None:
        begin(self, task, settings, first)
        started.update(
            steps=[
                int(adam.state[adam.param_groups[0]["params"][0]]["step"])
                for adam in (self.model.updater.actor_adam, self.model.updater.critic_adam)
            ],
            alpha=float(self.model.log_ent_coef.detach().exp()),  # type: ignore[union-attr]
            trained=self.trained,
        )

    def watched(self: FastSAC, *args: Any, **kwargs: Any) -> Any:
        before = self.updater.actor.flat.clone()
        losses = update(self, *args, **kwargs)
        optimisers = {
            "actor": self.updater.actor_adam,
            "critics": self.updater.critic_adam,
            "entropy": self.ent_coef_optimizer,
        }
        told = {name: adam.param_groups[0]["lr"] for name, adam in optimisers.items()}  # type: ignore[union-attr]
        told["moved"] = float((self.updater.actor.flat - before).abs().max())
        rates.append(told)
        return losses

    monkeypatch.setattr(SAC, "__init__", beginning)
    monkeypatch.setattr(FastSAC, "update", watched)
    command = ["fine-tune", "--track", "copper_bowl", "--steps", "12000", "--set", "cars=256"]
    command += ["--set", "sac.learning_starts=2000", "--set", "sac.critics_first=64"]
    command += ["--set", "log_to=[]", "--set", "sac.branches.states=16"]
    code = main([*command, "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "mine.zip")])
    assert code == 0
    print("rates of the optimisers:", rates[-1])
    assert len(rates) > 10
    assert rates[0]["actor"] == pytest.approx(1e-4, rel=0.05)
    for told in rates:
        for name in ("actor", "critics", "entropy"):
            assert told[name] == told["actor"] <= 1e-4, name
            assert told[name] >= 5e-6, "it falls along half a cosine, to a twentieth"
    assert rates[0]["moved"] == 0.0, "the critics learn first"
    assert 0.0 < rates[-1]["moved"] < 0.02, "16 updates of Adam at 1e-4, each a few times its rate"
    assert started["trained"] and min(started["steps"]) > 1000, "moments of the parent"
    assert started["alpha"] < 1.0


def test_a_parent_that_decides_at_another_rate_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        UserError, match=r"decides every 100 ms.*every 50: add --set action_repeat=2"
    ):
        look_for(racing("parent=base", "action_repeat=1", "stages=[{learner: sac}]"))
    tracks, _ = look_for(racing("parent=base", "action_repeat=2", "stages=[{learner: sac}]"))
    assert tracks is None
