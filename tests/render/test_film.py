"""Films: every kind holds its pictures in order, and is written whole or not at all."""

import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from retroracer.errors import UserError
from retroracer.render.film import KINDS, Picture, demand_writer, write_film


def grey(count: int, high: int = 90, wide: int = 160) -> Iterator[Picture]:
    """Pictures from black to light grey, 20 shades apart."""
    for k in range(count):
        yield np.full((high, wide, 3), 20 * k, np.uint8)


def shades(path: Path) -> list[int]:
    """The middle pixel of every picture of a film."""
    if path.suffix == ".mp4":
        with av.open(str(path)) as film:
            frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    else:
        with Image.open(path) as film:
            frames = []
            for k in range(film.n_frames):  # type: ignore[attr-defined]
                film.seek(k)
                frames.append(np.asarray(film.convert("RGB")))
    return [int(f[f.shape[0] // 2, f.shape[1] // 2, 1]) for f in frames]


@pytest.mark.parametrize("kind", KINDS)
def test_a_film_holds_its_pictures_in_order(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"film{kind}"
    told: list[int] = []
    assert write_film(path, grey(8), 20, progress=told.append, one_palette=False) == 8
    assert told == list(range(1, 9))
    assert np.abs(np.array(shades(path)) - 20 * np.arange(8)).max() <= 6
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_mp4_has_h264_the_rate_asked_for_and_even_sides(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    write_film(path, grey(6, 91, 161), 1 / 1.2)
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height) == (160, 90)
        assert stream.codec_context.name == "h264"
        assert float(stream.duration * stream.time_base) == pytest.approx(6 * 1.2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_film_is_shrunk_to_the_size_asked_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"film{kind}"
    write_film(path, grey(3), 25, size=(80, 46))
    if kind == ".mp4":
        with av.open(str(path)) as film:
            stream = film.streams.video[0]
            assert (stream.width, stream.height) == (80, 46)
    else:
        with Image.open(path) as film:
            assert film.size == (80, 46)


def test_a_gif_shows_each_picture_for_its_time(tmp_path: Path) -> None:
    write_film(tmp_path / "film.gif", grey(3), 1 / 1.2, one_palette=False)
    with Image.open(tmp_path / "film.gif") as film:
        assert film.info["duration"] == 1200


@pytest.mark.parametrize("kind", KINDS)
def test_a_film_that_is_stopped_leaves_the_old_one(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"film{kind}"
    path.write_bytes(b"the old one")

    def stop(count: int) -> None:
        if count == 2:
            raise UserError("stopped")

    with pytest.raises(UserError, match="stopped"):
        write_film(path, grey(5), 20, progress=stop)
    assert path.read_bytes() == b"the old one"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_film_and_no_folder_are_refused_in_words(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UserError, match="nothing to film"):
        write_film(tmp_path / f"film{kind}", iter(()), 20)
    with pytest.raises(UserError, match="does not exist"):
        write_film(tmp_path / "no" / f"film{kind}", grey(2), 20)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_ending_is_refused_before_a_picture_is_drawn(tmp_path: Path) -> None:
    for name in ("film.avi", "film"):
        with pytest.raises(UserError, match=r"end it with \.gif, \.webp, \.mp4"):
            write_film(tmp_path / name, (1 / 0 for _ in range(1)), 20)  # type: ignore[misc]


def test_mp4_without_pyav_says_how_to_get_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match="pip install av"):
        demand_writer(tmp_path / "film.mp4")
    demand_writer(tmp_path / "film.gif")
