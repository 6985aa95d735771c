"""A drive as a film: GIF, or MP4 where PyAV is installed.

Owns driving for the camera (``carracing.recorder``) and the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.atomic import replacing
from retroracer.carracing.pipeline import Pipeline
from retroracer.carracing.recorder import recording
from retroracer.errors import UserError
from retroracer.training.judging.episodes import MAX_FRAMES, Act

GIF_SIZE = (300, 200)
"""Pixels; a whole lap at twice that would be some 30 MB."""

Picture = npt.NDArray[np.uint8]


def film(
    act: Act, pipeline: Pipeline, seed: int, fps: int, max_frames: int = MAX_FRAMES
) -> list[Picture]:
    """The pictures (400, 600, 3) of one episode on the stock env.

    Args:
        act: the driver.
        pipeline: the wrappers.
        seed: of the track.
        fps: pictures a second of driving: 50, or a divisor of it, or the nearest below.
        max_frames: after which the film ends.
    """
    env, pictures = recording(pipeline, max(1, 50 // fps), max_frames)
    obs, _ = env.reset(seed=seed)
    over = False
    while not over:
        obs, _, terminated, truncated, _ = env.step(act(obs[None])[0])
        over = terminated or truncated
    env.close()
    return pictures


def write_gif(path: Path, pictures: list[Picture], fps: int) -> None:
    """Write an animated GIF.

    Raises:
        UserError: if the place cannot be written.
    """
    from PIL import Image

    small = [Image.fromarray(p).resize(GIF_SIZE).quantize(64) for p in pictures]
    with replacing(path) as part:
        small[0].save(
            part,
            "GIF",
            save_all=True,
            append_images=small[1:],
            duration=round(1000 / fps),
            loop=0,
        )


def write_mp4(path: Path, pictures: list[Picture], fps: int) -> None:
    """Write an H.264 film.

    Raises:
        UserError: if PyAV is not installed, or the place cannot be written.
    """
    av = demand_av()
    with replacing(path) as part, av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def demand_av() -> Any:
    """PyAV.

    Raises:
        UserError: if it is not installed.
    """
    try:
        import av
    except ImportError:
        raise UserError(
            "--mp4 needs PyAV, which is not installed: pip install av; or use --gif"
        ) from None
    return av
