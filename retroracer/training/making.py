"""What a learner is made of by its settings: the model that learns, and what it is paid."""

from __future__ import annotations

import dataclasses
from typing import Any

from retroracer.agents.fast_sac import FastSAC
from retroracer.envs import task
from retroracer.envs.batch import RacingBatch
from retroracer.training import checkpoint
from retroracer.training.run_settings import RunSettings
from retroracer.training.vec_env import RacingVecEnv


def reward_of(caution: float) -> task.Reward:
    """The task's reward, in which leaving the road costs ``caution`` times as much."""
    usual = task.Reward()
    return usual._replace(
        off_track=caution * usual.off_track,
        leaving=caution * usual.leaving,
        wall=caution * usual.wall,
        impact=caution * usual.impact,
        crash=caution * usual.crash,
    )


def model_of(settings: RunSettings, batch: RacingBatch) -> FastSAC:
    """A fresh model, or the parent's, for these cars."""
    env = RacingVecEnv(batch)  # the model asks it for its spaces only
    arguments: dict[str, Any] = dataclasses.asdict(settings.sac) | {
        "buffer_size": 1,  # SB3's memory stays unused
        "seed": settings.seed,
        "device": settings.device,
    }
    if settings.parent is not None:
        model = checkpoint.load_sac(settings.parent, env, layout=task.LAYOUT, **arguments)
    else:
        kwargs = {"net_arch": list(settings.hidden)}
        model = FastSAC("MlpPolicy", env, policy_kwargs=kwargs, **arguments)
    model.half = settings.half()
    model.policy_delay = settings.policy_delay
    return model
