"""Model zips, read without torch and without unpickling.

A model is a Stable-Baselines3 zip with two more entries: ``retroracer.json`` (``Facts``) and
``actor.npz`` (the actor's weights as plain float32 arrays). This module owns finding a model by
name and reading those two; ``retroracer.agents.checkpoint`` writes zips. Files may come from
anybody: sizes are checked before anything is decompressed, and no code in them is run.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.agents.facts import MAX_LAYERS, MAX_WIDTH, Facts, from_json
from retroracer.agents.stock_actor import Tensors, actor_of
from retroracer.agents.tensor_file import demand_finite, read_plain, read_tensors
from retroracer.archive import Archive, NotAZipError
from retroracer.errors import UserError
from retroracer.physics.car import Car, car_from, load_car
from retroracer.reading import shown, shown_path
from retroracer.resources import models_dir

FACTS_ENTRY = "retroracer.json"
ACTOR_ENTRY = "actor.npz"
WEIGHTS_ENTRY = "policy.pth"

MAX_FACTS_BYTES = 256_000
MAX_WEIGHTS_BYTES = 256_000_000
"""Largest accepted size of all weights and moments in a zip together [bytes]."""
MAX_ENTRIES = 64

PARTS = ("weight", "bias")

FloatArray = npt.NDArray[np.float32]
Layers = list[tuple[FloatArray, FloatArray]]


def find_model(name_or_path: str | Path) -> Path:
    """Find the file for a path or for the name of a shipped model (``base``).

    Raises:
        UserError: if there is none; the message names the most similar model.
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
            raise UserError(f"{shown_path(path)} is not a regular file; name a model file (.zip)")
    except OSError:  # the name is too long, or a folder on the path is not readable
        pass
    name = f"'{shown(str(name_or_path), 200)}'"
    have = sorted(p.stem for p in models_dir().glob("*.zip"))
    near = difflib.get_close_matches(path.stem[:80], have, n=1, cutoff=0.5)
    if near:
        raise UserError(f"no model {name}; did you mean {near[0]!r}?")
    known = f"there are: {', '.join(have)}" if have else "train one with python train_base.py"
    raise UserError(f"no model {name}; {known}")


def read_facts(name_or_path: str | Path) -> Facts:
    """Read the facts of a model.

    Raises:
        UserError: if the file is missing, damaged or not a RetroRacer model.
    """
    path = find_model(name_or_path)
    raw = read_entry(path, FACTS_ENTRY, MAX_FACTS_BYTES)
    try:
        return from_json(raw, shown_path(path))
    except ValueError as error:
        raise damaged(path, f"its {FACTS_ENTRY} cannot be read ({error})") from None


def car_of(facts: Facts, model: str | Path) -> Car:
    """The car a driver was trained in, from its facts; the default car if they name none.

    Raises:
        UserError: if the parameters are not a valid car.
    """
    if not facts.car:
        return load_car()
    try:
        return car_from(dict(facts.car), "car")
    except UserError as error:
        raise damaged(Path(model), f"of its {shown(str(error), 200)}") from None


def read_actor(name_or_path: str | Path) -> Layers:
    """Read the actor of a driver of the racing task: a plain MLP.

    Returns:
        (weight (inputs, outputs), bias (outputs,)) of each layer in order, float32 and finite; the
        outputs of a layer are the inputs of the next.

    Raises:
        UserError: if the file is missing, damaged or not a RetroRacer model.
    """
    path = find_model(name_or_path)
    layers = read_layers(path, lambda tensors: actor_of(tensors).names)
    inputs = len(layers[0][0]) if layers[0][0].ndim else 0
    for weight, bias in layers:
        if bias.ndim != 1 or weight.shape != (inputs, len(bias)):
            raise damaged(path, "its actor's layers do not fit together")
        if not (0 < inputs <= MAX_WIDTH and 0 < len(bias) <= MAX_WIDTH):
            raise damaged(path, f"a layer of its actor must be 1 to {MAX_WIDTH} wide")
        inputs = len(bias)
    return layers


def read_layers(path: Path, names: Callable[[Tensors], list[str]]) -> Layers:
    """Read the actor of any driver from ``actor.npz``.

    If the file also has the weights that training continues from (``policy.pth``), the two must be
    equal. Old drivers from pixels without ``actor.npz`` are read from those weights.

    Args:
        path: path of the model.
        names: SB3's names of the actor's layers in order, given all of its tensors; may raise
            ``ValueError``.

    Returns:
        As ``read_actor``; weights of linear layers are (inputs, outputs).

    Raises:
        UserError: if the file is damaged or not a RetroRacer model.
    """
    trained = plain = None
    if _has(path, WEIGHTS_ENTRY):
        raw = read_entry(path, WEIGHTS_ENTRY, MAX_WEIGHTS_BYTES)
        try:
            tensors = read_tensors(raw)
            trained = layers_named(tensors, names(tensors))
        except ValueError as error:
            raise damaged(path, f"its {WEIGHTS_ENTRY} cannot be read ({error})") from None
    if trained is None or _has(path, ACTOR_ENTRY):
        raw = read_entry(path, ACTOR_ENTRY, MAX_WEIGHTS_BYTES)
        try:
            plain = _plain_layers(raw)
        except ValueError as error:
            raise damaged(path, f"its {ACTOR_ENTRY} cannot be read ({error})") from None
    if plain is not None and trained is not None and not _same(plain, trained):
        raise damaged(path, f"{ACTOR_ENTRY} and {WEIGHTS_ENTRY} in it are two different drivers")
    layers = plain or trained or []
    if not all(np.isfinite(a).all() for layer in layers for a in layer):
        raise damaged(path, "its actor's weights are not finite")
    return layers


def _has(path: Path, name: str) -> bool:
    try:
        with Archive(path, MAX_ENTRIES) as archive:
            return name in archive
    except ValueError as error:
        raise damaged(path, str(error)) from None


def layers_named(tensors: Tensors, names: Sequence[str]) -> Layers:
    """Layers from torch's tensors, as in ``actor.npz``; a ``ValueError`` if one is missing."""
    layers = []
    for name in names:
        try:
            with np.errstate(over="ignore"):  # float64 values too large for float32 become infinite
                weight, bias = (np.asarray(tensors[f"{name}.{p}"], np.float32) for p in PARTS)
        except KeyError as error:
            raise ValueError(f"it has no {error.args[0]}") from None
        layers.append((weight.T if weight.ndim == 2 else weight, bias))
    return layers


def read_state(name: str, raw: bytes) -> Any:
    """What a ``.pth`` entry holds: plain data, its tensors as finite arrays.

    Raises:
        ValueError: if it is damaged, too large, or holds anything else.
    """
    try:
        found = read_plain(raw, MAX_WEIGHTS_BYTES)
        demand_finite(found)
    except ValueError as error:
        raise ValueError(f"{shown(name)} does not hold plain tensors: {error}") from None
    return found


def read_states(path: Path) -> dict[str, Any]:
    """State dicts of a zip by name, as ``read_state`` reads them; all together are bounded."""
    states = {}
    left = MAX_WEIGHTS_BYTES
    with Archive(path, MAX_ENTRIES) as archive:
        for name in archive.names:
            if name.endswith(".pth"):
                raw = archive.read(name, left)
                left -= len(raw)
                states[name.removesuffix(".pth")] = read_state(name, raw)
    return states


def _plain_layers(raw: bytes) -> Layers:
    arrays = {}
    with Archive(raw, 2 * MAX_LAYERS, stored=True) as archive:
        for name in archive.names:
            try:
                kind, shape = archive.form(name)
            except ValueError:
                kind, shape = np.dtype(object), ()
            if kind != np.float32 or len(shape) > 4:
                raise ValueError(f"'{shown(name)}' is not a plain float32 array")
            arrays[name.removesuffix(".npy")] = archive.array(name)
    count = len(arrays) // 2
    if not count or set(arrays) != {f"{part}{i}" for i in range(count) for part in PARTS}:
        raise ValueError("it has no layers")
    return [(arrays[f"weight{i}"], arrays[f"bias{i}"]) for i in range(count)]


def _same(one: Layers, other: Layers) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a, b)
        for x, y in zip(one, other, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def actor_bytes(layers: Layers) -> bytes:
    """The contents of ``actor.npz`` for an actor, as ``read_actor`` reads it."""
    named: dict[str, Any] = {}
    for i, (weight, bias) in enumerate(layers):
        named[f"weight{i}"] = np.ascontiguousarray(weight, "<f4")
        named[f"bias{i}"] = np.ascontiguousarray(bias, "<f4")
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


def read_entry(path: Path, name: str, limit: int) -> bytes:
    """Read one entry of a model; a ``UserError`` if the file is damaged or has no such entry."""
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
            f"has no {name} that says what it was trained on; take it in with: python -m "
            f"retroracer models adopt {shown_path(path)}"
        )
    raise UserError(
        f"{shown_path(path)} was not saved by RetroRacer: it has no {name}; train one with "
        "train_base.py"
    )


def damaged(path: Path, why: str) -> UserError:
    """The error for a damaged model file."""
    reason = shown(why, 300)
    return UserError(f"{shown_path(path)} is damaged: {reason}; fetch or train it again")
