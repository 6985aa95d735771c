"""Model zips, read without torch and without unpickling.

A model is one Stable-Baselines3 zip with two entries more: ``retroracer.json`` (``Facts``)
and ``actor.npz`` (the actor's weights as plain float32 arrays). This module owns finding a
model by name and reading those two; ``retroracer.training.checkpoint`` writes whole zips.
Files come from strangers: sizes are bounded before anything is inflated, nothing is run.
"""

from __future__ import annotations

import difflib
import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.agents.facts import MAX_LAYERS, Facts, from_json
from retroracer.errors import UserError
from retroracer.resources import models_dir

FACTS_ENTRY = "retroracer.json"
ACTOR_ENTRY = "actor.npz"

MAX_FACTS_BYTES = 1_000_000
MAX_ACTOR_BYTES = 64_000_000
MAX_ENTRIES = 64

FloatArray = npt.NDArray[np.float32]
Layers = list[tuple[FloatArray, FloatArray]]

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,  # an encrypted entry
    NotImplementedError,  # an unknown compression
    KeyError,
    OverflowError,
    MemoryError,
)
"""All that a damaged or hostile zip makes the standard library raise."""

# The header numpy writes before a plain C-ordered little-endian float32 array.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '<f4', 'fortran_order': False, "
    rb"'shape': \((\d{1,5}), ?(\d{0,5})\), \} *\n",
    re.DOTALL,
)


def find_model(name_or_path: str | Path) -> Path:
    """The file that a path, or the name of a shipped model (``base``), stands for.

    Raises:
        UserError: if there is none, naming the nearest.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a model file in it (.zip)")
    named = models_dir() / f"{name_or_path}.zip"
    if path.name == str(name_or_path) and named.is_file():
        return named
    have = sorted(p.stem for p in models_dir().glob("*.zip"))
    near = difflib.get_close_matches(path.stem, have, n=1, cutoff=0.5)
    if near:
        raise UserError(f"no model {str(name_or_path)!r}; did you mean {near[0]!r}?")
    known = f"there are: {', '.join(have)}" if have else "train one with python train_base.py"
    raise UserError(f"no model {str(name_or_path)!r}; {known}")


def read_facts(name_or_path: str | Path) -> Facts:
    """Read what a model says about itself.

    Raises:
        UserError: if the file is missing, damaged or not one of ours.
    """
    path = find_model(name_or_path)
    raw = read_entry(path, FACTS_ENTRY, MAX_FACTS_BYTES)
    try:
        return from_json(raw, str(path))
    except ValueError as error:
        raise damaged(path, f"its {FACTS_ENTRY} cannot be read ({error})") from None


def read_actor(name_or_path: str | Path) -> Layers:
    """Read a model's actor.

    Returns:
        Each layer's (weight (inputs, outputs), bias (outputs,)), float32, finite, in order;
        the inputs of each are the outputs of the one before.

    Raises:
        UserError: if the file is missing, damaged or not one of ours.
    """
    path = find_model(name_or_path)
    raw = read_entry(path, ACTOR_ENTRY, MAX_ACTOR_BYTES)
    try:
        arrays = _plain_arrays(raw)
        layers = [(arrays[f"weight{i}"], arrays[f"bias{i}"]) for i in range(len(arrays) // 2)]
        if not layers or len(arrays) % 2:
            raise ValueError("it has no layers")
        inputs = len(layers[0][0])
        for weight, bias in layers:
            if weight.shape != (inputs, *bias.shape) or bias.ndim != 1 or not len(bias):
                raise ValueError("its layers do not fit together")
            if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
                raise ValueError("its weights are not finite")
            inputs = len(bias)
    except DAMAGE as error:
        raise damaged(path, f"its {ACTOR_ENTRY} cannot be read ({error})") from None
    return layers


def actor_bytes(layers: Layers) -> bytes:
    """``actor.npz`` of an actor, as ``read_actor`` reads it."""
    named: dict[str, Any] = {}
    for i, (weight, bias) in enumerate(layers):
        named[f"weight{i}"] = np.ascontiguousarray(weight, "<f4")
        named[f"bias{i}"] = np.ascontiguousarray(bias, "<f4")
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


def bounded_read(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Inflate one entry of at most ``limit`` bytes.

    Raises:
        ValueError: if it claims more (zipfile never inflates more than is claimed), or there
            are more entries than a model has.
    """
    if len(archive.namelist()) > MAX_ENTRIES:
        raise ValueError(f"it has {len(archive.namelist())} entries")
    size = archive.getinfo(name).file_size
    if size > limit:
        raise ValueError(f"{name} claims {size:,} bytes")
    return archive.read(name)


def read_entry(path: Path, name: str, limit: int) -> bytes:
    """Read one entry of a model.

    Raises:
        UserError: if the file is damaged, not a zip, or has no such entry.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if name in archive.namelist():
                return bounded_read(archive, name, limit)
    except zipfile.BadZipFile as error:
        if "not a zip" in str(error):
            raise UserError(f"{path} is not a model: it is not a zip file") from None
        raise damaged(path, str(error)) from None
    except DAMAGE as error:
        raise damaged(path, str(error)) from None
    raise UserError(
        f"{path} was not saved by RetroRacer: it has no {name}; train one with train_base.py"
    )


def damaged(path: Path, why: str) -> UserError:
    """The error of a model file that is broken."""
    return UserError(f"{path} is damaged: {why}; fetch or train it again")


def _plain_arrays(raw: bytes) -> dict[str, FloatArray]:
    """Arrays of an npz; what a header claims is held against the bytes there are."""
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = archive.infolist()
        if len(members) > 2 * MAX_LAYERS or sum(m.file_size for m in members) > MAX_ACTOR_BYTES:
            raise ValueError("it is too large")
        for member in members:
            data = bounded_read(archive, member.filename, MAX_ACTOR_BYTES)
            header = _HEADER.match(data)
            if header is None:
                raise ValueError(f"{member.filename!r} is not a plain float32 array")
            shape = [int(n) for n in header.groups() if n]
            array = np.frombuffer(data, "<f4", offset=header.end()).astype(np.float32)
            arrays[member.filename.removesuffix(".npy")] = array.reshape(shape)
    return arrays
