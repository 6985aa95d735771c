"""The state of a run that was tampered with, or torn: told in a line, never believed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.fuzzing.run_states import Small, small_settings
from retroracer.errors import UserError
from retroracer.physics import state as st
from retroracer.training.run.folder import RunFolder
from tests.training.tiny import train

MAY_BE_MISSING = {"task.batch.splits", "task.batch.last_sectors"}


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    """Of a run that has driven and learned a little."""
    run = Small()
    for _ in range(4):
        run.round()
    return run.state()


@pytest.fixture(scope="module")
def run() -> Small:
    return Small()


@pytest.mark.slow
def test_an_untouched_state_is_taken(run: Small, state: dict[str, Any]) -> None:
    run.restore(state)
    run.round()


def test_no_number_that_is_not_finite_is_taken(run: Small, state: dict[str, Any]) -> None:
    for name, array in state.items():
        if array.dtype.kind != "f" or not array.size:
            continue
        for value in (np.nan, np.inf, -np.inf):
            if np.isnan(value) and name in MAY_BE_MISSING:
                continue
            bent = array.copy()
            bent.reshape(-1)[0] = value
            with pytest.raises(ValueError):
                run.restore(state | {name: bent})


@pytest.mark.slow
def test_no_array_of_another_kind_or_shape_is_taken(run: Small, state: dict[str, Any]) -> None:
    for name, array in state.items():
        if name in ("task.facts", "learner.facts", "task.torch_rng"):
            continue
        other = np.float64 if array.dtype != np.float64 else np.float32
        for bent in (array.astype(other), np.stack([array, array]), array.astype("c16")):
            with pytest.raises((ValueError, TypeError)):
                run.restore(state | {name: bent})
                pytest.fail(f"{name} was taken")
        with pytest.raises(KeyError):
            run.restore({k: v for k, v in state.items() if k != name})


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("task.batch.ints", st.TRACK, 10**6),
        ("task.batch.ints", st.TRACK, -1),
        ("task.batch.ints", st.SECTOR, 40),
        ("task.batch.ints", st.LAP, -1),
        ("task.batch.ints", st.TIMED, 7),
        ("task.batch.floats", st.S, -1.0),
        ("task.batch.floats", st.S, 1e6),
        ("task.batch.floats", st.X, 1e300),
        ("task.batch.floats", st.TIME, -5.0),
        ("task.batch.params", 0, -1.0),
        ("task.batch.params", 0, 1e300),
        ("task.batch.params", 1, 0.0),
        ("task.batch.latency", 0, 4),
        ("task.batch.latency", 0, -1),
        ("task.batch.asked", 0, 1.5),
        ("task.batch.obs", 0, 9.0),
        ("task.average", 0, float("nan")),
        ("learner.memory.obs", 0, 1e30),
        ("learner.memory.action", 0, 2.0),
        ("learner.memory.reward", 0, 1e30),
        ("task.model.actor.exp_avg_sq", 0, -1.0),
        ("task.returns", 0, float("inf")),
        ("learner.held", 0, 3.0),
    ],
)
def test_no_number_beyond_its_range_is_taken(
    run: Small, state: dict[str, Any], name: str, column: int, value: float
) -> None:
    bent = state[name].copy()
    bent[(*[0] * (bent.ndim - 1), column)] = value
    with pytest.raises(ValueError):
        run.restore(state | {name: bent})


def altered(state: dict[str, Any], name: str, **changed: Any) -> dict[str, Any]:
    plain = json.loads(bytes(state[name])) | changed
    return state | {name: np.frombuffer(json.dumps(plain).encode(), np.uint8)}


def test_no_counter_or_generator_that_makes_no_sense_is_taken(
    run: Small, state: dict[str, Any]
) -> None:
    batch = json.loads(bytes(state["task.facts"]))["batch"]
    still = {"bit_generator": "PCG64", "has_uint32": 0, "uinteger": 0}
    stuck = still | {"state": {"state": 0, "inc": 0}}
    pool = batch["pool"]
    cases: list[tuple[str, dict[str, Any]]] = [
        *(("task.facts", changed) for changed in (
            {"steps": -1}, {"steps": 1e300}, {"updates": "x"}, {"updates": None},
            {"target_entropy": float("nan")}, {"stats": [[1, 2, 3]]}, {"stats": [[1, 2, 3, "x"]]},
            {"stats": [[1, 2, 3, float("inf")]]}, {"batch": []}, {"batch": batch | {"clock": -3}},
            {"batch": batch | {"rng": stuck}}, {"batch": batch | {"rng": None}},
            {"batch": batch | {"pool": pool | {"origins": [stuck] * len(pool["origins"])}}},
            {"batch": batch | {"pool": pool | {"own": "x" * len(pool["own"])}}},
            {"batch": batch | {"pool": pool | {"steps": -1}}},
        )),
        *(("learner.facts", changed) for changed in (
            {"warmed": -1}, {"critics_left": None}, {"first_entropy": float("inf")},
            {"rng": stuck}, {"rng": None},
        )),
    ]  # fmt: skip
    for name, changed in cases:
        with pytest.raises((ValueError, TypeError)):
            run.restore(altered(state, name, **changed))
            pytest.fail(f"{name}: {changed} was taken")
    for raw in (b"[" * 50_000, b"{", b"\xff", b"[]", b"3"):
        for name in ("task.facts", "learner.facts"):
            with pytest.raises((ValueError, TypeError)):
                run.restore(state | {name: np.frombuffer(raw, np.uint8)})


RECORD = {"learner": "sac", "algorithm": "SAC", "learning_rate": 0.0, "steps": 0, "updates": 0}
TRACK = {"parent": [], "limits": [30.0]}


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        {"seconds": float("nan")}, {"seconds": -1.0}, {"seconds": 1e300}, {"first_step": 1e300},
        {"first_step": 10**9}, {"first_step": -1}, {"lr_scale": 0.0}, {"lr_scale": 7.0},
        {"recoveries": -1}, {"sessions": -1}, {"rows": 3}, {"rows": [3]}, {"stage": 9},
        {"stage_began": float("inf")}, {"done": 3}, {"done": [3]}, {"task": []},
        {"task": TRACK | {"parent": [[1]]}}, {"task": TRACK | {"parent": "ab"}},
        {"task": TRACK | {"limits": [float("nan")]}}, {"task": TRACK | {"limits": []}},
        {"done": [RECORD | {"steps": None}]}, {"done": [RECORD | {"steps": 10**9}]}, {"done": []},
        {"done": [RECORD | {"learner": ["sac"]}]}, {"done": [RECORD | {"updates": -1}]},
        {"done": [RECORD | {"learning_rate": "x"}]}, {"done": [{}]}, {"rows": [{}]},
        {"rows": [{"steps": None, "seconds": 1.0}]}, {"entered": 1}, {"improved": "no"},
        {"best_score": "x"}, {"best_score": float("nan")},
    ],
    ids=str,
)  # fmt: skip
def test_no_run_goes_on_from_facts_that_make_no_sense(
    state: dict[str, Any], changed: dict[str, Any], tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(small_settings())
    good = {
        "rows": [], "best_score": None, "improved": False, "seconds": 1.0, "first_step": 0,
        "lr_scale": 1.0, "recoveries": 0, "sessions": 0, "stage": 0, "entered": True,
        "stage_began": 0.0, "done": [RECORD], "task": TRACK,
    }  # fmt: skip
    folder.save(state, good | changed)
    with pytest.raises(UserError, match=r"cannot go on with the run in .*; --fresh begins") as told:
        train(small_settings(), tmp_path / "m.zip", folder.path, resume=True)
    assert str(told.value).isprintable() and len(str(told.value)) < 400


GO_ON = """
import sys, time, warnings
from pathlib import Path
import numpy as np
from benchmarks.fuzzing import run_states as fuzz
from retroracer.errors import UserError
from retroracer.agents import checkpoint
from retroracer.training.run.folder import RunFolder

small, taken, refused = fuzz.Small(), 0, 0
for name, run in fuzz.mutants(3, 100, Path(sys.argv[1])):
    begun = time.monotonic()
    try:
        small.restore(RunFolder(run).load()[0])
        small.round()
        assert np.isfinite(small.task.obs).all(), name
        taken += 1
    except (UserError, *checkpoint.MISFIT):
        refused += 1
    assert time.monotonic() - begun < 5.0, name
print(taken, refused)
"""


@pytest.mark.slow
def test_no_mutated_state_crashes_the_process_or_takes_long(tmp_path: Path) -> None:
    """A short part of the fuzzing of runs' states (``benchmarks/fuzzing/run_states.py``)."""
    done = subprocess.run(
        [sys.executable, "-c", GO_ON, str(tmp_path)],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]
    taken, refused = map(int, done.stdout.split()[-2:])
    assert taken + refused == 100 and refused > 60


def test_a_state_is_read_as_it_was_written(state: dict[str, Any], tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(small_settings())
    folder.save(state | {"turned": np.ones((3, 4)).T}, {"a": 1})
    found, facts = folder.load()
    assert facts == {"a": 1} and found["turned"].shape == (4, 3)
    for name, array in state.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    for raw in (b"", b"PK", (folder.path / "state.npz").read_bytes()[:-2000]):
        (folder.path / "state.npz").write_bytes(raw)
        with pytest.raises(UserError, match="cannot go on"):
            folder.load()
