"""Films an episode of CarRacing; ``render.film`` writes the file."""

from __future__ import annotations

import math
from pathlib import Path

from retroracer.carracing.pipeline import Pipeline, recording
from retroracer.render.film import write_film
from retroracer.training.judging.episodes import MAX_FRAMES, Act

GIF_SIZE = (300, 200)
"""Width and height [pixels]; a whole lap at twice that size would be some 30 MB."""

FRAMES = 50
"""Frames of the env per second of driving."""


def film(
    path: Path, act: Act, pipeline: Pipeline, seed: int, fps: int, max_frames: int = MAX_FRAMES
) -> None:
    """Film up to so many frames of an episode on the stock env, at the speed that was driven.

    The path's suffix chooses the format; ``fps`` is the most pictures per second.

    Raises:
        UserError: if the file cannot be written.
    """
    every = math.ceil(FRAMES / fps)
    env, pictures = recording(pipeline, every, max_frames)
    obs, _ = env.reset(seed=seed)
    over = False
    while not over:
        obs, _, terminated, truncated, _ = env.step(act(obs[None])[0])
        over = terminated or truncated
    env.close()
    size = None if path.suffix.lower() == ".mp4" else GIF_SIZE
    write_film(path, pictures, FRAMES / every, size)
