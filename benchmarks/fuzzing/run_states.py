"""Mutations of a run's ``state.npz``: numbers, shapes, counters, and the file itself.

``cases`` yields commands that go on with each; none may crash the process, hang, or drive on
from what makes no sense.
"""

from __future__ import annotations

import io
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

GO_ON = """
import sys
from pathlib import Path
from benchmarks.fuzzing.run_states import Small
from retroracer.errors import UserError
from retroracer.agents import checkpoint
from retroracer.training.run.folder import RunFolder

folder = RunFolder(Path(sys.argv[1]))
try:
    state, facts = folder.load()
    small = Small()
    try:
        small.restore(state)
    except checkpoint.MISFIT as error:
        raise folder.unfit(checkpoint.first_line(error)) from None
    for _ in range(3):
        small.round()
except UserError as error:
    assert "cannot go on with the run" in str(error) and str(error).isprintable()
    print(error, file=sys.stderr)
    sys.exit(2)
"""

SETS = [
    "minutes=null", "steps=2000", "seed=1", "cars=4", "hidden=[8, 8]", "device=cpu", "log_to=[]",
    "evaluate_on=1", "sac.buffer_size=1000", "sac.learning_starts=80", "sac.batch_size=16",
    "sac.train_freq=4", "sac.gradient_steps=2", "stages=[{learner: sac}]",
    "sac.branches.states=2", "sac.branches.batch_size=4", "sac.branches.kept=2",
]  # fmt: skip
"""Settings of the smallest run."""


def small_settings() -> Any:
    """Those of a run as small as can be."""
    from retroracer.training.learners import RACING
    from retroracer.training.learners.racing_settings import RacingSettings
    from retroracer.training.run.settings import load, shipped_page

    return load(RacingSettings, RACING, shipped_page("base-sac"), None, SETS)


class Small:
    """A task and its learner, saved and restored as a run does it."""

    def __init__(self) -> None:
        from retroracer.training.learners.racing_tasks import make_racing
        from retroracer.training.learners.sac import SAC
        from retroracer.training.run.budget import Budget

        settings = small_settings()
        self.task = make_racing(settings, Budget(None, None))
        self.learner = SAC(self.task, settings.of("sac"), first=True)

    def round(self) -> None:
        """One round of the learner."""
        from retroracer.training.learners.learner import Clock

        self.learner.round(Clock(0.0, 0.0))

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """What a run would save."""
        from retroracer.training.learners.learner import under

        whole = under("task", self.task.state()) | under("learner", self.learner.state())
        return {name: np.array(array, order="C") for name, array in whole.items()}

    def restore(self, state: dict[str, np.ndarray[Any, Any]]) -> None:
        """Go on where ``state`` was taken."""
        from retroracer.training.learners.learner import part

        self.task.restore(part(state, "task"))
        self.learner.restore(part(state, "learner"))


def good() -> dict[str, np.ndarray[Any, Any]]:
    """The state of a run that has driven and learned a little."""
    small = Small()
    for _ in range(4):
        small.round()
    page = np.frombuffer(json.dumps({"seconds": 1.0}).encode(), np.uint8)
    return small.state() | {"run": page}


def _number(rng: random.Random, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array with one number that should not be there."""
    bent = array.copy()
    if bent.size:
        values: tuple[float, ...] = (np.nan, np.inf, -np.inf, 1e300, -1e30, 1e9, -1.0)
        if bent.dtype.kind in "iu":
            values = (-1, 2**31 - 1, 255, 10**6)
        with np.errstate(all="ignore"):
            wrong = np.array(rng.choice(values)).astype(bent.dtype)
        bent.reshape(-1)[rng.randrange(bent.size)] = wrong
    return bent


def _plain(rng: random.Random, raw: bytes) -> np.ndarray[Any, Any]:
    """Plain facts of task or learner with one of them changed."""
    facts = json.loads(raw)
    inner = facts
    if "batch" in facts:
        inner = rng.choice([facts, facts["batch"], facts["batch"]["pool"], facts["batch"]["rng"]])
    inner[rng.choice(list(inner))] = rng.choice(
        (None, -1, 1e300, "x", [], {}, float("nan"), 10**30, [[1, 2]], True)
    )
    return np.frombuffer(json.dumps(facts).encode(), np.uint8)


def mutants(seed: int, count: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write folders of runs with mutated states.

    Args:
        seed: the same seed gives the same mutations.
        count: how many.
        folder: to write them in.

    Yields:
        A name, and a run's folder.
    """
    rng = random.Random(seed)
    whole = good()
    for k in range(count):
        state, name = dict(whole), rng.choice(list(whole))
        way = rng.choice(("number", "number", "number", "plain", "shape", "kind", "gone", "bytes"))
        if way == "number":
            state[name] = _number(rng, state[name])
        elif way == "plain":
            name = rng.choice(("task.facts", "learner.facts"))
            state[name] = _plain(rng, state[name].tobytes())
        elif way == "shape":
            state[name] = rng.choice((state[name][None], state[name].reshape(-1)[:-1]))
        elif way == "kind":
            with np.errstate(all="ignore"):
                state[name] = state[name].astype(rng.choice(("<f8", "<f4", "<i8", "|u1", "<c8")))
        elif way == "gone":
            del state[name]
        raw = io.BytesIO()
        np.savez(raw, **state)  # type: ignore[arg-type]
        data = bytearray(raw.getvalue())
        if way == "bytes":
            for _ in range(rng.randint(1, 9)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        run = folder / f"run-{seed}-{k}"
        run.mkdir(parents=True)
        (run / "state.npz").write_bytes(data)
        yield f"state-{k}-{way}-{name}", run


def cases(seed: int, count: int, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Commands that go on from mutated states.

    Args:
        seed: the same seed gives the same mutations.
        count: how many.
        folder: to write them in.

    Yields:
        A name, and a command that must end with 0 or 2, run from the repository's root.
    """
    for name, run in mutants(seed, count, folder):
        yield name, [sys.executable, "-c", GO_ON, str(run)]
