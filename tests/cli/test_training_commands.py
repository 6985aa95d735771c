"""The three training commands: stopped and killed as programs, gone on with, begun anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stable_baselines3 import PPO, SAC

from retroracer.agents.model_file import read_facts
from retroracer.cli import main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

SETS = ["log_to=[]", "evaluate_on=1", "save_every=0"]
CARS = [*SETS, "cars=8", "averaging=10"]
SMALL_SAC = ["sac.buffer_size=1000", "sac.learning_starts=64", "sac.batch_size=32"]
SMALL_SAC += ["sac.branches.states=4"]

PROGRAMS: dict[str, tuple[list[str], list[str], str, str]] = {
    "base": (
        ["train-base", "--algo", "sac"],
        [*CARS, *SMALL_SAC, "hidden=[16,16]", "stages=[{learner: sac}]"],
        "sac: ", "SAC on endless random tracks",
    ),
    "fine": (
        ["fine-tune", "--track", "copper_bowl", "--parent", "rookie"],
        [*CARS, *SMALL_SAC], "sac: ", "SAC on copper_bowl",
    ),
    "pixels": (
        ["train-pixels", "--algo", "ppo"],
        [*SETS, "envs=2", "workers=0", "pipeline.size=64", "network.convs=slim",
         "network.features=8", "network.hidden=[8]", "pipeline.early_stop=5", "ppo.n_steps=16",
         "ppo.batch_size=16", "ppo.n_epochs=1"],
        "ppo: ", "PPO on CarRacing-v3",
    ),
}  # fmt: skip
"""Command, settings, the line after which it trains, and the first line of a run."""


SCRIPTS = {"train-base": ["train_base.py"], "fine-tune": ["fine_tune.py"]}


class Program:
    """One of the commands, always at the same place."""

    def __init__(self, name: str, folder: Path) -> None:
        command, sets, self.trains, self.first = PROGRAMS[name]
        self.out, self.run = folder / "m.zip", folder / "runs" / "m"
        self.command = [*command, "--device", "cpu", "--out", str(self.out)]
        self.command += ["--runs", str(folder / "runs")]
        self.command += [x for setting in sets for x in ("--set", setting)]

    def start(self, *options: str) -> subprocess.Popen[str]:
        name, *arguments = self.command
        program = SCRIPTS.get(name, ["-m", "retroracer", name])
        return subprocess.Popen(
            [sys.executable, *program, *arguments, *options], cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def ended_by(self, name: str, *options: str) -> tuple[int, str, float]:
        """Let it train for a moment, then send a signal: exit code, text, seconds it took."""
        with self.start("--steps", "100000000", *options) as process:
            assert process.stdout is not None
            told = []
            for line in process.stdout:
                told.append(line)
                if line.startswith(self.trains) or line.strip() == self.trains.strip(": "):
                    break
            deadline = time.monotonic() + 60.0
            state = self.run / "state.npz"
            while state.stat().st_size < 10_000 and time.monotonic() < deadline:
                time.sleep(0.05)
            sent = time.monotonic()
            process.send_signal(getattr(signal, name))
            rest = process.communicate(timeout=60)[0]
        return process.returncode, "".join(told) + rest, time.monotonic() - sent


def told_by(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    """Run a command to its end in this process: exit code, text."""
    code = main(list(argv))
    return code, "".join(capsys.readouterr())


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_run_is_stopped_killed_gone_on_with_to_its_end_and_begun_anew(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = Program(name, tmp_path)
    code, told = told_by(capsys, *program.command, "--resume")
    assert code == 2 and "--resume: cannot go on with a run" in told and "there is none" in told

    code, told, took = program.ended_by("SIGINT")
    assert code == 0 and "the same command goes on" in told.splitlines()[-1], told
    assert program.first in told and took < 2.5, took

    code, told, _ = program.ended_by("SIGKILL", "--resume")
    assert code == -signal.SIGKILL and "going on with the run" in told, told

    code, told = told_by(capsys, *program.command, "--resume", "--set", "seed=5")
    assert code == 2 and "it has other settings" in told

    if name == "base":  # the same code for all three
        code, told, _ = program.ended_by("SIGTERM", "--fresh")
        assert code == 0 and "a new run: the unfinished one" in told, told
        assert (program.run.parent / "m.1").is_dir()
        program.out.unlink()  # the first run's driver: it would stay if it were the better one

    # Long over: only judged.
    code, told = told_by(capsys, *program.command, "--resume", "--steps", "64")
    assert code == 0 and "going on with the run" in told and f"model: {program.out}" in told, told
    assert "Traceback" not in told and not (program.run / "state.npz").exists()
    facts = read_facts(program.out)
    kind = PPO if name == "pixels" else SAC
    assert facts.algorithm == kind.__name__
    kind.load(program.out, device="cpu")


@pytest.mark.parametrize("key", ["track", "parent", "car"])
def test_what_a_page_asks_for_and_is_not_there_is_told_with_its_line(
    key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.yaml").write_text(
        f"cars: 8\n{key}: {'[nosuch]' if key == 'track' else 'nosuch'}\n"
    )
    command = ["train-base", "--config", str(tmp_path / "page.yaml")]
    command += ["--runs", str(tmp_path), "--out", str(tmp_path / "mine.zip")]
    code, told = told_by(capsys, *command)
    assert code == 2 and f"page.yaml:2: {key}: no " in told
    given = f"--set={key}={'[gone]' if key == 'track' else 'gone'}"
    code, told = told_by(capsys, *command, given)
    assert code == 2 and "page.yaml" not in told and "gone" in told
