"""Runs so small that they take seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retroracer.training.learners import PIXELS, RACING
from retroracer.training.learners.pixels.settings import PixelSettings
from retroracer.training.learners.pixels.task import Pixels
from retroracer.training.learners.racing_settings import RacingSettings
from retroracer.training.learners.racing_tasks import make_racing
from retroracer.training.run.folder import RunFolder
from retroracer.training.run.keeping import Keeper
from retroracer.training.run.loop import Outcome, Run
from retroracer.training.run.settings import RunSettings, load, shipped_page

RACING_SETS = [
    "minutes=null", "steps=2000", "cars=8", "hidden=[32, 32]", "evaluate_every=1e6",
    "evaluate_on=2", "log_to=[]", "save_every=0", "averaging=10",
]  # fmt: skip

AMONG_RIVALS = [
    "parent=base", "action_repeat=2", "episode=4", "race.rivals=2", "race.laps=1", "race.days=1",
    "race.league.ladder=[club, base]", "race.league.refresh=7", "race.league.remember=11",
    "race.league.kept=3", "evaluate_on=1",
]  # fmt: skip
"""What makes a run one of races."""

STAGES = {
    "imitation": [
        "stages=[{learner: imitation}]", "imitation.rounds=2", "imitation.tracks=1",
        "imitation.n_steps=8", "imitation.updates=70", "imitation.batch_size=32", "steps=100000",
    ],
    "ppo": ["stages=[{learner: ppo}]", "ppo.n_steps=8", "ppo.batch_size=24"],
    "sac": [
        "stages=[{learner: sac}]", "sac.demonstrations.share=0", "sac.batch_size=32",
        "sac.gradient_steps=2", "sac.buffer_size=1000", "sac.learning_starts=200",
    ],
    "branches": [
        "stages=[{learner: sac}]", "sac.demonstrations.share=0", "sac.batch_size=32",
        "sac.gradient_steps=2", "sac.buffer_size=1000", "sac.learning_starts=200",
        "sac.branches.states=6", "sac.branches.steps=3", "sac.branches.kept=3",
        "sac.branches.final_steps=7",
        "sac.branches.batch_size=16", "sac.action_noise=0.1", "sac.noise_hold=0.5",
    ],
    "race-sac": [
        *AMONG_RIVALS, "steps=800",
        "stages=[{learner: sac}]", "sac.demonstrations.share=0", "sac.batch_size=32",
        "sac.gradient_steps=2", "sac.buffer_size=1000", "sac.learning_starts=100",
        "sac.branches.states=3", "sac.branches.steps=3", "sac.branches.kept=3",
        "sac.branches.batch_size=16", "sac.action_noise=0.1", "sac.noise_hold=0.5",
    ],
    "race-ppo": [
        *AMONG_RIVALS, "steps=800",
        "stages=[{learner: ppo}]", "ppo.n_steps=8", "ppo.batch_size=24", "ppo.value_warmup=2",
    ],
    "all": [
        "stages=[{learner: ppo, until: 0.4}, {learner: sac, until: 0.8}, {learner: critics}]",
        "steps=1000",
        "ppo.n_steps=8", "ppo.batch_size=24", "sac.demonstrations.share=0", "sac.batch_size=32",
        "sac.gradient_steps=2",
        "sac.buffer_size=1000", "sac.learning_starts=200", "sac.critics_first=10",
        "critics.batch_size=32", "critics.gradient_steps=2", "critics.buffer_size=1000",
        "critics.learning_starts=100",
    ],
}  # fmt: skip
"""Stages of runs in the racing task by name, with their settings."""

PIXEL_SETS = [
    "minutes=null", "steps=300", "envs=2", "workers=0", "evaluate_every=1e6", "evaluate_on=1",
    "log_to=[]", "save_every=0.2", "pipeline.size=64", "network.convs=slim",
    "pipeline.early_stop=5",
]  # fmt: skip

PIXEL_ALGORITHMS = {
    "ppo": ["ppo.n_steps=16", "ppo.batch_size=32", "ppo.n_epochs=1"],
    "sac": [
        "sac.buffer_size=400", "sac.batch_size=8", "sac.learning_starts=60",
        "sac.update_ratio=0.1",
    ],
    "sac-drq": [
        "sac_drq.buffer_size=400", "sac_drq.batch_size=8", "sac_drq.learning_starts=60",
        "sac_drq.update_ratio=0.1",
    ],
    "dqn": [
        "dqn.buffer_size=400", "dqn.batch_size=8", "dqn.learning_starts=60",
        "dqn.update_ratio=0.1",
    ],
    "imitation": [
        "steps=null", "envs=1", "imitation.rounds=1", "imitation.first_drives=2",
        "imitation.drives=2", "imitation.updates=9", "imitation.batch_size=4",
    ],
}  # fmt: skip


def racing(*overrides: str, page: str = "base-sac") -> Any:
    """Settings of a tiny run in the racing task."""
    sets = [*RACING_SETS, *overrides]
    if page == "base-sac":
        if not any("stages" in x for x in overrides):
            sets.append("stages=[{learner: sac}]")  # lines to imitate take long to solve
        if not any("branches" in x or ("stages" in x and "sac" not in x) for x in overrides):
            sets.append("sac.branches.states=0")
    return load(RacingSettings, RACING, shipped_page(page), None, sets)


def pixels(algorithm: str, *overrides: str) -> Any:
    """Settings of a tiny run from pixels."""
    sets = [*PIXEL_SETS, *PIXEL_ALGORITHMS[algorithm], *overrides]
    return load(PixelSettings, PIXELS, shipped_page(f"pixels-{algorithm}"), None, sets)


def train(settings: RunSettings, out: Path, folder: Path, resume: bool = False) -> Outcome:
    """Train in this process."""
    run = RunFolder(folder)
    keeper = Keeper(out, run.best, "")
    if isinstance(settings, RacingSettings):
        return Run(settings, RACING, lambda budget: make_racing(settings, budget), run, keeper).go(
            resume
        )
    assert isinstance(settings, PixelSettings)
    return Run(settings, PIXELS, lambda budget: Pixels(settings), run, keeper).go(resume)
