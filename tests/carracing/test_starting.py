"""Scripts that processes cannot be started from are told what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKE = """
import retroracer, gymnasium
envs = gymnasium.make_vec("retroracer/CarRacing-v3", 2, workers=2, context={context!r})
print(envs.reset(seed=1)[0].shape)
envs.close()
"""


def run(script, tmp_path, text=None):
    return subprocess.run(
        [sys.executable, *script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
@pytest.mark.parametrize("context", ["forkserver", "spawn"])
def test_a_script_without_a_main_guard_is_told_to_add_one(context, tmp_path):
    (tmp_path / "script.py").write_text(MAKE.format(context=context))
    done = run(["script.py"], tmp_path)
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and not done.stdout
    assert lines[-1].startswith("RuntimeError: ")
    assert '`if __name__ == "__main__":`' in lines[-1] and "workers=0" in lines[-1]
    # The caller's own traceback, and nothing from the workers or from multiprocessing.
    assert sum(line.startswith("Traceback") for line in lines) == 1
    assert "multiprocessing" not in done.stderr


@pytest.mark.slow
def test_a_guarded_script_runs(tmp_path):
    body = MAKE.format(context=None).strip().splitlines()
    guarded = [body[0], 'if __name__ == "__main__":', *(f"    {line}" for line in body[1:])]
    (tmp_path / "script.py").write_text("\n".join(guarded))
    done = run(["script.py"], tmp_path)
    assert (done.returncode, done.stdout) == (0, "(2, 96, 96, 3)\n"), done.stderr


@pytest.mark.slow
def test_a_script_that_is_no_file_is_told_to_become_one(tmp_path):
    done = run(["-"], tmp_path, text=MAKE.format(context=None))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "<stdin> is no file: save the script as one" in last and "workers=0" in last
    assert done.stderr.count("Traceback") == 1


@pytest.mark.slow
def test_without_processes_or_with_fork_no_guard_is_needed(tmp_path):
    (tmp_path / "script.py").write_text(MAKE.format(context="fork"))
    assert run(["script.py"], tmp_path).returncode == 0
    (tmp_path / "script.py").write_text(MAKE.format(context=None).replace("workers=2", "workers=0"))
    assert run(["script.py"], tmp_path).returncode == 0
