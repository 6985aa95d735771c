"""The settings of a run: those every run has, its stages, and one section per learner.

Owns the dataclass that tasks extend, and how a shipped page, a profile, the user's page and
``--set`` are merged into one. The settings of each learner are defined in the learner's file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from retroracer import config
from retroracer.config import Range
from retroracer.resources import configs_dir
from retroracer.training import learners

EVALUATION_SEED = 977_000_001
"""First seed of the tracks and episodes a run is evaluated on: far from seeds people choose."""

DEMONSTRATION_SEED = 913_000_001
"""Seed of the random tracks the line driver demonstrates on; likewise."""

BUDGET = ("minutes", "steps")
"""Settings that may change when a run is resumed."""


@dataclass(frozen=True)
class Stage:
    """A part of a run, in which one learner trains the model.

    Attributes:
        learner: the learner's name.
        until: share of the run's budget at which the stage ends, unless it finishes earlier.
    """

    learner: str
    until: Annotated[float, Range(above=0, high=1)] = 1.0


@dataclass(frozen=True)
class RunSettings:
    """The settings every run has.

    Attributes:
        stages: the learners, in the order in which they train the model.
        parent: name or path of the model to start from; None = a new model.
        minutes: minutes of training, everything included; None = until ``steps``, or until the last
            stage has finished.
        steps: actions of all environments together; None = until ``minutes`` are over.
        seed: seed of everything random: tracks, starts, weights, exploration.
        device: "auto", "cpu" or "cuda".
        evaluate_every: seconds between evaluations.
        evaluate_on: unseen tracks to evaluate on.
        save_every: least seconds between saves of the state a run is resumed from.
        checkpoint_every: steps from one zip in the run's ``checkpoints`` to the next, in addition
            to those of evaluations; None = only those.
        log_to: where figures are logged: tensorboard, aim, wandb.
    """

    stages: tuple[Stage, ...] = ()
    parent: str | None = None
    minutes: Annotated[float, Range(above=0, high=1e6)] | None = 10.0
    steps: Annotated[int, Range(low=1, high=10**15)] | None = None
    seed: Annotated[int, Range(low=0, high=2**31 - 1)] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    evaluate_every: Annotated[float, Range(above=0, high=1e6)] = 60.0
    evaluate_on: Annotated[int, Range(low=1, high=10_000)] = 50
    save_every: Annotated[float, Range(low=0, high=1e6)] = 60.0
    checkpoint_every: Annotated[int, Range(low=1, high=10**15)] | None = None
    log_to: tuple[Literal["tensorboard", "aim", "wandb"], ...] = ("tensorboard",)

    def __post_init__(self) -> None:
        """Check what types cannot express."""
        ends = [stage.until for stage in self.stages]
        if not ends:
            raise ValueError("stages: name at least one learner")
        if ends != sorted(ends) or ends[-1] != 1.0:
            raise ValueError("stages: 'until' must not fall from stage to stage, and end at 1")
        if self.minutes is None and self.steps is None and self.stages[-1].learner != "imitation":
            raise ValueError("give minutes or steps, or the run never ends")

    def of(self, learner: str) -> Any:
        """The settings of a learner of this run."""
        return getattr(self, learners.section(learner))

    def budget(self) -> str:
        """The budget in words."""
        words = [] if self.minutes is None else [f"{self.minutes:g} minutes"]
        words += [] if self.steps is None else [f"{self.steps:,} steps"]
        return " or ".join(words) or "as long as it takes"


def settings_type(
    base: type[RunSettings], table: dict[str, str], names: tuple[str, ...]
) -> type[RunSettings]:
    """The dataclass of settings of a run: ``base``, and a section for each learner named."""
    sections = [
        (learners.section(name), kind, dataclasses.field(default_factory=kind))
        for name in names
        for kind in [learners.find(table, name).Settings]
    ]
    stages = f"its {'stage is' if len(names) == 1 else 'stages are'} {', '.join(names)}"
    absent = {
        learners.section(name): f"this run does not train with {name}: {stages}"
        for name in table
        if name not in names
    }
    made = dataclasses.make_dataclass(
        base.__name__, sections, bases=(base,), namespace={"ABSENT": absent}, frozen=True
    )
    made.__module__ = base.__module__
    return made


def learners_of(
    table: dict[str, str], shipped: Path, page: Path | None = None, overrides: Sequence[str] = ()
) -> tuple[str, ...]:
    """The names of a run's learners, each once; arguments as for ``load``.

    Raises:
        UserError: if the pages cannot be read, or name an unknown learner.
    """
    # A dataclass with the key ``stages`` alone, whose learners must be in the table.
    names: Any = Literal.__getitem__(tuple(table))
    kind = dataclasses.make_dataclass("Stage", [("learner", names)], bases=(Stage,), frozen=True)
    stages: Any = tuple[kind, ...]  # type: ignore[valid-type]
    known: Any = dataclasses.make_dataclass("Stages", [("stages", stages, ())], frozen=True)
    first = config.load(known, shipped, partial=True)
    found = config.load(known, page, overrides, start=first, partial=True).stages
    return tuple(dict.fromkeys(stage.learner for stage in found))


def load(
    base: type[RunSettings],
    table: dict[str, str],
    shipped: Path,
    page: Path | None = None,
    overrides: Sequence[str] = (),
    profile: Sequence[str] = (),
) -> RunSettings:
    """Read the settings of a run.

    Args:
        base: the task's settings.
        table: table of its learners.
        shipped: the page it starts from.
        page: the user's page, laid over it.
        overrides: ``--set`` texts, laid over that.
        profile: likewise, but laid over the shipped page only; keys of learners the run does not
            have are left out.

    Raises:
        UserError: listing every mistake found.
    """
    names = learners_of(table, shipped, page, overrides)
    kind = settings_type(base, table, names)
    others = tuple(learners.section(name) for name in table if name not in names)
    start = config.load(kind, shipped, profile, leave_out=others)
    # Sections of stages that --set has taken out of the page are no mistakes of it.
    own = map(learners.section, learners_of(table, shipped, page))
    told = {text.partition("=")[0].partition(".")[0] for text in overrides}
    taken_out = tuple(name for name in own if name in others and name not in told)
    return config.load(kind, page, overrides, start=start, leave_out=taken_out)


def shipped_page(name: str) -> Path:
    """A page of ``configs/`` by its name."""
    return configs_dir() / f"{name}.yaml"


def same_run(before: RunSettings, now: RunSettings) -> bool:
    """True if settings ``now`` differ from those of the stopped run in its budget only."""
    free = dict.fromkeys(BUDGET)
    return config.to_dict(before) | free == config.to_dict(now) | free
