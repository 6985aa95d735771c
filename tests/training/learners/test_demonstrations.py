"""Demonstrations as replay: fast, mostly survived, and transitions like any other."""

from __future__ import annotations

import numpy as np
import pytest

from retroracer.agents.replay import Memory
from retroracer.envs import task
from retroracer.training.learners.demonstrations import Demonstrations, gather
from retroracer.training.learners.racing_tasks import make_racing
from retroracer.training.run.budget import Budget
from tests.shapes import oval
from tests.training.tiny import racing

FEW = Demonstrations(share=0.25, transitions=128 * 150, tracks=2)


def demonstrations(wanted: Demonstrations = FEW, tracks=None) -> Memory | None:
    run = make_racing(
        racing("episode=6", "seed=3", "penalty_scale=[1, 1]", "patience=2"), Budget(None, None)
    )
    return gather(run, wanted, tracks)


@pytest.mark.slow
def test_they_are_faster_than_what_a_beginner_sees_and_seldom_end_off_the_road() -> None:
    memory = demonstrations(tracks=[oval()])
    assert memory is not None and len(memory) == FEW.transitions
    speed = 50.0 * memory.obs[..., task.OBS_NAMES.index("speed")]
    assert speed.quantile(0.9) > 30.0
    assert memory.terminated.sum() < 0.4 * memory.ended.sum()
    assert memory.reward.mean() > 0.1  # what 15 m/s pay, standing starts and mishaps included
    assert memory.action.abs().max() <= 1.0


@pytest.mark.slow
def test_the_same_seed_gives_the_same_demonstrations() -> None:
    few = Demonstrations(share=0.25, transitions=1280, tracks=1)
    one, two = demonstrations(few), demonstrations(few)
    for name in ("obs", "action", "reward", "next_obs", "ended"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


@pytest.mark.slow
def test_a_share_of_nothing_gathers_nothing_and_a_batch_holds_the_share_asked_for() -> None:
    assert demonstrations(Demonstrations(share=0.0)) is None
    from retroracer.training.learners.sac import SAC

    settings = racing(
        "sac.demonstrations.share=0.25", "sac.demonstrations.transitions=1280",
        "sac.demonstrations.tracks=1", "sac.batch_size=32", "sac.demonstrations.latest=0.5",
        "sac.demonstrations.ready=0.9",
    )  # fmt: skip
    sac = SAC(make_racing(settings, Budget(None, None)), settings.of("sac"), first=True)
    assert sac._n_demonstrations(0.4) == 0, "not before the driver is ready, or it is late"
    assert sac._n_demonstrations(0.5) == 8
