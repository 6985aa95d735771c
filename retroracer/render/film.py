"""The one writer of films: pictures in, a GIF, WebP or MP4 file out.

Owns the formats; what is filmed belongs to whoever draws the pictures. They are taken one by one,
so a long film needs no more memory than a short one. GIF and WebP are written by Pillow, MP4
(H.264, which every player knows) by PyAV; both are loaded only here and only when needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from retroracer.atomic import replacing
from retroracer.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

KINDS = (".gif", ".webp", ".mp4")
"""Endings of the files that can be written."""

GIF_COLOURS = 64
"""Colours of a GIF: more make it larger, and show little more of flat drawings."""

Picture = npt.NDArray[np.uint8]
"""(height, width, 3) red, green and blue."""


def writes_mp4() -> bool:
    """True if MP4 can be written here."""
    return find_spec("av") is not None


def demand_writer(path: Path) -> None:
    """Make sure, before long work, that such a film can be written here.

    Raises:
        UserError: if the ending is unknown, or MP4 is asked for and PyAV is not installed.
    """
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise UserError(f"cannot write a film to {path.name}: end it with {', '.join(KINDS)}")
    if kind == ".mp4":
        _pyav()


def write_film(
    path: Path,
    pictures: Iterable[Picture],
    fps: float,
    size: tuple[int, int] | None = None,
    progress: Callable[[int], None] | None = None,
    one_palette: bool = True,
) -> int:
    """Write pictures as a film, whole or not at all.

    Args:
        path: its ending says the kind: .gif, .webp or .mp4.
        pictures: at least one, all of one shape; taken as they are written.
        fps: pictures a second; less than 1 shows each for longer. GIF keeps hundredths of a
            second a picture.
        size: (width, height) to shrink to, so that a film stays small enough to share; None
            leaves the pictures' own.
        progress: told how many pictures are written; an exception from it ends the film.
        one_palette: True takes a GIF's colours from the first picture: quicker, smaller, no
            flicker. False gives each picture its own, for pictures unlike one another.

    Returns:
        How many pictures were written.

    Raises:
        UserError: as ``demand_writer`` does; if there are no pictures; if the file cannot be
            written.
    """
    demand_writer(path)
    source = iter(_counted(pictures, progress))
    first = next(source, None)
    if first is None:
        raise UserError(f"{path.name}: there is nothing to film")
    source = chain([first], source)
    with replacing(path) as part:
        if path.suffix.lower() == ".mp4":
            return _mp4(part, source, first.shape, fps, size)
        images = (_image(picture, size) for picture in source)
        if path.suffix.lower() == ".webp":
            return _pillow(part, images, "WEBP", fps)
        return _pillow(part, _few_colours(images, one_palette), "GIF", fps)


def _counted(
    pictures: Iterable[Picture], progress: Callable[[int], None] | None
) -> Iterator[Picture]:
    """The pictures; once the next one is asked for, the last one has been written."""
    for count, picture in enumerate(pictures, 1):
        yield picture
        if progress is not None:
            progress(count)


def _image(picture: Picture, size: tuple[int, int] | None) -> Image.Image:
    from PIL import Image

    image = Image.fromarray(picture)
    return image if size is None or size == image.size else image.resize(size)


def _few_colours(images: Iterable[Image.Image], one_palette: bool) -> Iterator[Image.Image]:
    from PIL import Image

    shared: Image.Image | None = None
    for image in images:
        # Without dither: dots that change from picture to picture flicker and pack badly.
        few = image.quantize(GIF_COLOURS, palette=shared, dither=Image.Dither.NONE)
        if one_palette and shared is None:
            shared = few
        yield few


def _pillow(part: Path, images: Iterator[Image.Image], kind: str, fps: float) -> int:
    count = 1

    def rest() -> Iterator[Image.Image]:
        nonlocal count
        for image in images:
            count += 1
            yield image

    with open(part, "wb") as file:
        next(images).save(
            file, kind, save_all=True, append_images=rest(), duration=round(1000 / fps), loop=0
        )
    return count


def _mp4(
    part: Path,
    pictures: Iterator[Picture],
    shape: tuple[int, ...],
    fps: float,
    size: tuple[int, int] | None,
) -> int:
    av = _pyav()
    count = 0
    with av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        wide, high = size or (shape[1], shape[0])
        # Two by two pixels share a colour in this format, so both sides must be even.
        stream.width, stream.height, stream.pix_fmt = wide // 2 * 2, high // 2 * 2, "yuv420p"
        for picture in pictures:
            if size is None:
                picture = np.ascontiguousarray(picture[: stream.height, : stream.width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            count += 1
        container.mux(stream.encode())
    return count


def _pyav() -> Any:
    try:
        import av
    except ImportError:
        raise UserError(
            "MP4 needs PyAV, which is not installed: pip install av; or write a .gif"
        ) from None
    return av
