"""Model zips, read without torch and without unpickling.

A model is one Stable-Baselines3 zip with two entries more: ``retroracer.json`` (``Facts``)
and ``actor.npz`` (the actor's weights as plain float32 arrays). This module owns finding a
model by name and reading those two; ``retroracer.agents.checkpoint`` writes whole zips.
Files come from strangers: sizes are bounded before anything is inflated, nothing is run.
"""

from __future__ import annotations

import difflib
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.agents.archive import Archive, NotAZipError
from retroracer.agents.facts import MAX_LAYERS, MAX_WIDTH, Facts, from_json
from retroracer.agents.tensor_file import read_tensors
from retroracer.errors import UserError
from retroracer.physics.car import Car, car_from, load_car
from retroracer.reading import shown, shown_path
from retroracer.resources import models_dir

FACTS_ENTRY = "retroracer.json"
ACTOR_ENTRY = "actor.npz"
WEIGHTS_ENTRY = "policy.pth"

MAX_FACTS_BYTES = 256_000
MAX_ACTOR_BYTES = 64_000_000
MAX_WEIGHTS_BYTES = 256_000_000
MAX_ENTRIES = 64

FloatArray = npt.NDArray[np.float32]
Layers = list[tuple[FloatArray, FloatArray]]


def find_model(name_or_path: str | Path) -> Path:
    """The file that a path, or the name of a shipped model (``base``), stands for.

    Raises:
        UserError: if there is none, naming the nearest.
    """
    path = Path(name_or_path)
    try:
        if path.is_file():
            return path
        if path.is_dir():
            raise UserError(f"{shown_path(path)} is a folder; name a model file in it (.zip)")
        named = models_dir() / f"{name_or_path}.zip"
        if path.name == str(name_or_path) and named.is_file():
            return named
        if path.exists():
            raise UserError(f"{shown_path(path)} is no regular file; name a model file (.zip)")
    except OSError:  # a name too long to be one, a folder that may not be looked into
        pass
    name = f"'{shown(str(name_or_path), 200)}'"
    have = sorted(p.stem for p in models_dir().glob("*.zip"))
    near = difflib.get_close_matches(path.stem[:80], have, n=1, cutoff=0.5)
    if near:
        raise UserError(f"no model {name}; did you mean {near[0]!r}?")
    known = f"there are: {', '.join(have)}" if have else "train one with python train_base.py"
    raise UserError(f"no model {name}; {known}")


def read_facts(name_or_path: str | Path) -> Facts:
    """Read what a model says about itself.

    Raises:
        UserError: if the file is missing, damaged or not one of ours.
    """
    path = find_model(name_or_path)
    raw = read_entry(path, FACTS_ENTRY, MAX_FACTS_BYTES)
    try:
        return from_json(raw, shown_path(path))
    except ValueError as error:
        raise damaged(path, f"its {FACTS_ENTRY} cannot be read ({error})") from None


def car_of(facts: Facts, model: str | Path) -> Car:
    """The car a driver was trained in: the parameters its model holds, whatever their name.

    Args:
        facts: of the model; the default car if they tell of none.
        model: its file or name, for the message.

    Raises:
        UserError: if they are no car.
    """
    if not facts.car:
        return load_car()
    try:
        return car_from(dict(facts.car), "car")
    except UserError as error:
        raise damaged(Path(model), f"of its {shown(str(error), 200)}") from None


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
    weights = read_entry(path, WEIGHTS_ENTRY, MAX_WEIGHTS_BYTES) if holds_weights(path) else None
    try:
        arrays = _plain_arrays(raw)
        count = len(arrays) // 2
        names = [f"{part}{i}" for i in range(count) for part in ("weight", "bias")]
        if not count or set(names) != set(arrays):
            raise ValueError("it has no layers")
        layers = [(arrays[f"weight{i}"], arrays[f"bias{i}"]) for i in range(count)]
        inputs = len(layers[0][0]) if layers[0][0].ndim else 0
        for weight, bias in layers:
            if bias.ndim != 1 or weight.shape != (inputs, len(bias)):
                raise ValueError("its layers do not fit together")
            if not (0 < inputs <= MAX_WIDTH and 0 < len(bias) <= MAX_WIDTH):
                raise ValueError(f"a layer must be 1 to {MAX_WIDTH} wide")
            if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
                raise ValueError("its weights are not finite")
            inputs = len(bias)
    except ValueError as error:
        raise damaged(path, f"its {ACTOR_ENTRY} cannot be read ({error})") from None
    if weights is not None:
        _demand_same(path, layers, weights)
    return layers


def holds_weights(path: Path) -> bool:
    """Whether a model holds what training goes on from, beside its actor.

    Raises:
        UserError: if the file is damaged.
    """
    try:
        with Archive(path, MAX_ENTRIES) as archive:
            return WEIGHTS_ENTRY in archive
    except ValueError as error:
        raise damaged(path, str(error)) from None


def _demand_same(path: Path, layers: Layers, raw: bytes) -> None:
    """Hold an actor against the weights that training goes on from: one file, one driver."""
    names = [f"actor.latent_pi.{2 * i}" for i in range(len(layers) - 1)] + ["actor.mu"]
    try:
        tensors = read_tensors(raw)
        same = all(
            np.array_equal(tensors[f"{name}.weight"].T, weight)
            and np.array_equal(tensors[f"{name}.bias"], bias)
            for name, (weight, bias) in zip(names, layers, strict=True)
        )
    except (ValueError, KeyError) as error:
        raise damaged(path, f"its {WEIGHTS_ENTRY} cannot be read ({error})") from None
    if not same:
        raise damaged(path, f"{ACTOR_ENTRY} and {WEIGHTS_ENTRY} in it are two different drivers")


def actor_bytes(layers: Layers) -> bytes:
    """``actor.npz`` of an actor, as ``read_actor`` reads it."""
    named: dict[str, Any] = {}
    for i, (weight, bias) in enumerate(layers):
        named[f"weight{i}"] = np.ascontiguousarray(weight, "<f4")
        named[f"bias{i}"] = np.ascontiguousarray(bias, "<f4")
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


def read_entry(path: Path, name: str, limit: int) -> bytes:
    """Read one entry of a model.

    Raises:
        UserError: if the file is damaged, not a zip, or has no such entry.
    """
    try:
        with Archive(path, MAX_ENTRIES) as archive:
            if name in archive:
                return archive.read(name, limit)
            stock = "data" in archive and WEIGHTS_ENTRY in archive
    except NotAZipError:
        raise UserError(f"{shown_path(path)} is not a model: it is not a zip file") from None
    except ValueError as error:
        raise damaged(path, str(error)) from None
    if stock and name == FACTS_ENTRY:
        raise UserError(
            f"{shown_path(path)} was not saved by RetroRacer but by Stable-Baselines3 alone: it "
            f"has no {name} that says what it was trained on; save the model with "
            "retroracer.agents.checkpoint.save(model, path, facts)"
        )
    raise UserError(
        f"{shown_path(path)} was not saved by RetroRacer: it has no {name}; train one with "
        "train_base.py"
    )


def damaged(path: Path, why: str) -> UserError:
    """The error of a model file that is broken."""
    reason = shown(why, 300)
    return UserError(f"{shown_path(path)} is damaged: {reason}; fetch or train it again")


def _is_plain(archive: Archive, name: str) -> bool:
    try:
        kind, shape = archive.form(name)
    except ValueError:
        return False
    return kind == np.float32 and len(shape) <= 2


def _plain_arrays(raw: bytes) -> dict[str, FloatArray]:
    """Float32 arrays of an npz by name."""
    arrays = {}
    with Archive(raw, 2 * MAX_LAYERS, stored=True) as archive:
        for name in archive.names:
            if not _is_plain(archive, name):
                raise ValueError(f"'{shown(name)}' is not a plain float32 array")
            arrays[name.removesuffix(".npy")] = archive.array(name)
    return arrays
