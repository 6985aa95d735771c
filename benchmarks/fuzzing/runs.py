"""Damaged folders of runs, gone on with; and damaged settings of runs, read but not trained.

A run's folder holds ``state.npz``, ``settings.yaml``, ``evaluations.json``, models, and of pixel
runs ``replay.bin``. One of them is damaged, then the command that began the run goes on with it.
"""

from __future__ import annotations

import io
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.fuzzing import forked, text
from benchmarks.fuzzing.case import MOST_LINES, Case, cli
from benchmarks.fuzzing.forked import NonsenseError
from benchmarks.fuzzing.meaning import agree, compose

Array = np.ndarray[Any, Any]

TINY = ["evaluate_every=1e6", "evaluate_on=1", "save_every=0", "log_to=[]"]
DRIVING = [*TINY, "cars=4", "hidden=[8,8]", "averaging=10"]
SEEING = [*TINY, "envs=2", "workers=0", "pipeline.size=64", "network.convs=slim",
          "pipeline.early_stop=5"]  # fmt: skip

RUNS: dict[str, tuple[str, list[str]]] = {
    "sac": (
        "train-base --algo sac --steps 600",
        [*DRIVING, "sac.batch_size=16", "sac.gradient_steps=2", "sac.buffer_size=1000",
         "sac.learning_starts=100", "stages=[{learner: sac}]",
         "sac.branches.states=2", "sac.branches.batch_size=4"],
    ),
    "ppo": (
        "train-base --algo ppo --steps 600",
        [*DRIVING, "stages=[{learner: ppo, until: 0.9}, {learner: critics}]", "ppo.n_steps=8",
         "ppo.batch_size=16", "critics.batch_size=16", "critics.gradient_steps=2",
         "critics.buffer_size=1000", "critics.learning_starts=40"],
    ),
    "pixel-sac-drq": (
        "train-pixels --algo sac-drq --steps 120",
        [*SEEING, "sac_drq.buffer_size=300", "sac_drq.batch_size=4", "sac_drq.learning_starts=40",
         "sac_drq.update_ratio=0.05"],
    ),
    "pixel-ppo": (
        "train-pixels --algo ppo --steps 120",
        [*SEEING, "ppo.n_steps=16", "ppo.batch_size=16", "ppo.n_epochs=1"],
    ),
}  # fmt: skip
"""Runs so small that they take seconds: the command, and its settings."""

STEPS = {"600": "640", "120": "140"}
"""A run's steps, and those it then goes on to."""


def _command(name: str, home: Path, more: bool) -> Callable[[], int]:
    """A run that keeps its state to the end, and draws nothing."""
    line, sets = RUNS[name]
    argv = [STEPS.get(word, word) if more else word for word in line.split()]
    argv += [x for pair in sets for x in ("--set", pair)]
    argv += ["--device", "cpu", "--runs", str(home / "runs"), "--out", str(home / "it.zip")]

    def work() -> int:
        from retroracer.cli import start_run
        from retroracer.training.pictures import curve
        from retroracer.training.run.folder import RunFolder

        if not more:
            RunFolder.finish = lambda self: None  # type: ignore[method-assign]
        curve.draw_curve = lambda folder: None  # type: ignore[assignment]
        start_run._last_word = lambda *ignored: 0  # type: ignore[assignment]
        return cli(*argv)()

    return work


def begun(name: str, folder: Path) -> Path:
    """Train a little, and keep all of it: the folder with ``runs/it`` and ``it.zip``."""
    home = folder / "good" / name
    end = forked.run(_command(name, home, more=False), home, patience=20)  # it may compile
    state = home / "runs/it/state.npz"
    assert end.code == 0 and state.is_file(), f"{end.code}\n{end.out}\n{end.err}"
    return home


def cases(seed: int, count: int, folder: Path) -> Iterator[Case]:
    """Damaged folders of runs, each gone on with."""
    good = {name: begun(name, folder) for name in RUNS}
    for k in range(count):
        rng = random.Random(f"{seed} {k}")
        name = rng.choice(list(good))
        home = folder / f"{k}"
        shutil.copytree(good[name], home)
        run = home / "runs/it"
        file, damage = rng.choice([d for d in DAMAGE if (run / d[0]).exists()])
        how = damage(rng, run / file)
        yield Case(
            f"{k}-{name}-{file}-{how}",
            (run,),
            _command(name, home, more=True),
            _of_run(home),
            named="it",
            lines=MOST_LINES if file == "settings.yaml" else 1,
        )


def _of_run(home: Path) -> Callable[[], None]:
    def check() -> None:
        from retroracer.training.run.folder import read_evaluations

        rows = read_evaluations(home / "runs/it", ("steps", "seconds"))
        steps = [row["steps"] for row in rows]
        if not rows or steps != sorted(steps) or not 0 < steps[-1] < 10_000:
            raise NonsenseError(f"evaluations after {steps} steps")
        if not all(0 <= row["seconds"] < 1e6 for row in rows):
            raise NonsenseError(f"seconds: {[row['seconds'] for row in rows]}")
        from retroracer.archive import Archive

        path = home / "it.zip"
        if not path.is_file():
            raise NonsenseError("no model")
        with Archive(path, 64) as page:
            del page

    return check


def _number(rng: random.Random, state: dict[str, Array], name: str) -> None:
    """One number, or all of them, that should not be there."""
    array = state[name].copy()
    values: tuple[float, ...] = (np.nan, np.inf, -np.inf, 1e300, -1e30, 1e9, -1.0, 1e-320, 1e38)
    if array.dtype.kind in "iu":
        values = (-1, 2**31 - 1, 255, 10**6, 2**62)
    with np.errstate(all="ignore"):
        wrong = np.array(rng.choice(values)).astype(array.dtype)
    if array.size and array.dtype.kind in "fiu":
        if rng.random() < 0.2:
            array[...] = wrong
        else:
            array.reshape(-1)[rng.randrange(array.size)] = wrong
    state[name] = array


def _facts(rng: random.Random, state: dict[str, Array], name: str) -> None:
    """Plain facts in the state, one of them changed."""
    pages = [n for n, a in state.items() if a.dtype == np.uint8 and bytes(a[:1]) == b"{"]
    name = rng.choice(pages)
    facts = json.loads(state[name].tobytes())
    spots = list(_spots(facts))
    holder, at = rng.choice(spots)
    holder[at] = rng.choice((
        None, -1, 0, 1e300, -1e-300, "x", "", [], {}, float("nan"), float("inf"), 10**30, [[1, 2]],
        True, "9" * 5000, 10**400, 2**63, -0.0, {"a": {"b": []}},
    ))  # fmt: skip
    if rng.random() < 0.15:
        del holder[at]
    state[name] = np.frombuffer(json.dumps(facts).encode(), np.uint8)


def _spots(node: Any) -> Iterator[tuple[Any, Any]]:
    for name in list(node) if isinstance(node, dict) else range(len(node)):
        yield node, name
        if isinstance(node[name], dict | list):
            yield from _spots(node[name])


def _shape(rng: random.Random, state: dict[str, Array], name: str) -> None:
    array = state[name]
    with np.errstate(all="ignore"):
        state[name] = rng.choice((
            lambda: array[None], lambda: array.reshape(-1)[:-1], lambda: array.astype("<f8"),
            lambda: array.astype("<i8"), lambda: array.astype("|u1"), lambda: array.reshape(-1)[:0],
            lambda: np.asfortranarray(array), lambda: array.astype(array.dtype.newbyteorder(">")),
            lambda: np.concatenate([array.reshape(-1)] * 2),
        ))()  # fmt: skip


def _gone(rng: random.Random, state: dict[str, Array], name: str) -> None:
    del state[name]
    if rng.random() < 0.3:
        state["stranger"] = np.zeros(3)


def _exchanged(rng: random.Random, state: dict[str, Array], name: str) -> None:
    """Two arrays change places, of one form if there are such."""
    same = [n for n, a in state.items() if n != name and a.shape == state[name].shape]
    other = rng.choice(same or list(state))
    state[name], state[other] = state[other], state[name]


def _state(rng: random.Random, path: Path) -> str:
    way = rng.choice((_number, _number, _number, _number, _facts, _facts, _facts, _shape, _gone,
                      _exchanged))  # fmt: skip
    with np.load(path) as page:
        state = dict(page)
    name = rng.choice(list(state))
    way(rng, state, name)
    raw = io.BytesIO()
    np.savez(raw, **state)  # type: ignore[arg-type]
    path.write_bytes(raw.getvalue())
    return f"{way.__name__.strip('_')}-{name}"


def _raw(rng: random.Random, path: Path) -> str:
    """Any file: bytes changed, cut, emptied, lost, or something else in its place."""
    raw = bytearray(path.read_bytes())
    way = rng.choice(("bytes", "bytes", "cut", "empty", "gone", "folder", "zeros", "more"))
    if way == "bytes":
        for _ in range(rng.choice((1, 2, 10, 200))):
            raw[rng.randrange(min(len(raw), rng.choice((200, 10**9))))] = rng.randrange(256)
    elif way == "cut":
        del raw[rng.randrange(len(raw)) :]
    elif way == "zeros":
        raw[:] = bytes(len(raw))
    elif way == "more":
        raw += rng.randbytes(500)
    elif way == "empty":
        raw.clear()
    path.unlink()
    if way == "folder":
        path.mkdir()
    elif way != "gone":
        path.write_bytes(raw)
    return way


def _page(rng: random.Random, path: Path) -> str:
    how, raw = text.damaged(rng, path.read_text("utf-8"), text.YAML)
    path.write_bytes(raw)
    return how


DAMAGE: tuple[tuple[str, Callable[[random.Random, Path], str]], ...] = (
    *[("state.npz", _state)] * 10, ("state.npz", _raw), ("state.npz", _raw),
    ("settings.yaml", _page), ("settings.yaml", _page), ("settings.yaml", _raw),
    ("evaluations.json", _page), ("evaluations.json", _raw), *[("replay.bin", _raw)] * 10,
    ("best.zip", _raw), ("id", _raw), ("../../it.zip", _raw),
)  # fmt: skip

COMMANDS = (
    "train-base --algo sac", "train-base --algo ppo", "fine-tune --track copper_bowl --algo ppo",
    "fine-tune --track copper_bowl --algo sac", "train-pixels --algo sac-drq",
    "train-pixels --algo ppo", "train-pixels --algo dqn", "train-pixels --algo imitation",
)  # fmt: skip


def settings(seed: int, count: int, folder: Path) -> Iterator[Case]:
    """Damaged pages of settings, and damaged ``--set`` texts, of every trainer."""
    for k in range(count):
        rng = random.Random(f"{seed} {k}")
        line = rng.choice(COMMANDS)
        page = _shipped(line)
        home = folder / f"{k}"
        home.mkdir()
        path = home / f"page{k}.yaml"
        argv = [*line.split(), "--out", str(home / "it.zip"), "--runs", str(home / "runs")]
        argv += ["--device", "cpu", "--profile", "cpu"]
        found = home / "found.json"
        if rng.random() < 0.65:
            how, raw = text.damaged(rng, page, text.YAML)
            path.write_bytes(raw)
            work, check = _parsed([*argv, "--config", str(path)], found), _of_page(path, found)
            yield Case(f"{k}-{how}", (path,), work, check, named=path.name, lines=MOST_LINES)
        else:
            pair = _pair(rng, page)
            path.write_text(pair, "utf-8", "surrogatepass")
            work, check = _parsed([*argv, f"--set={pair}"], found), _of_pair(pair, found)
            yield Case(f"{k}-set-{pair!r:.40}", (path,), work, check, lines=3)


def _shipped(line: str) -> str:
    from retroracer.resources import configs_dir

    name = line.split("--algo ")[1]
    kind = {"train-base": "base", "fine-tune": "fine-tune", "train-pixels": "pixels"}
    return (configs_dir() / f"{kind[line.split()[0]]}-{name}.yaml").read_text("utf-8")


def _pair(rng: random.Random, page: str) -> str:
    """One ``KEY=VALUE`` of a page, damaged."""
    spots: list[tuple[str, Any]] = []

    def walk(node: dict[str, Any], before: str) -> None:
        for name, value in node.items():
            spots.append((before + name, value))
            if isinstance(value, dict):
                walk(value, f"{before}{name}.")

    walk(yaml.safe_load(page), "")
    name, value = rng.choice(spots)
    said = json.dumps(value)
    way = rng.randrange(5)
    if way == 0:
        said = rng.choice((*text.NUMBERS, *text.WORDS))
    elif way == 1:
        said = text.near(rng, said)
    elif way == 2:
        said = text.number(rng, said)
    elif way == 3:
        name = text.key(rng, name + ":").rstrip(":")
    else:
        return text.pieces(rng, f"{name}={said}").replace("\x00", "\x01")
    return f"{name}={said}"


def _parsed(argv: list[str], found: Path) -> Callable[[], int]:
    """The command until training would begin: then its settings are written down."""

    def work() -> int:
        from retroracer import config
        from retroracer.training.run.loop import Run

        def go(self: Run, resume: bool) -> Any:
            found.write_text(json.dumps(config.to_dict(self.settings)))
            raise SystemExit(0)

        Run.go = go  # type: ignore[method-assign]
        return cli(*argv)()

    return work


def _of_page(path: Path, found: Path) -> Callable[[], None]:
    return lambda: agree(compose(path), json.loads(found.read_text()))


def _of_pair(pair: str, found: Path) -> Callable[[], None]:
    def check() -> None:
        value = json.loads(found.read_text())
        name, _, said = pair.partition("=")
        for part in name.strip().split("."):
            if not isinstance(value, dict) or part not in value:
                raise NonsenseError(f"{name!r} was taken")
            value = value[part]
        agree(yaml.compose(said, Loader=yaml.BaseLoader), value, name)

    return check
