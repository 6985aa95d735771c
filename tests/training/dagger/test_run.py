"""Runs of the teaching: tiny nets, real frames; killed, gone on with, refused."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("Box2D")
torch = pytest.importorskip("torch")

from stable_baselines3 import PPO  # noqa: E402

from retroracer import config  # noqa: E402
from retroracer.agents.model_file import read_facts  # noqa: E402
from retroracer.agents.pixel_nets import Network  # noqa: E402
from retroracer.carracing.pipeline import Pipeline  # noqa: E402
from retroracer.cli import main  # noqa: E402
from retroracer.errors import UserError  # noqa: E402
from retroracer.training.dagger import run as dagger  # noqa: E402
from retroracer.training.dagger.run import DaggerFolder, Run  # noqa: E402
from retroracer.training.dagger.settings import DaggerRun, demand_room  # noqa: E402
from retroracer.training.dagger.student import Student  # noqa: E402
from retroracer.training.pixel_checkpoint import load_driver  # noqa: E402

ROOT = Path(__file__).parents[3]

TINY = DaggerRun(
    rounds=2, first_drives=1, drives=2, steps=4, batch=8, capacity=6000,
    network=Network("slim", 8, hidden=(8,)), pipeline=Pipeline(size=64, stack=2, action_repeat=1),
)  # fmt: skip
OPTIONS = [
    f"{name}={getattr(TINY, name)}"
    for name in ("rounds", "first_drives", "drives", "steps", "batch", "capacity")
]
OPTIONS += ["pipeline.size=64", "pipeline.stack=2", "network.convs=slim", "network.features=8"]
OPTIONS += ["network.hidden=[8]"]


class KilledError(Exception):
    """Stands for a kill: nothing after it is run."""


class _Here:
    """Drives at once, in this process."""

    def submit(self, function, *arguments):
        done = Future()
        done.set_result(function(*arguments))
        return done


@pytest.fixture(scope="module")
def here():
    """No processes: what they compute is the same."""

    @contextmanager
    def inline(processes):
        yield _Here()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dagger, "_drivers", inline)
        yield


@pytest.fixture(scope="module")
def whole(here, tmp_path_factory):
    """A run that nothing stopped."""
    return taught(tmp_path_factory.mktemp("whole") / "run")


def taught(folder: Path, settings: DaggerRun = TINY, resume: bool = False) -> Run:
    run = Run(settings, DaggerFolder(folder), resume, lambda line: None)
    run.learn()
    return run


@pytest.mark.slow
@pytest.mark.parametrize("fatal", [2, 6, 13])
def test_a_run_killed_anywhere_goes_on_and_ends_in_the_same_weights(
    fatal, here, whole, tmp_path, monkeypatch
) -> None:
    learn, lessons = Student.learn, 0

    def dying(self, batch, rate):
        nonlocal lessons
        lessons += 1
        if lessons == fatal:
            raise KilledError
        return learn(self, batch, rate)

    with monkeypatch.context() as patch:
        patch.setattr(Student, "learn", dying)
        with pytest.raises(KilledError):
            taught(tmp_path / "killed")
    assert DaggerFolder(tmp_path / "killed").unfinished() == TINY
    again = taught(tmp_path / "killed", resume=True)
    assert again.done == whole.done == TINY.rounds + 1 and again.driven == whole.driven
    assert again.student.weights() == whole.student.weights()
    for one, two in zip(whole.rows, again.rows, strict=True):
        assert one | {"seconds": 0.0} == two | {"seconds": 0.0}


def test_plain_ppo_and_our_own_loader_open_the_pupil_and_act_alike(whole, tmp_path) -> None:
    path = tmp_path / "taught.zip"
    whole.save(path)
    pictures = np.random.default_rng(0).integers(0, 256, (6, 2, 64, 64), np.uint8)
    driver = load_driver(path)
    plain = PPO.load(path, device="cpu").predict(pictures, deterministic=True)[0]
    np.testing.assert_allclose(driver.act(pictures), plain, atol=1e-5)
    with whole.student.averaged():
        own = whole.student.policy.predict(pictures, deterministic=True)[0]
    np.testing.assert_allclose(plain, own, atol=1e-5)
    facts = read_facts(path)
    assert facts.settings["method"] == "DAgger" and facts.steps == whole.driven
    assert facts.notes["expert"]["room"] == TINY.style.room


def test_a_pupil_goes_on_from_a_parent_of_its_own_kind_alone(here, tmp_path) -> None:
    parent = tmp_path / "parent.zip"
    taught(tmp_path / "run", dataclasses.replace(TINY, rounds=0)).save(parent)
    child = dataclasses.replace(TINY, rounds=0, parent=str(parent), expert=0.0)
    run = Run(child, DaggerFolder(tmp_path / "child"), tell=lambda line: None)
    old = load_driver(parent)._policy.state_dict()
    now = run.student.policy.state_dict()
    assert all(torch.equal(old[name], now[name]) for name in old)
    run.learn()
    assert "mean" in run.rows[0], "it drove alone from the first round on"
    run.save(tmp_path / "child.zip")
    assert read_facts(tmp_path / "child.zip").parent == "parent"
    assert str(tmp_path) not in read_facts(tmp_path / "child.zip").to_json()
    for message, settings in {
        "wrappers: stack 2.*pipeline.stack=2": dataclasses.replace(
            child, pipeline=dataclasses.replace(TINY.pipeline, stack=3)
        ),
        "network: features 8": dataclasses.replace(child, network=Network("slim", 9, hidden=(8,))),
        "no pictures of CarRacing": dataclasses.replace(child, parent="base"),
    }.items():
        with pytest.raises(UserError, match=message):
            Run(settings, DaggerFolder(tmp_path / "x"))
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_the_curve_of_a_run_is_drawn(here, tmp_path) -> None:
    taught(tmp_path / "runs" / "t", dataclasses.replace(TINY, rounds=2, expert=0.0)).save(
        tmp_path / "t.zip"
    )
    options = ["--episodes", "0", "--plot", str(tmp_path / "c.png")]
    options += ["--run", str(tmp_path / "runs" / "t")]
    assert main(["evaluate", str(tmp_path / "t.zip"), *options]) == 0
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def _command(folder: Path, *more: str) -> list[str]:
    command = ["train-pixels", "--algo", "dagger", "--out", str(folder / "t.zip")]
    command += ["--runs", str(folder / "runs")]
    return command + [x for s in OPTIONS for x in ("--set", s)] + list(more)


@pytest.mark.slow
def test_every_mistake_is_one_line(here, tmp_path, capsys) -> None:
    assert config.load(DaggerRun, None, OPTIONS, start=DaggerRun()) == TINY
    assert main(_command(tmp_path)) == 0
    said = capsys.readouterr().out
    assert "driver:" in said and "it will take about" in said
    assert main(_command(tmp_path, "--resume")) == 0
    assert "going on with the run" in capsys.readouterr().out
    run = tmp_path / "runs" / "t"
    first, state = run / "drives-001.npz", run / "state.npz"
    drives, kept = first.read_bytes(), state.read_bytes()
    for more, message in (
        (["--minutes", "3"], "--minutes does not go with --algo dagger"),
        (["--profile", "6gb"], "--profile does not go with"),
        (["--set", "rate=0.1", "--resume"], "it has other settings"),
        (["--set", "pipeline.colour=rgb"], "pipeline.colour=grey"),
        (["--set", "pipeline.actions=discrete"], "pipeline.actions=steer-accel"),
        (["--set", "lessons=3"], "lessons"),
        (["--set", "capacity=9999999", "--set", "drives=999", "--set", "rounds=900"], "GB"),
        (["--parent", "base"], "no pictures of CarRacing"),
    ):
        assert main(_command(tmp_path, *more)) == 2, more
        told = capsys.readouterr().err.strip()
        assert message in told and "\n" not in told, told
    for path, raw, message in (
        (first, drives[:99], "drives-001.npz is damaged"),
        (state, kept[:99], "cannot go on with the run"),
        (state, os.urandom(300), "cannot go on with the run"),
    ):
        whole = path.read_bytes()
        path.write_bytes(raw)
        assert main(_command(tmp_path)) == 2
        told = capsys.readouterr().err.strip()
        assert message in told and "--fresh" in told and "\n" not in told, told
        path.write_bytes(whole)
    assert main(_command(tmp_path, "--fresh")) == 0
    assert (tmp_path / "runs" / "t.1" / "state.npz").exists(), "the old run is kept aside"


def test_what_cannot_fit_is_refused_with_what_would() -> None:
    with pytest.raises(UserError, match=r"--set capacity=(\d+) fits") as told:
        demand_room(DaggerRun(), free=4 * 10**9)
    fits = int(str(told.value).split("capacity=")[1].split()[0])
    demand_room(DaggerRun(capacity=fits), free=4 * 10**9)
    with pytest.raises(UserError, match="close other programs"):
        demand_room(DaggerRun(), free=10**9)


@pytest.mark.slow
def test_kill_and_ctrl_c_keep_the_rounds_and_the_same_command_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "retroracer", *_command(tmp_path, "--set", "rounds=900")]
    kept = tmp_path / "runs" / "t" / "checkpoints"
    said = ""
    for how in (signal.SIGKILL, signal.SIGINT):
        before = len(list(kept.glob("*.zip")))
        with subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as run:  # fmt: skip
            deadline = time.monotonic() + 120
            while len(list(kept.glob("*.zip"))) <= before and run.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            os.kill(run.pid, how)
            # Its drivers hold the same pipes: they must end with it, or this waits for ever.
            said, errors = run.communicate(timeout=60)
    assert run.returncode == 0 and "Traceback" not in errors, errors
    assert "going on after" in said and "stopped in round" in said
