"""Lessons: fast, mostly survived, and no different from a learner's own experience."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from retroracer.envs import task
from retroracer.envs.variety import TRAINING
from retroracer.physics.car import load_car
from retroracer.training.lessons import gather
from retroracer.training.run_settings import Lessons
from tests.shapes import oval

FEW = Lessons(share=0.25, steps=128 * 150, tracks=2)


def lessons(settings=FEW, tracks=None):
    ending = task.Ending(time=6.0)
    device = torch.device("cpu")
    return gather(settings, load_car("gt"), tracks, TRAINING, task.Reward(), ending, 3, device)


def test_lessons_are_faster_than_what_a_beginner_sees_and_seldom_end_off_the_road():
    memory = lessons(tracks=[oval()])
    assert len(memory) == FEW.steps
    speed = 50.0 * memory.obs[..., task.OBS_NAMES.index("speed")]
    assert speed.quantile(0.9) > 30.0
    assert memory.terminated.sum() < 0.4 * memory.ended.sum()
    assert memory.reward.mean() > 0.1  # what 15 m/s pay, standing starts and mishaps included
    assert memory.action.abs().max() <= 1.0


@pytest.mark.slow
def test_the_same_seed_gives_the_same_lessons():
    one, two = lessons(), lessons()
    for name in ("obs", "action", "reward", "next_obs", "ended"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
