"""The state of a run that was tampered with, or torn: told in a line, never believed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retroracer.training.learner import Learner
from retroracer.training.run_settings import Lessons, RunSettings, Teacher
from retroracer.training.train import train

from retroracer.agents.sac_settings import SacSettings
from retroracer.errors import UserError
from retroracer.physics import state as st
from retroracer.physics.car import load_car
from retroracer.training.run.folder import RunFolder

MAY_BE_MISSING = {"batch.splits", "batch.last_sectors"}


def settings() -> RunSettings:
    return RunSettings(
        seed=1,
        steps=2000,
        minutes=None,
        cars=4,
        hidden=(8, 8),
        memory=400,
        warm_up=80,
        device="cpu",
        evaluate_on=1,
        log_to=(),
        lessons=Lessons(share=0.0),
        teacher=Teacher(rounds=0),
        sac=SacSettings(batch_size=16, train_freq=4, gradient_steps=2),
    )


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    """Of a learner that has driven a little."""
    learner = Learner(settings(), load_car(), None)
    learner.warm_up(lambda _: None)
    learner.drive()
    return {k: np.array(v, order="C") for k, v in learner.state().items()}


@pytest.fixture(scope="module")
def learner() -> Learner:
    return Learner(settings(), load_car(), None)


def test_an_untouched_state_is_taken(learner: Learner, state: dict[str, Any]) -> None:
    learner.restore(state)
    learner.drive()


def test_no_number_that_is_not_finite_is_taken(learner: Learner, state: dict[str, Any]) -> None:
    for name, array in state.items():
        if array.dtype.kind != "f" or not array.size:
            continue
        for value in (np.nan, np.inf, -np.inf):
            if np.isnan(value) and name in MAY_BE_MISSING:
                continue
            bent = array.copy()
            bent.reshape(-1)[0] = value
            with pytest.raises(ValueError):
                learner.restore(state | {name: bent})


def test_no_array_of_another_kind_or_shape_is_taken(
    learner: Learner, state: dict[str, Any]
) -> None:
    for name, array in state.items():
        if name in ("learner", "torch_rng"):
            continue
        other = np.float64 if array.dtype != np.float64 else np.float32
        for bent in (array.astype(other), np.stack([array, array]), array.astype("c16")):
            with pytest.raises((ValueError, TypeError)):
                learner.restore(state | {name: bent})
                pytest.fail(f"{name} was taken")
        with pytest.raises(KeyError):
            learner.restore({k: v for k, v in state.items() if k != name})


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("batch.ints", st.TRACK, 10**6),
        ("batch.ints", st.TRACK, -1),
        ("batch.ints", st.SECTOR, 40),
        ("batch.ints", st.LAP, -1),
        ("batch.ints", st.TIMED, 7),
        ("batch.floats", st.S, -1.0),
        ("batch.floats", st.S, 1e6),
        ("batch.floats", st.X, 1e300),
        ("batch.floats", st.TIME, -5.0),
        ("batch.params", 0, -1.0),
        ("batch.params", 0, 1e300),
        ("batch.params", 1, 0.0),
        ("batch.latency", 0, 4),
        ("batch.latency", 0, -1),
        ("batch.asked", 0, 1.5),
        ("batch.obs", 0, 9.0),
        ("obs", 0, -9.0),
        ("memory.obs", 0, 1e30),
        ("memory.action", 0, 2.0),
        ("memory.reward", 0, 1e30),
        ("actor.exp_avg_sq", 0, -1.0),
    ],
)
def test_no_number_beyond_its_range_is_taken(
    learner: Learner, state: dict[str, Any], name: str, column: int, value: float
) -> None:
    name = name if name in state else f"model.{name}"
    bent = state[name].copy()
    bent[(*[0] * (bent.ndim - 1), column)] = value
    with pytest.raises(ValueError):
        learner.restore(state | {name: bent})


def altered(state: dict[str, Any], **changed: Any) -> dict[str, Any]:
    plain = json.loads(bytes(state["learner"])) | changed
    return state | {"learner": np.frombuffer(json.dumps(plain).encode(), np.uint8)}


def test_no_counter_or_generator_that_makes_no_sense_is_taken(
    learner: Learner, state: dict[str, Any]
) -> None:
    plain = json.loads(bytes(state["learner"]))
    batch = plain["batch"]
    still = {"bit_generator": "PCG64", "has_uint32": 0, "uinteger": 0}
    stuck = still | {"state": {"state": 0, "inc": 0}}
    pool = batch["pool"]
    cases: list[dict[str, Any]] = [
        {"steps": -1}, {"steps": 1e300}, {"updates": "x"}, {"critics_only": None},
        {"target_entropy": float("nan")}, {"tally": [[1, 2, 3]]}, {"tally": [[1, 2, 3, "x"]]},
        {"tally": [[1, 2, 3, float("inf")]]}, {"batch": []}, {"batch": batch | {"clock": -3}},
        {"batch": batch | {"rng": stuck}}, {"batch": batch | {"rng": None}},
        {"batch": batch | {"pool": pool | {"origins": [stuck] * len(pool["origins"])}}},
        {"batch": batch | {"pool": pool | {"own": "x" * len(pool["own"])}}},
        {"batch": batch | {"pool": pool | {"steps": -1}}},
    ]  # fmt: skip
    for changed in cases:
        with pytest.raises((ValueError, TypeError)):
            learner.restore(altered(state, **changed))
    for raw in (b"[" * 50_000, b"{", b"\xff", b"[]", b"3"):
        with pytest.raises((ValueError, TypeError)):
            learner.restore(state | {"learner": np.frombuffer(raw, np.uint8)})


@pytest.mark.parametrize(
    "changed",
    [
        {"seconds": float("nan")}, {"seconds": -1.0}, {"seconds": 1e300}, {"first_step": 1e300},
        {"first_step": 10**9}, {"first_step": -1}, {"brake": 0.0}, {"brake": 7.0},
        {"recoveries": -1}, {"first_entropy": float("inf")}, {"rows": 3}, {"rows": [3]},
        {"floor": [[1]]}, {"floor": "ab"}, {"best_score": "x"}, {"best_score": float("nan")},
    ],
    ids=str,
)  # fmt: skip
def test_no_run_goes_on_from_facts_that_make_no_sense(
    state: dict[str, Any], changed: dict[str, Any], tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(settings())
    good = {
        "rows": [], "best_score": None, "floor": [], "seconds": 1.0, "first_step": 0,
        "brake": 1.0, "recoveries": 0, "first_entropy": -2.0,
    }  # fmt: skip
    folder.save(state, good | changed)
    with pytest.raises(UserError, match=r"cannot go on with the run in .*; --fresh begins") as told:
        train(settings(), tmp_path / "m.zip", folder.path, resume=True)
    assert str(told.value).isprintable() and len(str(told.value)) < 400


GO_ON = """
import sys, time, warnings
from pathlib import Path
import numpy as np
from benchmarks.fuzzing import run_states as fuzz
from retroracer.errors import UserError
from retroracer.agents import checkpoint
from retroracer.training.run.folder import RunFolder

able, taken, refused = fuzz.learner(), 0, 0
for name, run in fuzz.mutants(3, 100, Path(sys.argv[1])):
    begun = time.monotonic()
    try:
        able.restore(RunFolder(run).load()[0])
        able.drive()
        assert np.isfinite(able.obs).all(), name
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
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]
    taken, refused = map(int, done.stdout.split()[-2:])
    assert taken + refused == 100 and refused > 60


def test_a_state_is_read_as_it_was_written(state: dict[str, Any], tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(settings())
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
