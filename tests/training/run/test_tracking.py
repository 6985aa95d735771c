"""Where figures go: TensorBoard's files, and one clear line for what is not installed."""

from __future__ import annotations

import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from retroracer.errors import UserError
from retroracer.training.learners import racing_settings
from retroracer.training.learners.pixels import settings as pixel_settings
from retroracer.training.run.hardware import GPU_PROFILES, profile_of
from retroracer.training.run.tracking import Tracking


def test_numbers_reach_tensorboard_and_nothing_else_does(tmp_path):
    with Tracking(("tensorboard",), tmp_path) as tracking:
        tracking.log(100, {"score": 0.5, "best": True, "median_ratio": None, "tracks": 50})
        tracking.log(200, {"score": 0.6})
    events = EventAccumulator(str(tmp_path)).Reload()
    assert set(events.Tags()["scalars"]) == {"score", "tracks"}
    assert [(e.step, round(e.value, 3)) for e in events.Scalars("score")] == [
        (100, 0.5),
        (200, 0.6),
    ]


@pytest.mark.parametrize("name", ["aim", "wandb"])
def test_a_service_that_is_not_installed_is_named_with_its_remedy(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=rf"pip install 'retroracer\[{name}\]'"):
        Tracking((name,), tmp_path)


def test_larger_machines_get_larger_runs():
    for profiles, keys in (
        (racing_settings.PROFILES, ("cars", "ppo.batch_size", "sac.buffer_size")),
        (pixel_settings.profiles_of("sac"), ("envs", "sac.batch_size", "dqn.buffer_size")),
    ):
        assert list(profiles) == ["cpu", *GPU_PROFILES]
        for key in keys:
            # A page that is made for a processor needs no sizes for one.
            laid = [dict(s.split("=") for s in sets) for sets in profiles.values() if sets]
            assert len(laid) >= len(GPU_PROFILES)
            sizes = [int(sets[key]) for sets in laid]
            assert sizes == sorted(sizes) and sizes[0] < sizes[-1], key
    assert profile_of("cpu", "auto") == profile_of("auto", "cpu") == "cpu"
