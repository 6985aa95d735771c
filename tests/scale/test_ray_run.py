"""A small real run on Ray: a kill, a stranger, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scale.programs import (
    PATIENCE,
    SMALL,
    Program,
    actors,
    left_behind,
    living,
    private,
    scale,
    shared_memory,
)

pytest.importorskip("ray", reason="the extra 'scale' is not installed")


def listening(processes: set[int]) -> set[str]:
    """The addresses, as the kernel writes them, on which processes listen."""
    inodes = set()
    for p in processes:
        for path in Path(f"/proc/{p}/fd").glob("*"):
            try:
                target = os.readlink(path)
            except OSError:
                continue
            inodes |= set(re.findall(r"socket:\[(\d+)\]", target))
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            cells = line.split()
            if cells[3] == "0A" and cells[9] in inodes:
                found.add(cells[1].partition(":")[0])
    return found


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    shared = shared_memory()
    yield private(tmp_path)
    assert shared_memory() <= shared


@pytest.mark.slow
def test_a_run_survives_its_actors_and_leaves_nothing_behind(
    tmp_path: Path, env: dict[str, str]
) -> None:
    learner = scale(
        "train", ["train", "--env", "Pendulum-v1", "--actors", "2", *SMALL], tmp_path, env
    )
    try:
        address = learner.wait_for(r"--address (127\.0\.0\.1:\d+)")[0][1]
        learner.wait_for(r"actor 0: weights \d+ received")
        learner.wait_for(r"actor 1: weights \d+ received")
        assert listening(set(living(tmp_path))) <= LOOPBACK
        assert len(actors(tmp_path)) == 2
        os.kill(actors(tmp_path)[0], signal.SIGKILL)
        stranger = scale(
            "actor",
            ["actor", "--address", address, "--env", "MountainCarContinuous-v0", "--actor-id", "7"],
            tmp_path,
            env,
        )
        assert stranger.process.wait(PATIENCE) == 2, stranger.text()
        assert stranger.text() == (
            "retroracer: error: actor 7 does not fit the learner: observations: "
            "the learner has 3, the actor 2\n"
        )
        learner.wait_for(r"actor \d came back")
        learner.wait_for(r"actor 7 .* the learner has 3, the actor 2")
        learner.wait_for(r"actor \d: weights \d+ received", 3)
        hub = [p for p, name in living(tmp_path).items() if name.startswith("ray::Hub")]
        os.kill(hub[0], signal.SIGKILL)
        learner.wait_for("the hub was killed and restarts")
        learner.wait_for(r"actor \d: weights \d+ received", 5)
        limit = time.monotonic() + PATIENCE
        while not (tmp_path / "runs/scaled/latest.zip").is_file() and time.monotonic() < limit:
            time.sleep(0.1)
        assert (tmp_path / "runs/scaled/latest.zip").is_file(), learner.text()
        learner.process.send_signal(signal.SIGTERM)
        assert learner.process.wait(PATIENCE) == 0, learner.text()
        assert "state saved" in learner.text()
        assert left_behind(tmp_path) == {}
        assert not list(Path("/tmp").glob(f"retroracer-ray-*-{learner.process.pid}"))
    finally:
        learner.kill()


@pytest.mark.slow
def test_a_hub_killed_while_no_rows_are_wanted_gets_contract_and_weights_again(
    env: dict[str, str], tmp_path: Path
) -> None:
    before = dict(os.environ)
    program = Program("alone", [str(Path(__file__).with_name("killed_hub.py"))], tmp_path, env)
    try:
        assert program.process.wait(PATIENCE) == 0, program.text()
        assert program.find("introduced again")
    finally:
        program.kill()
    assert dict(os.environ) == before, "Ray was loaded in the process of the tests"
