"""A short part of the fuzzing of model zips (``benchmarks/fuzzing/zips.py``)."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.fuzzing import zips as fuzz

ROOT = Path(__file__).parents[2]

# Loads every model of a folder in one process that may not take more than so many bytes.
LOAD = """
import resource, sys, time, warnings
from pathlib import Path
import numpy as np
from retroracer.errors import UserError
from retroracer.agents.model_file import car_of
from retroracer.agents.policy import load_policy
from retroracer.agents.pixels.inference import load_pixel_driver

warnings.simplefilter("error")
limit = int(sys.argv[3]) * 10**6
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
seen = np.random.default_rng(0).uniform(-5, 5, (20, 22)).astype(np.float32)
taken = 0
for path in sorted(Path(sys.argv[2]).glob("*.zip")):
    begun = time.monotonic()
    try:
        if sys.argv[1] == "road":
            policy = load_policy(path)
            car = car_of(policy.facts, path)
            assert np.isfinite(policy.act(seen)).all() and np.isfinite(car.row()).all()
        else:
            driver = load_pixel_driver(path)
        taken += 1
    except UserError as error:
        told = str(error)
        assert "\\x1b" not in told and len(told) < 900, f"{path}: {told[:300]}"
    except BaseException as error:
        raise AssertionError(f"{path.name}: {error!r:.200}") from error
    assert time.monotonic() - begun < 5.0, path
print("taken", taken)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "of", "count"), [("road", "base", 120), ("pixels", "pixels-ppo", 50)]
)
def test_no_mutated_model_is_believed_or_takes_long(
    kind: str, of: str, count: int, tmp_path: Path
) -> None:
    names = [name for name, _ in fuzz.mutants(7, count, tmp_path, of)]
    assert len(set(names)) == count
    done = subprocess.run(
        [sys.executable, "-c", LOAD, kind, str(tmp_path), "3000"],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]
    assert 0 < int(done.stdout.split()[-1]) < count


@pytest.mark.slow
def test_the_same_seed_gives_the_same_cases(tmp_path: Path) -> None:
    one, two = (list(fuzz.cases(3, 8, tmp_path)) for _ in range(2))
    assert one == two and len(one) == 8
    assert all(command[1:3] == ["-m", "retroracer"] for _, command in one)
