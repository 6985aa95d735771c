"""A learner, its actors and one of another process on a cluster of two nodes, on loopback."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scale.programs import PATIENCE, SMALL, Program, actors, left_behind, private, scale

pytest.importorskip("ray", reason="the extra 'scale' is not installed")


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A folder with a short name: the path of a socket may have 107 bytes."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


@pytest.mark.slow
def test_a_learner_killed_on_a_cluster_of_two_nodes_goes_on_and_its_actors_join_again(
    tmp_path: Path, sockets: Path
) -> None:
    env = private(tmp_path) | {"RAY_TMPDIR": str(sockets)}
    nodes = Program("nodes", [str(Path(__file__).with_name("two_nodes.py"))], tmp_path, env)
    programs = [nodes]

    def run(name: str, *arguments: str) -> Program:
        programs.append(scale(name, [*arguments, "--address", address], tmp_path, env))
        return programs[-1]

    try:
        address = nodes.wait_for(r"two nodes at (\S+)")[0][1]
        command = ["train", "--env", "Pendulum-v1", "--actors", "2", *SMALL]
        learner = run("first", *command)
        learner.wait_for(r"actor [01]: weights \d+ received", 2)
        assert len({parent(actor) for actor in actors(tmp_path)}) == 2, "one on each node"
        other = run("other", "actor", "--env", "Pendulum-v1", "--actor-id", "9")
        before = int(other.wait_for(r"weights (\d+) received")[0][1])
        learner.wait_for("actor 9 joined")
        assert run("status", "status", "--json", "status.json").process.wait(PATIENCE) == 0
        told = json.loads((tmp_path / "status.json").read_text())["learners"][0]
        assert [a["actor"] for a in told["actors"]] == [0, 1, 9]
        assert all(a["rows"] > 0 for a in told["actors"][:2]) and told["learner"]["steps"] > 0
        learner.kill()
        other.wait_for("the learner is gone; waiting for it to come back")
        again = run("again", *command)
        after = int(other.wait_for(r"weights (\d+) received", 2)[1][1])
        assert after > told["version"] >= before
        again.process.send_signal(signal.SIGTERM)
        assert again.process.wait(PATIENCE) == 0, again.text()
        assert other.process.wait(PATIENCE) == 0 and "the learner has ended" in other.text()
        nodes.process.send_signal(signal.SIGTERM)
        assert nodes.process.wait(PATIENCE) == 0
        assert left_behind(tmp_path) == {}
    finally:
        for program in reversed(programs):
            program.end()
