"""Writing a Stable-Baselines3 model as a zip, with entries of our own, atomically.

Owns what of a run stays out of a zip, and what plain ``SAC.load`` reads instead of the settings of
a run.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from retroracer.atomic import replacing

PLAIN_ACTOR_EPS = 10.0
"""Adam's epsilon for the actor in zips for plain ``SAC.load``: small steps in proportion to the
gradients. Plain SAC takes slopes of values from its critics, which hardly know them (see
``training.learners.branches``); with steps as large as the critics' a driver is soon spoiled."""

# SB3 attributes that belong to a run, not to the model. Left out so that a zip holds no rollout,
# path or class of its author's machine, and can be loaded where those do not exist.
_LEFT_OUT = (
    "_last_obs",
    "_last_original_obs",
    "_last_episode_starts",
    "ep_info_buffer",
    "ep_success_buffer",
    "lr_schedule",
    "replay_buffer_class",
    "replay_buffer_kwargs",
    "tensorboard_log",
)


def write_zip(
    model: BaseAlgorithm,
    path: str | Path,
    entries: Mapping[str, bytes],
    moments: bool,
    plain: Mapping[str, float] | None = None,
) -> None:
    """Write a model as SB3 does, with entries of our own (contents by name), atomically.

    ``moments=False`` leaves out the optimisers' moments; settings in ``plain`` replace the model's
    own in what SB3 reads, as in ``checkpoint.save``.
    """
    whole = io.BytesIO()
    model.save(whole, exclude=_LEFT_OUT)
    with replacing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        with zipfile.ZipFile(whole) as stock:
            for name in stock.namelist():
                if name == "system_info.txt":  # describes its author's machine
                    continue
                data = stock.read(name)
                if name.endswith("optimizer.pth") and not moments:
                    data = _without_moments(data)
                if name == "data" and plain:
                    data = json.dumps(json.loads(data) | dict(plain), indent=4).encode()
                if name == "actor.optimizer.pth" and plain:
                    data = _slowed(data)
                archive.writestr(name, data)
        for name, data in entries.items():
            archive.writestr(name, data)


def _without_moments(raw: bytes) -> bytes:
    """The state of an optimiser (our own, just written) without its moments."""
    return _torch_bytes(torch.load(io.BytesIO(raw), weights_only=True) | {"state": {}})


def _slowed(raw: bytes) -> bytes:
    """The state of the actor's optimiser (our own, just written), for plain ``SAC.load``."""
    state = torch.load(io.BytesIO(raw), weights_only=True)
    groups = [group | {"eps": PLAIN_ACTOR_EPS} for group in state["param_groups"]]
    return _torch_bytes(state | {"param_groups": groups})


def _torch_bytes(state: Any) -> bytes:
    out = io.BytesIO()
    torch.save(state, out)
    return out.getvalue()
