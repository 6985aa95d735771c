"""What a run of ``train-pixels`` is: a page of settings, and where each algorithm starts from.

Owns the record and its bounds. Does not own learning.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from retroracer.agents.pixel_nets import Network
from retroracer.carracing.pipeline import Pipeline
from retroracer.config import Range

Positive = Annotated[float, Range(low=1e-9, high=1)]
Discount = Annotated[float, Range(low=0.1, high=1)]
Count = Annotated[int, Range(low=1, high=1_000_000)]


@dataclass(frozen=True)
class OffPolicy:
    """SAC, SAC+DrQ and DQN.

    Attributes:
        learning_rate: of everything.
        gamma: discount an action.
        tau: share of the critic its target takes over at an update.
        batch_size: transitions an update.
        n_steps: length of the returns learned from.
        replay: frames kept.
        replay_on_device: whether they are kept on the GPU.
        warm_up: actions before the first update: random, or a parent's own.
        update_every: vector steps from one round of updates to the next.
        update_ratio: updates for an action taken.
        ent_coef: SAC: "auto", "auto_0.1" (learned from 0.1) or a number.
        pad: SAC+DrQ: most pixels of the random shift.
        explore: DQN: share of the budget over which random actions become rare.
        explore_last: DQN: chance of a random action from then on.
    """

    learning_rate: Positive = 3e-4
    gamma: Discount = 0.99
    tau: Positive = 0.01
    batch_size: Count = 128
    n_steps: Annotated[int, Range(low=1, high=20)] = 3
    replay: Annotated[int, Range(low=100, high=20_000_000)] = 100_000
    replay_on_device: bool = False
    warm_up: Annotated[int, Range(low=0, high=10**9)] = 4000
    update_every: Count = 1
    update_ratio: Annotated[float, Range(above=0, high=100)] = 0.25
    ent_coef: float | str = "auto_0.1"
    pad: Annotated[int, Range(low=0, high=16)] = 4
    explore: Positive = 0.2
    explore_last: Annotated[float, Range(low=0, high=1)] = 0.02


@dataclass(frozen=True)
class OnPolicy:
    """PPO, in two phases: explore, then stabilise.

    Attributes:
        learning_rate: in the first phase.
        gamma: discount an action.
        gae_lambda: of the advantages.
        n_steps: actions of every env between rounds of updates.
        batch_size: of an update.
        n_epochs: times a round goes over what was gathered.
        ent_coef: reward for being undecided.
        clip_range: how far an action's probability may move in a round.
        vf_coef: weight of the value's loss.
        max_grad_norm: gradients are clipped to.
        target_kl: a round ends where the policy has moved this far; None = never.
        log_std_init: of the actions' spread.
        norm_reward: whether rewards are divided by the spread of their discounted sums.
        stabilise_at: share of the budget at which the second phase begins, once; None = never.
        stable_rate: learning rate from then on.
        stable_ent_coef: ent_coef from then on.
        stable_clip_range: clip_range from then on.
    """

    learning_rate: Positive = 3e-4
    gamma: Discount = 0.99
    gae_lambda: Positive = 0.95
    n_steps: Count = 128
    batch_size: Annotated[int, Range(low=2, high=1_000_000)] = 256
    n_epochs: Annotated[int, Range(low=1, high=100)] = 4
    ent_coef: Annotated[float, Range(low=0, high=1000)] = 0.001
    clip_range: Positive = 0.2
    vf_coef: Annotated[float, Range(low=0, high=1000)] = 0.5
    max_grad_norm: Annotated[float, Range(above=0, high=1e6)] = 0.5
    target_kl: Annotated[float, Range(above=0, high=1e6)] | None = None
    log_std_init: Annotated[float, Range(low=-5, high=2)] = -1.0
    norm_reward: bool = True
    stabilise_at: Annotated[float, Range(low=0, high=1)] | None = 0.6
    stable_rate: Positive = 5e-5
    stable_ent_coef: Annotated[float, Range(low=0, high=1000)] = 0.0
    stable_clip_range: Positive = 0.15


@dataclass(frozen=True)
class PixelRun:
    """Everything a run depends on.

    Attributes:
        algorithm: what learns.
        parent: name or path of the driver to continue from; its network stands.
        minutes: of training, evaluations included; None = until ``steps``.
        steps: actions of all envs together; None = until ``minutes`` are over.
        seed: of everything.
        device: "auto", "cpu" or "cuda".
        envs: side by side.
        workers: processes they run in; None = one a core, 0 = in the learner's own.
        evaluate_every: seconds between evaluations.
        evaluate_on: episodes of an evaluation, on fixed seeds of the fast env.
        save_every: seconds between saves of all that is needed to go on.
        amp: SAC+DrQ: networks computed in bfloat16, weights kept in float32.
        compile: whether torch compiles the convolutions, about a minute once.
        pipeline: the wrappers.
        network: its shape.
        off: SAC's, SAC+DrQ's and DQN's settings.
        ppo: PPO's settings.
        log_to: where the figures are shown: tensorboard, aim, wandb.
    """

    algorithm: Literal["SAC", "SAC+DrQ", "PPO", "DQN"] = "SAC+DrQ"
    parent: str | None = None
    minutes: Annotated[float, Range(above=0, high=1e6)] | None = 180.0
    steps: Annotated[int, Range(low=1, high=10**12)] | None = None
    seed: Annotated[int, Range(low=0, high=2**32 - 1)] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    envs: Annotated[int, Range(low=1, high=1024)] = 8
    workers: Annotated[int, Range(low=0, high=1024)] | None = None
    evaluate_every: Annotated[float, Range(above=0, high=1e6)] = 300.0
    evaluate_on: Annotated[int, Range(low=1, high=1000)] = 20
    save_every: Annotated[float, Range(above=0, high=1e6)] = 300.0
    amp: bool = False
    compile: bool = False
    pipeline: Pipeline = field(default_factory=Pipeline)
    network: Network = field(default_factory=Network)
    off: OffPolicy = OffPolicy()
    ppo: OnPolicy = OnPolicy()
    log_to: tuple[Literal["tensorboard", "aim", "wandb"], ...] = ("tensorboard",)

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        if self.minutes is None and self.steps is None:
            raise ValueError("give minutes or steps, or the run never ends")
        discrete = self.pipeline.actions == "discrete"
        if self.algorithm == "DQN" and not discrete:
            raise ValueError("DQN needs pipeline.actions=discrete")
        if self.algorithm in ("SAC", "SAC+DrQ") and discrete:
            raise ValueError(f"{self.algorithm} needs pipeline.actions=steer-accel")
        if self.pipeline.layout != "first" or self.pipeline.unit_floats:
            raise ValueError("training needs pipeline.layout=first and pipeline.unit_floats=false")
        if self.amp and self.algorithm != "SAC+DrQ":
            raise ValueError("amp is for SAC+DrQ alone")
        gathered = self.envs * self.ppo.n_steps
        if self.algorithm == "PPO" and gathered % self.ppo.batch_size:
            raise ValueError(
                f"ppo.batch_size must divide envs x ppo.n_steps = {gathered}: "
                f"{self.ppo.batch_size} does not"
            )
        if self.algorithm != "PPO" and self.off.replay // self.envs < 50:
            raise ValueError(f"off.replay={self.off.replay} is too small for {self.envs} envs")


_SEEN = Pipeline(reward_scale=0.1, early_stop=25)

STARTS = {
    "sac": PixelRun("SAC", pipeline=_SEEN, network=Network(features=256)),
    "sac-drq": PixelRun(
        "SAC+DrQ", pipeline=_SEEN, network=Network(features=64, trunk="norm", hidden=(256, 256))
    ),
    "ppo": PixelRun("PPO", envs=16, pipeline=_SEEN),
    "dqn": PixelRun("DQN", pipeline=replace(_SEEN, actions="discrete")),
}
"""By ``--algo``: the settings a run starts from."""
