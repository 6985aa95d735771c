"""A pixel replay on disk: a short JSON header, then the arrays as they are in memory.

Owns the file's format. The arrays are written and read in pieces, directly from and into the
replay's memory, so no second copy is needed. A kill while writing leaves the previous file whole.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import torch

from retroracer.agents.facts import plain_json
from retroracer.agents.pixels.replay import Ints, PixelReplay
from retroracer.atomic import replacing
from retroracer.checks import Form, count, demand_array, generator_state
from retroracer.errors import UserError
from retroracer.reading import shown

MAGIC = b"RetroRacer pixel replay 1\n"
MAX_VALUE = 1e9
"""Largest accepted magnitude of an action or a reward."""

PIECE = 4096
"""Frames moved at a time between the disk and a replay kept on the device."""


def _arrays(replay: PixelReplay, rows: int) -> Iterator[npt.NDArray[Any]]:
    for array in (replay.action, replay.reward, replay.terminated, replay.age):
        yield array[:rows]


def _head(replay: PixelReplay) -> dict[str, Any]:
    return {
        "rows": replay.rows,
        "envs": replay.envs,
        "frame": list(replay.frame),
        "action": list(replay.action.shape[2:]),
        "kind": replay.action.dtype.str,
    }


def _bytes(array: npt.NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


class _TooLateError(Exception):
    """There is no time left to write the rest of the file."""


def save(replay: PixelReplay, path: Path | str, moment: float = float("inf")) -> bool:
    """Write a replay atomically, and return True.

    At ``moment`` (``time.monotonic``) writing is given up: then the old file stays.

    Raises:
        UserError: as ``replacing`` does.
    """
    kept = int(replay.filled.max())  # rows to write: up to the last one ever filled
    head = _head(replay) | {
        "kept": kept,
        "head": replay.head.tolist(),
        "filled": replay.filled.tolist(),
        "rng": replay.rng.bit_generator.state,
    }
    text = json.dumps(head).encode()

    def pieces() -> Iterator[bytes | memoryview]:
        yield MAGIC + len(text).to_bytes(8, "little") + text
        for array in _arrays(replay, kept):
            yield _bytes(array)
        for begin in range(0, kept * replay.envs, PIECE):
            piece = replay.frames[begin : min(begin + PIECE, kept * replay.envs)]
            yield _bytes(piece.cpu().numpy())

    try:
        with replacing(path) as part, open(part, "wb") as file:
            for piece in pieces():
                file.write(piece)
                if moment < float("inf"):
                    os.fsync(file.fileno())  # otherwise the disk would block at the end instead
                    if time.monotonic() >= moment:
                        raise _TooLateError
    except _TooLateError:
        return False
    return True


def load(replay: PixelReplay, path: Path | str) -> None:
    """Fill a replay of the same shape from a file; episodes then under way end at their last row.

    Raises:
        UserError: if the file is missing, not a replay, or of another shape; or if it is cut
            short: then the replay is left empty.
    """
    try:
        with open(path, "rb") as file:
            head = _read_head(file, path)
            mine = _head(replay)
            for name, value in mine.items():
                if head.get(name) != value:
                    raise UserError(
                        f"{path}: a replay with {name} {shown(head.get(name))}, but this run "
                        f"needs {value}; delete it to begin with an empty one"
                    )
            kept, heads, filled, rng = _places(head, replay)
            replay.filled[:] = 0
            for array in _arrays(replay, kept):
                _fill(file, array, path)
            _check(replay, kept)
            _fill_frames(file, replay, kept * replay.envs, path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise UserError(
            f"{path} is damaged ({shown(str(error), 120)}); delete it to begin with an empty replay"
        ) from None
    replay.head[:] = heads
    replay.filled[:] = filled
    replay.rng.bit_generator.state = rng


def _places(head: dict[str, Any], replay: PixelReplay) -> tuple[int, Ints, Ints, dict[str, Any]]:
    """Rows kept, positions in the rings, their fill and the random state, of a file's header.

    Raises:
        ValueError, KeyError, TypeError: if they are missing or contradict each other.
    """
    shape = (replay.envs,)
    first = Form(shape, np.int64, 0, replay.rows - 1)
    most = Form(shape, np.int64, 0, replay.rows)
    kept = count(head, "kept", replay.rows)
    heads = demand_array("head", np.array(head["head"]), first)
    filled = demand_array("filled", np.array(head["filled"]), most)
    rng = generator_state(head["rng"])
    young = filled < replay.rows
    if kept < filled.max() or (heads != filled)[young].any():
        raise ValueError("its rings are not as full as it says")
    return kept, heads, filled, rng


def _check(replay: PixelReplay, kept: int) -> None:
    """Refuse arrays that were read with a value out of its range."""
    low, high = (-MAX_VALUE, MAX_VALUE) if replay.action.dtype.kind == "f" else (0, MAX_VALUE)
    forms = {
        "action": Form(replay.action[:kept].shape, replay.action.dtype, low, high),
        "reward": Form(replay.reward[:kept].shape, np.float32, -MAX_VALUE, MAX_VALUE),
        "age": Form(replay.age[:kept].shape, np.int32, 0, 2**30),
    }
    for name, form in forms.items():
        demand_array(name, getattr(replay, name)[:kept], form)
    if (replay.terminated[:kept].view(np.uint8) > 1).any():
        raise ValueError("terminated is neither true nor false")


def _read_head(file: BinaryIO, path: Path | str) -> dict[str, Any]:
    try:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError
        size = int.from_bytes(file.read(8), "little")
        if size > 1 << 24:
            raise ValueError
        head = plain_json(file.read(size), bits=160)
        if not isinstance(head, dict):
            raise ValueError
        return head
    except ValueError:
        raise UserError(f"{path} is not a pixel replay of this program, or is damaged") from None


def _fill(file: BinaryIO, array: npt.NDArray[Any], path: Path | str) -> None:
    room = _bytes(array)
    if file.readinto(room) != len(room):  # type: ignore[attr-defined]
        raise UserError(f"{path} is cut short; delete it to begin with an empty replay")


def _fill_frames(file: BinaryIO, replay: PixelReplay, count: int, path: Path | str) -> None:
    for begin in range(0, count, PIECE):
        piece = replay.frames[begin : min(begin + PIECE, count)]
        if replay.storage.type == "cpu":
            _fill(file, piece.numpy(), path)
        else:
            room = torch.empty(piece.shape, dtype=torch.uint8)
            _fill(file, room.numpy(), path)
            piece.copy_(room)
