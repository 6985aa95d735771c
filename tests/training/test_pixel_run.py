"""Runs of train-pixels: tiny nets on real frames; killed, gone on with, refused."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retroracer import config
from retroracer.agents.model_file import read_facts
from retroracer.agents.pixel_nets import Network
from retroracer.cli import main
from retroracer.errors import UserError
from retroracer.training.pixel_checkpoint import load_driver
from retroracer.training.pixels import machine
from retroracer.training.pixels.off_policy import OffPolicyLearner
from retroracer.training.pixels.on_policy import OnPolicyLearner
from retroracer.training.pixels.run import PixelRunFolder, train_pixels
from retroracer.training.pixels.settings import STARTS, OffPolicy, OnPolicy, PixelRun

ROOT = Path(__file__).parents[2]


def tiny(algo: str, **changes: Any) -> PixelRun:
    torch.set_num_threads(1)
    start = STARTS[algo]
    network = dataclasses.replace(start.network, convs="slim", features=8, hidden=(8,))
    # Episodes so short that a run sees many of their ends.
    pipeline = dataclasses.replace(start.pipeline, stack=2, early_stop=6, action_repeat=8)
    return dataclasses.replace(
        start,
        **{
            "minutes": None, "steps": 96, "envs": 2, "workers": 0, "evaluate_on": 1,
            "evaluate_every": 1e6, "save_every": 1e6, "device": "cpu", "log_to": (),
            "network": network, "pipeline": pipeline,
            "off": OffPolicy(batch_size=8, replay=400, warm_up=24),
            "ppo": OnPolicy(n_steps=12, batch_size=12, n_epochs=2),
        } | changes,
    )  # fmt: skip


class KilledError(Exception):
    """Stands for a kill: nothing after it is run."""


@pytest.mark.slow
@pytest.mark.parametrize("algo", list(STARTS))
def test_a_run_killed_and_gone_on_with_is_the_same_run(
    algo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tiny(algo, save_every=1e-6)
    folder, out = PixelRunFolder(tmp_path / "run"), tmp_path / "driver.zip"
    kind = OnPolicyLearner if algo == "ppo" else OffPolicyLearner
    rounds, states = 0, []
    round_, state = kind.round, kind.state

    def dying(self: Any, share: float) -> dict[str, float]:
        nonlocal rounds
        rounds += 1
        if rounds == (3 if algo == "ppo" else 20):
            raise KilledError
        return round_(self, share)

    def noting(self: Any) -> dict[str, Any]:
        states.append(state(self))
        return states[-1]

    with monkeypatch.context() as patch:
        patch.setattr(kind, "round", dying)
        patch.setattr(kind, "state", noting)
        with pytest.raises(KilledError):
            train_pixels(settings, out, folder)
    assert folder.unfinished() == settings
    first: list[dict[str, Any]] = []

    def watching(self: Any, share: float) -> dict[str, float]:
        if not first:
            first.append(state(self))
        return round_(self, share)

    monkeypatch.setattr(kind, "round", watching)
    outcome = train_pixels(settings, out, folder, resume=True)
    assert not outcome.interrupted and outcome.steps >= 96
    assert _same(states[-1], first[0]), "all but the envs goes on where it stopped"
    assert first[0]["steps"] == (48 if algo == "ppo" else 38)
    rows = json.loads((folder.path / "evaluations.json").read_text())
    assert len(rows) == 1 and rows[0]["steps"] == outcome.steps == read_facts(out).steps
    assert rows[0]["frames"] == 8 * outcome.steps


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(_same(one[k], two[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(_same, one, two))
    return torch.equal(one, two) if isinstance(one, torch.Tensor) else bool(one == two)


@pytest.mark.slow
@pytest.mark.parametrize("algo", list(STARTS))
def test_the_same_seed_gives_the_same_driver_and_it_really_learns(
    algo: str, tmp_path: Path
) -> None:
    found = []
    for name in ("one", "two"):
        out = tmp_path / f"{name}.zip"
        train_pixels(tiny(algo), out, PixelRunFolder(tmp_path / name))
        found.append(load_driver(out)._policy.state_dict())
    assert _same(dict(found[0]), dict(found[1]))
    assert read_facts(out).updates > 0


def test_the_replay_goes_on_with_the_run(tmp_path: Path) -> None:
    settings, folder = tiny("dqn"), PixelRunFolder(tmp_path / "run")
    train_pixels(settings, tmp_path / "m.zip", folder)
    learner = OffPolicyLearner(settings)
    learner.load_memory(folder.path)
    assert len(learner.replay) >= 96
    learner.close()


@pytest.mark.slow
def test_a_finished_run_goes_on_with_a_larger_budget(tmp_path: Path) -> None:
    settings, folder = tiny("ppo"), PixelRunFolder(tmp_path / "run")
    train_pixels(settings, tmp_path / "m.zip", folder)
    more = dataclasses.replace(settings, steps=192)
    assert train_pixels(more, tmp_path / "m.zip", folder, resume=True).steps == 192


def test_ppos_second_phase_begins_once_and_keeps_what_adam_remembers(tmp_path: Path) -> None:
    settings = tiny("ppo")
    ppo = settings.ppo
    learner = OnPolicyLearner(settings)
    learner.begin(0)
    learner.round(0.0)
    model = learner.model
    moments = {
        k: v["exp_avg"].clone() for k, v in model.policy.optimizer.state_dict()["state"].items()
    }
    assert model.policy.optimizer.param_groups[0]["lr"] == ppo.learning_rate
    assert (model.ent_coef, model.clip_range(1.0)) == (ppo.ent_coef, ppo.clip_range)
    seen = []
    train = model.train

    def watching() -> None:
        now = model.policy.optimizer.state_dict()["state"]
        seen.append(all(torch.equal(moments[k], now[k]["exp_avg"]) for k in moments))
        train()

    model.train = watching
    learner.round(0.7)
    assert seen == [True], "the switch touches no moments"
    assert learner.switched_at == 24
    assert model.policy.optimizer.param_groups[0]["lr"] == ppo.stable_rate
    assert model.ent_coef == ppo.stable_ent_coef
    assert model.clip_range(1.0) == ppo.stable_clip_range
    learner.round(0.9)
    assert learner.switched_at == 24
    state = learner.state()
    learner.close()
    again = OnPolicyLearner(settings)
    again.restore(state)
    assert again.switched_at == 24 and again.model.ent_coef == ppo.stable_ent_coef
    assert again.model.learning_rate == ppo.stable_rate
    again.close()


def test_the_switch_stands_in_the_runs_rows(tmp_path: Path) -> None:
    folder = PixelRunFolder(tmp_path / "run")
    train_pixels(tiny("ppo", log_to=("tensorboard",)), tmp_path / "m.zip", folder)
    rows = json.loads((folder.path / "evaluations.json").read_text())
    assert rows[-1]["phase_switch"] == 72 * 8
    assert list(folder.path.glob("events.out.tfevents*"))
    curve = tmp_path / "curve.png"
    options = ["--episodes", "0", "--plot", str(curve), "--run", str(folder.path)]
    assert main(["evaluate", str(tmp_path / "m.zip"), *options]) == 0
    assert curve.read_bytes().startswith(b"\x89PNG")


def test_rewards_are_normalised_only_where_asked() -> None:
    for asked in (True, False):
        learner = OnPolicyLearner(
            tiny("ppo", ppo=OnPolicy(n_steps=12, batch_size=12, norm_reward=asked))
        )
        assert (learner.model.get_vec_normalize_env() is not None) == asked
        learner.close()


def test_a_timeout_is_no_end_to_the_replay() -> None:
    learner = OffPolicyLearner(tiny("sac"))
    learner.begin(0)
    for _ in range(30):
        learner.round(0.0)
    replay = learner.replay
    assert replay.age.max() > 0 and not replay.terminated.any(), "early stops are truncations"
    assert (replay.age[: int(replay.filled[0])] == 0).sum() > 2
    learner.close()


def test_a_diverged_learner_goes_back_and_on_with_half_the_rate_until_it_is_hopeless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_, poisoned, rates = OffPolicyLearner.round, [30], []

    def poison(self: Any, share: float) -> dict[str, float]:
        rates.append(self.caution)
        losses = round_(self, share)
        return {"critic_loss": float("nan")} if len(rates) in poisoned else losses

    monkeypatch.setattr(OffPolicyLearner, "round", poison)
    train_pixels(tiny("sac-drq"), tmp_path / "m.zip", PixelRunFolder(tmp_path / "run"))
    assert rates[29] == 1.0 and rates[30] == 0.5
    poisoned[:] = range(10_000)
    with pytest.raises(UserError, match=r"critic_loss is nan.*learning_rate"):
        train_pixels(tiny("sac-drq"), tmp_path / "n.zip", PixelRunFolder(tmp_path / "other"))


def test_a_parent_is_continued_from_and_only_with_its_own_wrappers_and_algorithm(
    tmp_path: Path,
) -> None:
    parent = tmp_path / "parent.zip"
    train_pixels(tiny("dqn"), parent, PixelRunFolder(tmp_path / "run"))
    child = tiny("dqn", parent=str(parent))
    learner = OffPolicyLearner(child)
    assert learner.steps == 96
    old = load_driver(parent)._policy.state_dict()
    assert _same(dict(old), {k: v.cpu() for k, v in learner.model.policy.state_dict().items()})
    learner.close()
    wrong = {
        "DQN and this run is PPO": tiny("ppo", parent=str(parent)),
        "wrappers: stack 2.*pipeline.stack=2": dataclasses.replace(
            child, pipeline=dataclasses.replace(child.pipeline, stack=3)
        ),
        "network: features 8.*network.features=8": dataclasses.replace(
            child, network=Network(convs="slim", features=9, hidden=(8,))
        ),
        "no pictures of CarRacing": dataclasses.replace(child, parent="base"),
    }
    for message, settings in wrong.items():
        with pytest.raises(UserError, match=message):
            train_pixels(settings, tmp_path / "x.zip", PixelRunFolder(tmp_path / "x"))


def test_a_damaged_state_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = PixelRunFolder(tmp_path / "run")
    settings = tiny("ppo")
    train_pixels(settings, tmp_path / "m.zip", folder)
    good = (folder.path / "state.npz").read_bytes()
    for raw in (b"", good[: len(good) // 2], os.urandom(500)):
        (folder.path / "state.npz").write_bytes(raw)
        with pytest.raises(UserError, match="--fresh begins a new one"):
            train_pixels(settings, tmp_path / "m.zip", folder, resume=True)


@pytest.mark.parametrize(
    ("algo", "sets", "message"),
    [
        ("dqn", ["pipeline.actions=steer-accel"], "DQN needs pipeline.actions=discrete"),
        ("sac", ["pipeline.actions=discrete"], "SAC needs pipeline.actions=steer-accel"),
        ("ppo", ["pipeline.layout=last"], "pipeline.layout=first"),
        ("ppo", ["ppo.batch_size=100"], "must divide"),
        ("ppo", ["amp=true"], "amp is for SAC"),
        ("sac", ["minutes=null"], "give minutes or steps"),
    ],
)
def test_settings_that_make_no_sense_are_refused(algo: str, sets: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        config.load(PixelRun, None, sets, start=STARTS[algo])


@pytest.mark.parametrize("algo", list(STARTS))
@pytest.mark.parametrize("profile", list(machine.PROFILES))
def test_every_profile_fits_every_algorithm(algo: str, profile: str) -> None:
    chosen = machine.PROFILES[profile]
    start = STARTS[algo]
    settings = config.load(PixelRun, None, chosen.overrides(start.algorithm), start=start)
    wanted = machine.demand_room(settings, free=64 * 10**9)
    assert wanted.ram > wanted.replay >= 0
    assert f"profile {profile}" in machine.describe(settings, profile, wanted)
    assert "it will take about" in machine.describe(settings, profile, wanted)


def test_what_cannot_fit_is_refused_with_what_would() -> None:
    settings = dataclasses.replace(STARTS["sac-drq"], off=OffPolicy(replay=1_000_000))
    with pytest.raises(UserError, match=r"needs \d+\.\d GB .*--set off\.replay=(\d+) fits") as told:
        machine.demand_room(settings, free=6 * 10**9)
    fits = int(str(told.value).split("off.replay=")[1].split()[0])
    smaller = dataclasses.replace(settings, off=OffPolicy(replay=fits))
    machine.demand_room(smaller, free=6 * 10**9)
    with pytest.raises(UserError, match="--algo ppo"):
        machine.demand_room(settings, free=10**9)
    with pytest.raises(UserError, match=r"ppo\.n_steps"):
        machine.demand_room(STARTS["ppo"], free=10**8)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpus_profile_without_one_is_refused() -> None:
    with pytest.raises(UserError, match="--profile cpu"):
        machine.profile_of("8gb", "auto")
    assert machine.profile_of("auto", "auto").name == "cpu"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_memory_given_back_is_there_for_the_next_batch() -> None:
    code = """
import ctypes, resource, sys
from retroracer.training.pixels.machine import keep_memory
if not hasattr(ctypes.CDLL(None), "mallopt"):
    sys.exit()
def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def batch():
    bytearray(b"x") * 40_000_000
batch()
keep_memory()
batch(); batch()
before = pages()
for _ in range(10):
    batch()
new = (pages() - before) * resource.getpagesize()
assert new < 40_000_000, new
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _command(out: Path, runs: Path, *more: str) -> list[str]:
    sets = [
        "network.features=8", "network.hidden=[8]", "envs=2", "workers=1", "evaluate_on=1",
        "evaluate_every=1.5", "save_every=1", "off.warm_up=30", "off.batch_size=8",
        "off.replay=2000", "log_to=[]", "pipeline.early_stop=5",
    ]  # fmt: skip
    command = [sys.executable, "-m", "retroracer", "train-pixels", "--algo", "dqn"]
    command += ["--minutes", "5", "--device", "cpu", "--out", str(out), "--runs", str(runs)]
    return command + [x for s in sets for x in ("--set", s)] + list(more)


def _judged(folder: Path) -> int:
    return max((p.stat().st_mtime_ns for p in folder.glob("checkpoints/*.zip")), default=0)


def _started(command: list[str], folder: Path) -> subprocess.Popen[str]:
    """A run that has been judged and saved since it was started."""
    before = _judged(folder)
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and run.poll() is None:
        if _judged(folder) > before:
            return run
        time.sleep(0.1)
    run.kill()
    raise AssertionError(run.communicate())


@pytest.mark.slow
def test_kill_and_ctrl_c_lose_nothing_and_the_same_command_goes_on(tmp_path: Path) -> None:
    out, runs = tmp_path / "stopped.zip", tmp_path / "runs"
    folder = runs / "stopped"
    run = _started(_command(out, runs), folder)
    run.kill()  # -9
    run.communicate()
    run = _started(_command(out, runs), folder)
    os.kill(run.pid, signal.SIGINT)
    said, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    assert "going on with the run" in said and "state saved in" in said, said
    assert "Traceback" not in errors and "it will take about" in said
    assert out.exists() and np.isfinite(read_facts(out).steps)
    done = subprocess.run(
        _command(out, runs, "--resume", "--set", "off.gamma=0.9"),
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2 and "other settings" in done.stderr
