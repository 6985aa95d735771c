"""What a training run is: a page of settings (``configs/*.yaml``), defaults for both kinds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from retroracer.config import Range
from retroracer.envs.variety import TRAINING, Variety
from retroracer.training.sac_settings import SacSettings

EVALUATION_SEED = 977_000_001
"""Of the tracks a run is judged on: far from any seed a person gives a run."""


@dataclass(frozen=True)
class Lessons:
    """How many lessons there are, and how they are given.

    Attributes:
        share: of every batch of updates; 0 = none at all.
        ready: share of its episodes that a learner must drive to their end before lessons
            begin: who cannot drive yet learns to stay on the road sooner without them.
        latest: share of the budget after which they begin anyhow; 1 = never.
        steps: transitions gathered.
        tracks: random tracks they are given on (a specialist's: its own).
        grip: share of the car's grip the lines are solved for.
        margin: left free beside the edges of the road [m].
        noise: standard deviation of what is added to the driver's actions, so that there is
            something to learn from.
    """

    share: Annotated[float, Range(low=0, high=0.9)] = 0.0
    ready: Annotated[float, Range(low=0, high=1)] = 0.95
    latest: Annotated[float, Range(low=0, high=1)] = 1.0
    steps: Annotated[int, Range(low=1000, high=10_000_000)] = 200_000
    tracks: Annotated[int, Range(low=1, high=1000)] = 48
    grip: Annotated[float, Range(above=0, high=1)] = 0.85
    margin: Annotated[float, Range(low=0, high=100)] = 0.5
    noise: Annotated[float, Range(low=0, high=1)] = 0.05


@dataclass(frozen=True)
class Teacher:
    """What a driver without a parent is shown before all else (``imitation``).

    Attributes:
        rounds: of driving and learning; 0 = it finds everything out alone.
        tracks: random tracks it is shown, solved first.
        grip: share of the car's grip the lines are solved for: a calm teacher is imitated well.
        margin: left free beside the edges of the road [m].
        steps: vector steps a round.
        updates: a round; the last has three times as many.
        batch: steps an update.
        rate: learning rate, falling to a tenth in every round.
    """

    rounds: Annotated[int, Range(low=0, high=1000)] = 9
    tracks: Annotated[int, Range(low=1, high=1000)] = 64
    grip: Annotated[float, Range(above=0, high=1)] = 0.75
    margin: Annotated[float, Range(low=0, high=100)] = 1.0
    steps: Annotated[int, Range(low=1, high=10_000)] = 80
    updates: Annotated[int, Range(low=1, high=1_000_000)] = 1200
    batch: Annotated[int, Range(low=1, high=1_000_000)] = 1024
    rate: Annotated[float, Range(above=0, high=1)] = 1e-3


@dataclass(frozen=True)
class Practice:
    """How a run's driver practises: by PPO on SAC's actor (``agents.fused_ppo``).

    Attributes:
        share: of the budget; 0 = none at all: SAC from nothing. SAC has the rest, in which its
            critics learn what the driver is worth.
        refine: whether SAC's actor then learns on as well. As far as measured it unlearns more
            than it learns (``docs/training.md``).
        steps: vector steps of all cars between rounds of learning.
        epochs: times each step is looked at.
        batch: steps an update.
        rate: learning rate at first; it falls along half a cosine to a fiftieth.
        lam: of the advantages: 0 trusts the values of what is seen next, 1 only what was driven.
        entropy: what trying different things is worth.
        values_first: rounds in which a driver that can drive already only drives, so that what
            is learned first is what its places are worth.
        critics_first: updates of SAC's critics alone, before SAC's actor refines.
    """

    share: Annotated[float, Range(low=0, high=1)] = 0.97
    refine: bool = False
    steps: Annotated[int, Range(low=1, high=10_000)] = 160
    epochs: Annotated[int, Range(low=1, high=100)] = 2
    batch: Annotated[int, Range(low=1, high=1_000_000)] = 8192
    rate: Annotated[float, Range(above=0, high=1)] = 1e-3
    lam: Annotated[float, Range(low=0, high=1)] = 1.0
    entropy: Annotated[float, Range(low=0, high=1)] = 0.002
    values_first: Annotated[int, Range(low=0, high=10_000)] = 16
    critics_first: Annotated[int, Range(low=0, high=1_000_000)] = 3000


@dataclass(frozen=True)
class RunSettings:
    """Everything a run depends on.

    Attributes:
        track: names or paths of the tracks to train on; none = endless random tracks.
        parent: name or path of the model to continue from; None = from nothing.
        car: a shipped car's name or a path; None = the parent's, or the GT car.
        minutes: of training, evaluations included; None = until ``steps``.
        steps: control steps of all cars together; None = until ``minutes`` are over.
        seed: of everything: tracks, starts, weights, exploration.
        device: "auto", "cpu" or "cuda".
        cars: cars driving side by side.
        hidden: widths of the hidden layers of actor and critics (a parent's stand).
        memory: transitions kept for replay.
        warm_up: steps driven before SAC's first update, at random or by the parent, where there
            is no practice before it.
        evaluate_every: seconds between evaluations.
        save_every: least seconds between saves of what the run needs to go on.
        evaluate_on: unseen random tracks to evaluate on (with ``track``, those alone).
        episode: seconds after which an episode is cut.
        patience: seconds off the road, or without getting on, after which it is ended: more than
            the env's, so that the way back is worth finding.
        final_rate: share of the learning rate that is left at the end of the budget; it falls
            along half a cosine.
        final_entropy: target entropy at the end of the budget, approached evenly: noise that
            finds a fast line is too much noise to drive it; None = that of ``sac`` throughout.
        averaging: updates over which the weights of the driver that is judged and kept are
            averaged; 0 = the last ones.
        policy_delay: the actor learns at every so-manieth update only.
        precision: of the matrix products of hidden layers: "auto" takes bfloat16 where the
            processor or GPU has it, which is faster.
        teacher: what a driver without a parent is shown first.
        practice: how it then practises, before SAC goes on.
        sac: the algorithm's settings.
        caution: factor on what leaving the road, walls and ended episodes cost: above 1 makes
            cleaner and slower drivers.
        final_caution: that at the end of the budget, approached evenly: who cannot drive yet
            learns more where mistakes are cheap; None = the same throughout.
        variety: what varies between episodes.
        lessons: what is learned from a driver that follows solved lines.
        log_to: where the figures are shown: tensorboard, aim, wandb.
    """

    track: tuple[str, ...] = ()
    parent: str | None = None
    car: str | None = None
    minutes: Annotated[float, Range(above=0, high=1e6)] | None = 10.0
    steps: Annotated[int, Range(low=1, high=10**12)] | None = None
    seed: Annotated[int, Range(low=0, high=2**32 - 1)] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    cars: Annotated[int, Range(low=1, high=65536)] = 512
    hidden: tuple[int, ...] = (128, 128)
    memory: Annotated[int, Range(low=1000, high=50_000_000)] = 1_000_000
    warm_up: Annotated[int, Range(low=0, high=10**9)] = 10_000
    evaluate_every: Annotated[float, Range(above=0, high=1e6)] = 60.0
    save_every: Annotated[float, Range(low=0, high=1e6)] = 60.0
    evaluate_on: Annotated[int, Range(low=1, high=10_000)] = 50
    episode: Annotated[float, Range(low=1, high=1e5)] = 30.0
    patience: Annotated[float, Range(low=0.5, high=1e5)] = 5.0
    final_rate: Annotated[float, Range(low=0, high=1)] = 0.05
    final_entropy: Annotated[float, Range(low=-100, high=100)] | None = -8.0
    averaging: Annotated[int, Range(low=0, high=10**9)] = 1000
    policy_delay: Annotated[int, Range(low=1, high=100)] = 1
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    teacher: Teacher = Teacher()
    practice: Practice = Practice()
    sac: SacSettings = field(
        default_factory=lambda: SacSettings(
            batch_size=512,
            gradient_steps=16,
            n_steps=6,
            ent_coef="auto_0.005",
            target_entropy=-5.0,
        )
    )
    caution: Annotated[float, Range(low=0.1, high=100)] = 2.0
    final_caution: Annotated[float, Range(low=0.1, high=100)] | None = 5.0
    variety: Variety = TRAINING
    lessons: Lessons = Lessons()
    log_to: tuple[Literal["tensorboard", "aim", "wandb"], ...] = ("tensorboard",)

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        if self.minutes is None and self.steps is None:
            raise ValueError("give minutes or steps, or the run never ends")
        if not self.hidden or not all(1 <= w <= 4096 for w in self.hidden):
            raise ValueError(f"hidden must be widths from 1 to 4096: {self.hidden}")

    def half(self) -> bool:
        """Whether hidden layers are multiplied in bfloat16 on this machine."""
        if self.precision != "auto":
            return self.precision == "bfloat16"
        from retroracer.training.hardware import has_bfloat16

        return has_bfloat16(self.device)


FINE_TUNING = RunSettings(
    parent="base",
    minutes=5.0,
    cars=512,
    memory=500_000,
    warm_up=30_000,
    practice=Practice(rate=4e-4, entropy=0.0),
    sac=SacSettings(
        learning_rate=1e-4,
        gradient_steps=16,
        n_steps=6,
        target_entropy=-7.0,
        ent_coef="auto_0.001",
    ),
    episode=60.0,
    variety=Variety(
        start="random",
        pace=(0.8, 1.0),
        standing=0.01,
        astray=0.01,
        offset=0.5,
        heading=0.03,
        grip=(0.99, 1.01),
        mass=(0.99, 1.01),
        power=(0.99, 1.01),
    ),
    lessons=Lessons(latest=0.0, grip=0.9),  # if any are asked for
    evaluate_every=10.0,
    caution=3.0,
    final_caution=None,
)
"""What makes a specialist of a generalist: its track, a lower rate, mostly whole laps at speed,
and a little of the generalist's variety, so that it does not learn one lap by heart."""
