"""Where figures go: TensorBoard's files, and one clear line for what is not installed."""

from __future__ import annotations

import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from retroracer.errors import UserError
from retroracer.training.run.hardware import PROFILES, profile_of
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


def test_larger_machines_get_larger_runs(monkeypatch):
    sizes = [p.memory for p in PROFILES.values()]
    assert sizes == sorted(sizes) and profile_of("cpu") is PROFILES["cpu"]
