"""Mutations of model zips: what they say, what they weigh, how they are packed.

``mutants`` writes them, ``cases`` yields commands that open each; none may end in a traceback,
hang, take more than a gigabyte, or be driven with numbers that are not finite.
"""

from __future__ import annotations

import io
import json
import random
import struct
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from retroracer.resources import models_dir

Parts = dict[str, bytes]
"""Entries of a zip by name."""

ROAD, PIXELS = "base", "pixels-ppo"

HOSTILE: tuple[Any, ...] = (
    None, True, -1, 0, 0.001, 1e300, -1e300, 1e-300, 10**30, 10**400, float("nan"), float("inf"),
    "", "x\x1b[2J\x1b]0;title\x07", "\u202e\x00", "/etc/passwd.yaml", "../../x", "9" * 50_000,
    [], [[]], [1] * 10_000, {}, {"a": {"b": {}}}, {"": None}, [0], [-1], [4097], ["x"], "PPO",
    "carracing-pixels-1", "road-22.3",
)  # fmt: skip


def _facts(rng: random.Random, parts: Parts) -> str:
    """One field, or one field of a record in it, becomes something else."""
    facts = json.loads(parts["retroracer.json"])
    name = rng.choice(list(facts))
    value = rng.choice(HOSTILE)
    records = [k for k, v in facts.items() if isinstance(v, dict) and v]
    if rng.random() < 0.6:
        name = rng.choice(records)
        inner = rng.choice([*facts[name], "unknown"])
        facts[name][inner] = value
        name = f"{name}.{inner}"
    elif rng.random() < 0.2:
        del facts[name]
    else:
        facts[name] = value
    parts["retroracer.json"] = json.dumps(facts).encode("utf-8", "replace")
    return f"facts-{name}"


def _text(rng: random.Random, parts: Parts) -> str:
    """The facts are no such JSON."""
    parts["retroracer.json"] = rng.choice((
        b"", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 30_000, b'{"format": 1}',
        b'{"format": 9}', b'{"format": 1e999}', b" " * 300_000, b"9" * 5000,
    ))  # fmt: skip
    return "text"


def _cut_text(rng: random.Random, parts: Parts) -> str:
    raw = bytearray(parts["retroracer.json"])
    for _ in range(rng.randint(1, 4)):
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    parts["retroracer.json"] = bytes(raw)
    return "json-bytes"


def _npz(**arrays: Any) -> bytes:
    raw = io.BytesIO()
    np.savez(raw, **arrays)
    return raw.getvalue()


def _actor(rng: random.Random, parts: Parts) -> str:
    """The actor is of another width, kind or weight; the weights beside it may be left out."""
    if "actor.npz" not in parts:
        return _weights(rng, parts)
    with np.load(io.BytesIO(parts["actor.npz"])) as page:
        arrays: dict[str, Any] = dict(page)
    name = rng.choice(list(arrays))
    value = arrays[name]
    ways: tuple[Callable[[], Any], ...] = (
        lambda: value[..., :-1], lambda: value.astype("<f8"), lambda: value.astype("<f2"),
        lambda: value.astype(">f4"), lambda: value.T.copy().T, lambda: value * np.nan,
        lambda: np.full_like(value, 1e38), lambda: np.full_like(value, -3e38), lambda: value[:0],
        lambda: np.array([{}], object), lambda: np.zeros(3, [("a", "<f4")]), lambda: value[None],
        lambda: np.float32(3.0), lambda: np.tile(value, 40),
    )  # fmt: skip
    arrays[name] = rng.choice(ways)()
    if rng.random() < 0.1:
        del arrays[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts["actor.npz"] = _npz(**arrays)
    if rng.random() < 0.7:
        del parts["policy.pth"]
    return f"actor-{name}"


def _header(rng: random.Random, parts: Parts) -> str:
    """An array's header claims what is not there."""
    name = "actor.npz" if "actor.npz" in parts else "policy.pth"
    shape = rng.choice(("(99999, 99999)", "(-1, 128)", "(22, 128, 1)", "(0, 128)", "(22,)", "22"))
    inner = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(parts[name])) as old, zipfile.ZipFile(inner, "w") as new:
        for entry in old.namelist():
            data = old.read(entry)
            if entry == "weight0.npy":
                data = data.replace(b"(22, 128)", shape.encode().ljust(9))
            new.writestr(entry, data)
    parts[name] = inner.getvalue()
    parts.pop("policy.pth" if name != "policy.pth" else "", None)
    return "header"


BOMBS = (
    b"\x80\x02})" + b"q\x00h\x00\x86" * 60 + b"K\x01s.",
    b"\x80\x02]q\x00" + b"]q\x01(h\x00h\x00eq\x00" * 40 + b".",
    b"\x80\x02}r\xff\xff\xff\x7f.",
    b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.",
    b"\x80\x02" + b"(" * 400_000 + b".",
    b"\x80\x02" + b"]" * 900_000 + b".",
    b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x7f}.",
)


def _weights(rng: random.Random, parts: Parts) -> str:
    """The weights' index is bent, or what it tells of is not there."""
    inner = io.BytesIO()
    way = rng.choice(("bomb", "index", "index", "numbers", "order", "cut", "bytes"))
    raw = parts["policy.pth"]
    if way == "cut":
        parts["policy.pth"] = raw[: rng.randrange(len(raw))]
        return "weights-cut"
    if way == "bytes":
        bent = bytearray(raw)
        for _ in range(rng.randint(1, 8)):
            bent[rng.randrange(len(bent))] = rng.randrange(256)
        parts["policy.pth"] = bytes(bent)
        return "weights-bytes"
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(inner, "w") as new:
        victim = rng.choice([n for n in old.namelist() if "/data/" in n])
        for entry in old.namelist():
            data = old.read(entry)
            if entry.endswith("data.pkl") and way == "bomb":
                data = rng.choice(BOMBS)
            elif entry.endswith("data.pkl") and way == "index":
                bent = bytearray(data)
                for _ in range(rng.randint(1, 3)):
                    bent[rng.randrange(len(bent))] = rng.randrange(256)
                data = bytes(bent)
            elif entry == victim and way == "numbers":
                value = rng.choice((np.nan, np.inf, 1e38, -1e38, 1e20))
                data = np.full(len(data) // 4, value, "<f4").tobytes()
            elif entry.endswith("byteorder") and way == "order":
                data = rng.choice((b"big", b"x" * 2_000_000, b""))
            new.writestr(entry, data)
    parts["policy.pth"] = inner.getvalue()
    return f"weights-{way}"


def _entries(rng: random.Random, parts: Parts) -> str:
    """Entries are missing, too many, or oddly named."""
    way = rng.choice(("missing", "many", "names", "bomb"))
    if way == "missing":
        del parts[rng.choice(list(parts))]
    elif way == "many":
        parts |= {f"entry-{i}": b"" for i in range(rng.choice((70, 5000)))}
    elif way == "names":
        parts |= {"../up": b"1", "/abs": b"2", "\x1b[2Jx.pth": b"3", "a" * 60_000: b"4"}
    else:
        parts[rng.choice(("retroracer.json", "policy.pth", "x.pth"))] = bytes(60_000_000)
    return f"entries-{way}"


PARTS: tuple[Callable[[random.Random, Parts], str], ...] = (
    _facts, _facts, _facts, _text, _cut_text, _actor, _actor, _header, _weights, _weights, _entries,
)  # fmt: skip


def _whole(rng: random.Random, raw: bytearray) -> str:
    """The zip itself is damaged."""
    way = rng.choice(("bytes", "cut", "end", "list", "swap"))
    end = raw.rindex(b"PK\x05\x06")
    if way == "bytes":
        for _ in range(rng.randint(1, 20)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
    elif way == "cut":
        del raw[rng.randrange(len(raw)) :]
    elif way == "end":
        raw[end + rng.randrange(4, 22)] = rng.randrange(256)
    elif way == "list":
        first = struct.unpack("<L", raw[end + 16 : end + 20])[0]
        for _ in range(rng.randint(1, 5)):
            raw[rng.randrange(first, end)] = rng.randrange(256)
    else:
        raw[:] = rng.choice((b"", b"PK", b"hello", bytes(1000), b"PK\x05\x06" + bytes(18)))
    return f"zip-{way}"


def mutants(seed: int, count: int, folder: Path, of: str = ROAD) -> Iterator[tuple[str, Path]]:
    """Write mutated models.

    Args:
        seed: the same seed gives the same mutations.
        count: how many.
        folder: to write them in.
        of: name of the shipped model they are made from.

    Yields:
        A name, and the model's file.
    """
    rng = random.Random(seed)
    with zipfile.ZipFile(models_dir() / f"{of}.zip") as archive:
        good = {name: archive.read(name) for name in archive.namelist()}
    for k in range(count):
        parts = dict(good)
        name = rng.choice(PARTS)(rng, parts) if rng.random() < 0.8 else ""
        raw = io.BytesIO()
        with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for entry, data in parts.items():
                archive.writestr(entry, data)
        whole = bytearray(raw.getvalue())
        if not name:
            name = _whole(rng, whole)
        path = folder / f"{of}-{seed}-{k}.zip"
        path.write_bytes(whole)
        yield f"{of}-{k}-{name}", path


def cases(seed: int, count: int, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Commands that open mutated models.

    Args:
        seed: the same seed gives the same mutations.
        count: how many.
        folder: to write them in.

    Yields:
        A name, and a command that must end with 0 or 2 within seconds, without a traceback.
    """
    program = [sys.executable, "-m", "retroracer"]
    halves = ((ROAD, count - count // 4), (PIXELS, count // 4))
    for of, part in halves:
        for k, (name, path) in enumerate(mutants(seed, part, folder, of)):
            if of == PIXELS:
                play = ["play", "--env", "carracing", "--model", str(path), "--headless"]
                judge = ["evaluate", str(path), "--episodes", "0"]
            else:
                play = ["play", "--track", "copper_bowl", "--model", str(path), "--headless"]
                judge = ["evaluate", str(path), "--tracks", "copper_bowl", "--no-limit"]
            yield name, [*program, *([*play, "--frames", "3"] if k % 3 == 2 else judge)]
