"""Mutations of tapes: the packed inputs of a lap, as ``records.sqlite`` keeps them.

``cases`` yields commands that export each as a film; every one is refused in one line with 2, or
is a lap that comes to its time.
"""

from __future__ import annotations

import io
import json
import random
import shutil
import sqlite3
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzzing.records import TRACK
from retroracer.game.race.session import Session
from retroracer.game.replay.records import FILE, Records, kind_of
from retroracer.game.replay.tape import Tape
from retroracer.physics.car import load_car
from retroracer.track.files import load_track

NUMBERS: tuple[float, ...] = (
    0.0, -1.0, 1e9, -1e9, 1e18, -1e18, 1e300, -1e300, 1e-320, float("nan"), float("inf"),
    float("-inf"), 5.0, 1e5,
)  # fmt: skip

PLAIN: tuple[Any, ...] = (
    None, True, -1, 0, 3, 10**9, 10**400, 1e308, "", "x", "\x1b[31m", [], [None], {}, [[[]]],
    ["human"] * 9,
)  # fmt: skip

Parts = dict[str, bytes]


def drive() -> Tape:
    """One lap round the smallest track, by hand."""
    track = load_track(TRACK)
    session = Session(track, [], [load_car("gt")], human=True, laps=1)
    race = session.race
    while session.finish[0] is None:
        ahead = track.heading[int(((race.s[0] + 8.0) % track.length) / track.length * track.n)]
        turn = float(np.arctan2(np.sin(ahead - race.heading[0]), np.cos(ahead - race.heading[0])))
        steer = 2.5 * turn - 0.08 * float(race.lateral_offset[0])
        session.tick(float(np.clip(steer, -1, 1)), 0.6 if race.speed[0] < 14.0 else -0.1)
    return session.tapes[-1]


def _unzip(raw: bytes) -> Parts:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zip(parts: Parts) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _npy(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _bytes(rng: random.Random, raw: bytes) -> bytes:
    out = bytearray(raw)
    for _ in range(rng.choice((1, 2, 10, 100))):
        out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)


def _cut(rng: random.Random, raw: bytes) -> bytes:
    at = rng.randrange(len(raw))
    return rng.choice((raw[:at], raw[at:], raw[:at] + raw[at + 8 :], raw + rng.randbytes(50)))


def _entry(rng: random.Random, raw: bytes) -> bytes:
    """Bytes of one entry changed, its checksum right."""
    parts = _unzip(raw)
    name = rng.choice(list(parts))
    parts[name] = rng.choice((_bytes, _cut))(rng, parts[name])
    return _zip(parts)


def _header(rng: random.Random, raw: bytes) -> bytes:
    """An array that claims another shape or type."""
    parts = _unzip(raw)
    name = rng.choice([n for n in parts if n != "facts.npy"])
    shapes = ("(1000000000, 1, 2)", "(99999999999999999999,)", "()", "(-1, 2)", "(0, 1, 2)")
    shape = rng.choice(shapes)
    kind = rng.choice(("<f4", "<f8", "|O", "<U9", "<i8", "<c16", "<M8[s]"))
    text = f"{{'descr': '{kind}', 'fortran_order': {rng.choice((True, False))}, 'shape': {shape}}}"
    head = text.encode().ljust(117) + b"\n"
    parts[name] = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + parts[name][128:]
    return _zip(parts)


def _number(rng: random.Random, raw: bytes) -> bytes:
    """Numbers of the start or of the inputs changed."""
    parts = _unzip(raw)
    name = rng.choice(("floats.npy", "ints.npy", "splits.npy", "actions.npy"))
    array = np.load(io.BytesIO(parts[name])).copy()
    for _ in range(rng.choice((1, 1, 3))):
        at = rng.randrange(array.size)
        value = rng.choice(NUMBERS)
        if array.dtype.kind == "i":
            array.flat[at] = int(np.clip(np.nan_to_num(value), -(2**62), 2**62))
        else:
            with np.errstate(over="ignore"):
                array.flat[at] = value
    parts[name] = _npy(array)
    return _zip(parts)


def _shape(rng: random.Random, raw: bytes) -> bytes:
    parts = _unzip(raw)
    name = rng.choice(("floats.npy", "ints.npy", "splits.npy", "actions.npy"))
    array = np.nan_to_num(np.load(io.BytesIO(parts[name])))
    changed = rng.choice((
        array[:0], array[..., :1], np.concatenate([array, array]), array.ravel(), array[None],
        array.astype(np.float16), (array > 0).astype(np.int8), np.float32(3.0),
    ))  # fmt: skip
    parts[name] = _npy(np.asarray(changed))
    return _zip(parts)


def _facts(rng: random.Random, raw: bytes) -> bytes:
    parts = _unzip(raw)
    facts: Any = json.loads(np.load(io.BytesIO(parts["facts.npy"])).tobytes())
    if rng.random() < 0.3:
        car = facts["cars"][0]
        car[rng.choice(list(car))] = rng.choice((*PLAIN, *NUMBERS))
    elif rng.random() < 0.1:
        facts = rng.choice(PLAIN)
    else:
        key = rng.choice([*facts, "version", "more"])
        facts[key] = rng.choice(PLAIN)
        if rng.random() < 0.2:
            del facts[key]
    parts["facts.npy"] = _npy(np.frombuffer(json.dumps(facts).encode(), np.uint8))
    return _zip(parts)


def _zipped(rng: random.Random, raw: bytes) -> bytes:
    """A zip that is not like one of ours: too many entries, too large, missing ones."""
    parts = _unzip(raw)
    kind = rng.choice(("bomb", "many", "less", "more", "name"))
    if kind == "bomb":
        parts["actions.npy"] = bytes(300_000_000)
    elif kind == "many":
        parts |= {f"{k}.npy": b"" for k in range(20_000)}
    elif kind == "less":
        del parts[rng.choice(list(parts))]
    else:
        parts["../../x.npy" if kind == "name" else "more.npy"] = parts["ints.npy"]
    return _zip(parts)


def _other(rng: random.Random, raw: bytes) -> bytes:
    return rng.choice((
        b"", b"\x00", b"PK\x05\x06" + bytes(18), rng.randbytes(500), raw * 2, bytes(5_000_000),
    ))  # fmt: skip


MUTATORS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _bytes, _cut, _entry, _header, _number, _number, _number, _shape, _facts, _facts, _zipped,
    _other,
)  # fmt: skip


def mutations(seed: int, count: int, raw: bytes) -> Iterator[tuple[str, bytes]]:
    """``count`` mutations of a packed tape: a name and the bytes of each."""
    rng = random.Random(seed)
    for k in range(count):
        mutate = rng.choice(MUTATORS)
        yield f"tape-{k}-{mutate.__name__.strip('_')}", mutate(rng, raw)


def cases(seed: int, count: int, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Commands that export mutated tapes.

    Args:
        seed: the same seed gives the same mutations.
        count: how many.
        folder: to write them in; each case has a folder of its own there.

    Yields:
        A name, and a command that must end with 2 and one line, or with 0 and a film.
    """
    track, tape = load_track(TRACK), drive()
    start = folder / "good"
    records = Records(start)
    kind = kind_of(track, load_car("gt"), "no assists")
    records.add(kind, track.name, "GT car", tape.lap_time, True, (20.0, 20.0), tape)
    records.flush()
    records.close()
    for name, raw in mutations(seed, count, tape.pack()):
        home = folder / name
        home.mkdir(parents=True)
        path = Path(shutil.copy(start / FILE, home / FILE))
        with closing(sqlite3.connect(path)) as file:
            file.execute("UPDATE laps SET tape=?", (raw,))
            file.commit()
        yield name, [
            "env", f"RETRORACER_HOME={home}", sys.executable, "-m", "retroracer", "play",
            "--track", TRACK, "--opponents", "0", "--export", str(home / "lap.png"),
        ]  # fmt: skip
