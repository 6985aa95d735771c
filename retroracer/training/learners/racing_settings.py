"""The settings of a run in the racing task that do not belong to one learner, with their bounds."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from retroracer.config import Range
from retroracer.envs import task
from retroracer.envs.race_task import N_RACE_OBS, RaceReward
from retroracer.envs.variety import TRAINING, Variety
from retroracer.physics.company import MOST_CARS
from retroracer.training.learners.league import LeagueSettings
from retroracer.training.run.settings import RunSettings

PROFILES: dict[str, tuple[str, ...]] = {"cpu": ()} | {
    name: (
        f"cars={cars}",
        f"ppo.batch_size={ppo_batch}",
        f"sac.batch_size={batch}",
        f"sac.buffer_size={replay}",
    )
    for name, cars, ppo_batch, batch, replay in (
        ("4gb", 1024, 16384, 1024, 2_000_000),
        ("6gb", 1024, 16384, 1024, 4_000_000),
        ("8gb", 2048, 32768, 2048, 6_000_000),
        ("12gb", 2048, 32768, 2048, 10_000_000),
    )
}
"""Settings laid over a shipped page on a GPU with at least that much memory; the pages themselves
are made for a processor."""


@dataclass(frozen=True)
class RaceSettings:
    """Solid rivals on the road.

    Attributes:
        rivals: cars beside the learner's in a race; 0 = it drives alone.
        reward: weights of the reward's terms that racing adds.
        alone: share of the races in which the rivals are ghosts, so that driving alone is not
            forgotten.
        added: hidden units added to each layer of a parent that laps alone. They are 0 while no
            other car is in sight, and the parent's own weights are kept: the driver laps alone
            exactly as its parent does. 0 = none, and all weights are learned.
        league: who the rivals are.
        against: the driver that fills the other places of the grid in evaluations.
        laps: of a race in evaluations.
        days: times each track is raced in an evaluation, with other grip and power each time.
    """

    rivals: Annotated[int, Range(low=0, high=MOST_CARS - 1)] = 0
    reward: dict[str, Annotated[float, Range(low=-1e6, high=1e6)]] = field(
        default_factory=lambda: RaceReward()._asdict()
    )
    alone: Annotated[float, Range(low=0, high=1)] = 0.2
    added: Annotated[int, Range(low=0, high=1024)] = 0
    league: LeagueSettings = field(default_factory=LeagueSettings)
    against: str = "base"
    laps: Annotated[int, Range(low=1, high=100)] = 2
    days: Annotated[int, Range(low=1, high=100)] = 2

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        _demand_terms(self.reward, RaceReward._fields)

    def weights(self) -> RaceReward:
        """The weights of racing."""
        return RaceReward()._replace(**self.reward)


@dataclass(frozen=True)
class RacingSettings(RunSettings):
    """The settings of a run in the racing task, in addition to those of every run.

    Attributes:
        track: names or paths of the tracks to train on; empty = endless random tracks. With
            tracks, evaluations are driven on those alone.
        car: name of a shipped car, or a path; None = the parent's, or the GT car.
        cars: number of cars driving side by side.
        hidden: widths of the hidden layers of actor and critics (a parent's widths are kept).
        precision: of the matrix products of hidden layers; "auto" takes bfloat16 where the
            processor or GPU multiplies it faster.
        averaging: updates over which the weights of the evaluated driver are averaged; 0 = the
            current weights. Averages drive more evenly: single weights change at every update.
        action_repeat: control steps of 50 ms for which an action is held; 2 means 10 decisions
            per second.
        episode: seconds after which an episode is truncated.
        patience: seconds off the road, or without progress, after which an episode is terminated.
            It is longer than the env's default, so that returning to the road pays.
        reward: weights of the reward's terms.
        penalty_scale: factor on the penalties among the terms, at the beginning and at the end of
            the run. Small at first, so that a driver may make mistakes while it learns; factors
            above 1 make cleaner and slower drivers.
        variety: what varies between episodes.
        race: the solid rivals, if there are any.
    """

    track: tuple[str, ...] = ()
    car: str | None = None
    cars: Annotated[int, Range(low=1, high=65536)] = 512
    hidden: tuple[int, ...] = (128, 128)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    averaging: Annotated[int, Range(low=0, high=10**9)] = 1000
    action_repeat: Annotated[int, Range(low=1, high=10)] = 1
    episode: Annotated[float, Range(low=1, high=3600)] = 30.0
    patience: Annotated[float, Range(low=0.5, high=3600)] = 5.0
    reward: dict[str, Annotated[float, Range(low=-1e6, high=1e6)]] = field(
        default_factory=lambda: task.Reward()._asdict()
    )
    penalty_scale: tuple[
        Annotated[float, Range(low=0.1, high=100)], Annotated[float, Range(low=0.1, high=100)]
    ] = (2.0, 5.0)
    variety: Variety = TRAINING
    race: RaceSettings = field(default_factory=RaceSettings)

    def __post_init__(self) -> None:
        """Check what types cannot express."""
        super().__post_init__()
        if not self.hidden or not all(1 <= w <= 4096 for w in self.hidden):
            raise ValueError(f"hidden must be widths from 1 to 4096: {list(self.hidden)}")
        _demand_terms(self.reward, task.Reward._fields)
        # A page may name some of the weights: the others are the defaults, scaled like these.
        object.__setattr__(self, "reward", task.Reward()._asdict() | self.reward)
        if self.race.rivals and self.parent is None:
            raise ValueError("parent: name a driver that laps alone; racing is learned after that")

    def half(self) -> bool:
        """True if hidden layers are multiplied in bfloat16 on this machine."""
        if self.precision != "auto":
            return self.precision == "bfloat16"
        from retroracer.training.run.hardware import has_bfloat16

        return has_bfloat16(self.device)

    def weights(self, share: float) -> task.Reward:
        """The reward's weights when ``share`` of the budget is used up."""
        begin, end = self.penalty_scale
        scale = begin + min(max(share, 0.0), 1.0) * (end - begin)
        scaled = {k: v * scale if k in task.PENALTIES else v for k, v in self.reward.items()}
        return task.Reward(**scaled)

    def sac_arguments(self) -> dict[str, Any]:
        """Arguments of the SAC model: those of the stage that trains its critics; else none."""
        for name in ("sac", "critics"):
            if hasattr(self, name):
                found: dict[str, Any] = getattr(self, name).arguments()
                return found
        return {}


def _demand_terms(reward: dict[str, float], terms: tuple[str, ...]) -> None:
    for name in reward:
        if name not in terms:
            near = difflib.get_close_matches(name, terms, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(terms)}"
            raise ValueError(f"reward has no term {name!r}; {hint}")


PROGRAM = 700_000_000
"""Memory of a run without its replay: the program with torch, cars, tracks, rollouts [bytes]."""


def describe(settings: RacingSettings) -> str:
    """The batch size of each stage, and the memory the run will take: two lines."""
    from retroracer.agents.policy import N_ACTIONS
    from retroracer.agents.replay import Memory
    from retroracer.training.run.hardware import gigabytes

    stages = {stage.learner: settings.of(stage.learner) for stage in settings.stages}
    batches = [f"{s.batch_size:,} ({n})" for n, s in stages.items() if hasattr(s, "batch_size")]
    kept = max((s.buffer_size for s in stages.values() if hasattr(s, "buffer_size")), default=0)
    seen = N_RACE_OBS if settings.race.rivals else task.N_OBS
    replay = Memory.bytes_needed(kept, seen, N_ACTIONS)
    takes = f"it will take about {gigabytes(PROGRAM + replay)} of memory"
    if kept:
        takes += f", {gigabytes(replay)} of it for the replay of {kept:,} transitions"
    return f"batches of {', '.join(batches) or 'its own'}\n{takes}"
