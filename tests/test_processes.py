"""Processes that share a program's work leave its stops to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

POOL = """
import multiprocessing, os, signal, sys, time
from multiprocessing import resource_tracker
from retroracer.processes import pool, serve_only_the_parent
if __name__ == "__main__":
    with pool(1, multiprocessing.get_context("spawn"), serve_only_the_parent, ()):
        tracker = resource_tracker._resource_tracker._pid
        os.kill(tracker, signal.Signals[sys.argv[1]])
        time.sleep(0.5)
        os.kill(tracker, 0)
        print("the same" if os.waitpid(tracker, os.WNOHANG)[0] == 0 else "gone")
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of a terminal")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_stop_of_the_whole_group_leaves_the_tracker_of_semaphores_alive(tmp_path, name):
    """Else a new one is started that knows none of them, and complains at the program's end."""
    script = tmp_path / "script.py"
    script.write_text(POOL, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), name],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.Signals[name], signal.SIG_DFL),
    )
    assert done.stdout == "the same\n" and not done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds processes")
def test_a_program_bound_to_one_core_uses_one_thread_and_one_process() -> None:
    """More threads than cores wait for one another: everything gets slower."""
    program = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "import torch\n"
        "from retroracer.processes import cores\n"
        "from retroracer.training.run.hardware import use_cores\n"
        "use_cores('cpu'); print(cores(), torch.get_num_threads())"
    )
    env = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True
    )
    assert done.stdout.split() == ["1", "1"]
