"""A new algorithm is a file, a line in the table and a page: nothing else is touched."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from retroracer import training
from retroracer.agents.model_file import read_facts
from retroracer.training import learners
from retroracer.training.learners.racing_settings import RacingSettings
from retroracer.training.learners.racing_tasks import make_racing
from retroracer.training.run.folder import RunFolder
from retroracer.training.run.keeping import Keeper
from retroracer.training.run.loop import Run
from retroracer.training.run.settings import load

FILE = '''
"""Hill climbing: weights are shaken, and kept where the cars were paid more."""

from dataclasses import dataclass

import numpy as np
import torch

from retroracer.training.learners.learner import Learner


@dataclass(frozen=True)
class ClimberSettings:
    """How it climbs.

    Attributes:
        n_steps: vector steps of a trial.
        spread: standard deviation of what is added to the weights.
    """

    n_steps: int = 20
    spread: float = 0.02


class Climber(Learner):
    Settings = ClimberSettings
    algorithm = "hill climbing"

    def __init__(self, racing, settings, first):
        self.racing, self.settings = racing, settings
        self.best, self.record = racing.actor.flat.clone(), np.array(-np.inf)
        self.random = torch.Generator().manual_seed(racing.settings.seed)

    def describe(self):
        return f"{self.settings.n_steps} vector steps a trial"

    def round(self, clock):
        flat = self.racing.actor.flat
        noise = torch.randn(len(flat), generator=self.random)
        flat.copy_(self.best + self.settings.spread * clock.lr_scale * noise)
        paid = 0.0
        for _ in range(self.settings.n_steps):
            result = self.racing.step(self.racing.model.explore(self.racing.obs))
            paid += float(result.reward.mean())
        if paid > self.record:
            self.best, self.record = flat.clone(), np.array(paid)
        flat.copy_(self.best)
        self.racing.count_updates(1)
        return {"paid": paid, "learning_rate": self.settings.spread}

    def state(self):
        return {
            "best": self.best.numpy().copy(),
            "record": self.record,
            "random": self.random.get_state().numpy().copy(),
        }

    def restore(self, state):
        self.best = torch.from_numpy(np.array(state["best"]))
        self.record = np.array(state["record"])
        self.random.set_state(torch.from_numpy(np.array(state["random"])))
'''

PAGE = """# train_base.py --algo climber: hill climbing.
stages:
  - {learner: climber}
minutes: null
steps: 1600
evaluate_every: 1000
evaluate_on: 1
log_to: []
cars: 8
hidden: [16, 16]
climber:
  n_steps: 10
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The three things a new algorithm takes."""
    name = f"{learners.__name__}.climber"
    file = tmp_path / "climber.py"
    file.write_text(FILE)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(learners.RACING, "climber", "climber:Climber")
    page = tmp_path / "base-climber.yaml"
    page.write_text(PAGE)
    return page


@pytest.mark.slow
def test_a_file_a_line_and_a_page_make_a_run_that_trains_stops_and_goes_on(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(RacingSettings, learners.RACING, page, None, ["climber.spread=0.05"])
    assert settings.of("climber").spread == 0.05
    folder, out = RunFolder(tmp_path / "run"), tmp_path / "m.zip"

    def run(resume: bool) -> None:
        keeper = Keeper(out, folder.best, "")
        task = lambda budget: make_racing(settings, budget)  # noqa: E731
        Run(settings, learners.RACING, task, folder, keeper).go(resume)

    class KilledError(Exception):
        pass

    save = Run._save

    def dying(self: Run, *args: float) -> None:
        save(self, *args)
        if self.task.steps > 500:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Run, "_save", dying)
        patch.setattr("retroracer.training.run.loop.LOG_EVERY", 0.0)
        object.__setattr__(settings, "save_every", 0.0)
        with pytest.raises(KilledError):
            run(resume=False)
    assert folder.unfinished_here() and not out.exists()
    run(resume=True)
    facts = read_facts(out)
    assert [s["algorithm"] for s in facts.notes["stages"]] == ["hill climbing"]
    assert facts.steps == 1600 and facts.notes["stages"][0]["learning_rate"] == 0.05
    sources = "".join(p.read_text() for p in Path(training.__file__).parent.rglob("*.py"))
    assert "climb" not in sources, "the package knows nothing of it but the line in the table"
