"""Commands of the programs in whose names people know these things, as they are typed there.

Adapted only in the program's name, in paths, and in sizes so tiny that they take seconds.
"""

from __future__ import annotations

import csv
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from retroracer import config
from retroracer.agents.model_file import read_facts
from retroracer.cli import main
from retroracer.cli.experiments import EXPERIMENTS
from retroracer.resources import configs_dir
from retroracer.training.learners import RACING
from retroracer.training.learners.racing_settings import RacingSettings
from retroracer.training.learners.sac import SACSettings
from retroracer.training.run.lock import locked
from retroracer.training.run.loop import Outcome, Run
from retroracer.training.run.settings import load, shipped_page

REFERENCE = configs_dir() / "reference"

TINY = (
    "--set evaluate_on=1 --set evaluate_every=1e6 --set log_to=[] --set save_every=0 "
    "--device cpu --profile cpu"
)
PIXELS = f"{TINY} --set pipeline.size=64 --set network.convs=slim --set workers=0"
SIZES = {
    "ppo": "--set envs=2 --set ppo.n_steps=8 --batch-size 8 --set ppo.n_epochs=1",
    "sac": "--set sac.learning_starts=16 --batch-size 8 --replay-size 200",
    "sac_drq": "--set sac_drq.learning_starts=16 --batch-size 8 --replay-size 200 "
    "--set sac_drq.update_ratio=0.2",
    "dqn": "--set dqn.learning_starts=16 --batch-size 8 --replay-size 200",
}


def run(text: str) -> int:
    return main(shlex.split(text))


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Run]]:
    """The runs that commands would have started."""
    runs: list[Run] = []

    def go(self: Run, resume: bool) -> Outcome:
        runs.append(self)
        return Outcome(0, 0.0, stopped=True)

    monkeypatch.setattr(Run, "go", go)
    yield runs


def at(settings: Any, key: str) -> Any:
    found: Any = config.to_dict(settings)
    for name in key.split("."):
        found = found[name]
    return found


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("train-pixels --algo sac --batch-size 256", {"sac.batch_size": 256}),
        ("train-base --batch-size 256", {"sac.batch_size": 256, "imitation.batch_size": 1024}),
        ("train-base --algo sac --batch-size 128", {"sac.batch_size": 128}),
        (
            "train-pixels --total-steps 2000000 --seed 1 --checkpoint-dir checkpoints/sac_run01 "
            "--run-name sac_run01",
            {"steps": 2_000_000, "minutes": None, "seed": 1},
        ),
        (
            "train-pixels --total-steps 2000000 --seed 1 --use-amp --checkpoint-dir c/amp",
            {"sac_drq.amp": True},
        ),
        ("train-pixels --total-steps 20 --replay-size 20000", {"sac_drq.buffer_size": 20_000}),
        ("train-pixels --algo ppo --total-timesteps 1000000 --seed 1 --checkpoint-dir c/ppo_run01",
         {"steps": 1_000_000}),
        ("train-pixels --algo ppo --no-norm-reward", {"ppo.norm_reward": False}),
        ("train-pixels --action-repeat 2", {"pipeline.action_repeat": 2}),
        ("train-pixels --reward-scale 0.1", {"pipeline.reward_scale": 0.1}),
        ("train-pixels --no-aim --set log_to=[aim,tensorboard]", {"log_to": ["tensorboard"]}),
        ("train-pixels --update-freq 16 --set envs=8", {"sac_drq.update_every": 2}),
        ("train-pixels --update-freq 16 --set envs=1", {"sac_drq.update_every": 16}),
        (
            "train-pixels --algo ppo --max-iters 1000 --finetune-at 500 --checkpoint-every 10",
            {
                "steps": 1000 * 16 * 128, "minutes": None, "ppo.second_phase_at": 0.5,
                "checkpoint_every": 10 * 16 * 128,
            },
        ),
        (
            "train-pixels --algo ppo --skip-asha --max-iters 100 --finetune-at 25 "
            "--finetune-lr 5e-5 --finetune-entropy 1e-3 --finetune-clip 0.15 --results-dir res",
            {
                "ppo.second_phase_at": 0.25, "ppo.second_learning_rate": 5e-5,
                "ppo.second_ent_coef": 1e-3, "ppo.second_clip_range": 0.15,
            },
        ),
        ("train-pixels --algo dqn", {"pipeline.actions": "discrete"}),
        (
            "train-base --set 'stages=[{learner: imitation, until: 0.5}, {learner: sac}]' "
            "--batch-size 64",
            {"sac.batch_size": 64, "imitation.batch_size": 1024},
        ),
        ("train-base --set 'stages=[{learner: ppo, until: 0.97}, {learner: critics}]'",
         {"critics.batch_size": 512}),
    ],
)  # fmt: skip
def test_options_become_settings(
    command: str, wanted: dict[str, Any], started: list[Run], place: Path
) -> None:
    assert run(f"{command} --profile cpu") == 0
    settings = started[0].settings
    assert {key: at(settings, key) for key in wanted} == wanted


def test_places_are_those_named(started: list[Run]) -> None:
    for command, folder, out in (
        ("train-pixels --checkpoint-dir c/one --run-name two", "c/one", "models/two.zip"),
        ("train-pixels --checkpoint-dir c/one", "c/one", "models/one.zip"),
        ("train-pixels --run-name three", "runs/three", "models/three.zip"),
        ("train-pixels --results-dir res --algo ppo", "res/pixels-ppo-mine",
         "models/pixels-ppo-mine.zip"),
        ("train-base --out models/x.zip", "runs/x", "models/x.zip"),
    ):  # fmt: skip
        assert run(command) == 0
        assert started[-1].folder.path == Path(folder)
        assert started[-1].keeper.out == Path(out)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train-pixels --algo ppo --replay-size 20000", "--replay-size is for sac and sac-drq and"),
        ("train-pixels --algo ppo --use-amp", "--use-amp is for sac-drq; this run learns by ppo"),
        ("train-pixels --algo sac --finetune-lr 1e-4", "--finetune-lr is for ppo"),
        ("train-pixels --max-iters 10", "--max-iters is for ppo; this run learns by sac-drq"),
        ("train-pixels --algo ppo --finetune-at 50", "give their number with --max-iters"),
        ("train-pixels --algo ppo --max-iters 5 --finetune-at 6", "after the last iteration, 5"),
        ("train-pixels --algo ppo --max-iters 5 --steps 6", "not both"),
        ("train-pixels --batch-size 0", "--batch-size"),
        ("train-pixels --run-name ../x", "is not a name of a run"),
        ("train-pixels --checkpoint-dir .", "holds other files"),
        ("train-pixels --resume nowhere.pth", "no such file"),
        ("train-pixels --resume taken/x.zip", "--parent taken/x.zip"),
        ("train-pixels --resume", "there is none"),
        ("evaluate", "name a MODEL"),
        ("evaluate carracing --algo dqn", "holds a driver of PPO"),
        ("evaluate base --episodes 3", "does not drive CarRacing"),
        ("evaluate --plot-output x.png", "goes with --progress-csv"),
        ("evaluate carracing --video-dir v", "goes with --save-video"),
        ("evaluate --progress-csv nowhere.csv", "nowhere.csv"),
        ("experiments sca", "there are: sac, "),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    command: str, message: str, started: list[Run], place: Path, capsys: Any
) -> None:
    (place / "taken").mkdir()
    (place / "taken" / "x.zip").write_text("")
    assert run(command) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("retroracer: error:") and message in told
    assert not started


def pages() -> dict[str, tuple[str, str]]:
    """Page -> (command, sizes)."""
    found = {}
    for path in sorted(REFERENCE.glob("*.yaml")):
        if path.stem.startswith("scale-"):  # of ``scale train``, which is no experiment
            continue
        if path.stem == "sac-driver":
            sets = "--steps 60 --set sac.buffer_size=1000 --set sac.learning_starts=20"
            found[path.stem] = ("train-base", f"{TINY} {sets} --batch-size 8")
        else:
            learner = next(n for n in reversed(SIZES) if f"\n{n}:" in path.read_text())
            found[path.stem] = ("train-pixels", f"{PIXELS} --steps 48 {SIZES[learner]}")
    return found


def test_every_experiment_has_its_page() -> None:
    assert {e.page for e in EXPERIMENTS.values()} == set(pages())
    assert all(pages()[e.page][0] == e.command for e in EXPERIMENTS.values())


def test_the_drivers_reference_page_is_plain_sac_whatever_the_default_page_does() -> None:
    page = shipped_page("base-sac")
    settings = load(RacingSettings, RACING, page, REFERENCE / "sac-driver.yaml", [])
    sac = settings.of("sac")
    plain = SACSettings()
    assert sac.branches.states == 0 and settings.averaging == 0 and settings.action_repeat == 1
    given = {"buffer_size": 500_000, "batch_size": 256, "gamma": 0.99, "tau": 0.005, "n_steps": 1}
    given |= {"learning_rate": 3e-4, "learning_starts": 20_000, "final_rate": 1.0, "train_freq": 1}
    given |= {"gradient_steps": 1, "policy_delay": 1, "ent_coef": "auto", "critics_first": 0}
    given |= {"action_noise": 0.0, "noise_hold": 0.0, "final_entropy": None, "critics": "least"}
    given |= {"target_entropy": "auto", "reward_scale": 1.0, "target_update_interval": 1}
    assert {name: getattr(sac, name) for name in given} == given
    others = set(vars(plain)) - set(given) - {"branches", "demonstrations"}
    assert {n for n in others if getattr(sac, n) != getattr(plain, n)} == set()
    assert sac.demonstrations.share == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(pages()))
def test_every_reference_page_trains(name: str, place: Path) -> None:
    command, sizes = pages()[name]
    assert run(f"{command} --config {REFERENCE / name}.yaml {sizes}") == 0
    made = list((place / "models").glob("*.zip"))
    assert len(made) == 1 and read_facts(made[0]).steps >= 48


def test_the_monitor_shows_the_memory_of_a_run_in_progress(place: Path, capsys: Any) -> None:
    folder = place / "runs" / "mine"
    folder.mkdir(parents=True)
    (folder / "settings.yaml").write_text("")
    (folder / "progress.csv").write_text("steps,seconds,episode_return\n1000,60,\n2000,120,7.25\n")
    with locked(folder):
        assert run("experiments monitor") == 0
    told = capsys.readouterr().out
    assert all(word in told for word in ("mine", str(os.getpid()), "2,000", "7.2", " GB"))
    assert run("experiments monitor") == 0 and "no run is in progress" in capsys.readouterr().out


@pytest.mark.slow
def test_experiments_start_by_name_with_options(started: list[Run], capsys: Any) -> None:
    assert run("experiments") == run("experiments list") == run("experiments help") == 0
    assert "run_experiments" not in capsys.readouterr().out
    for name, experiment in EXPERIMENTS.items():
        assert run(f"experiments {name} --seed 7 --profile cpu") == 0, name
        assert started[-1].folder.path == Path(f"runs/reference-{name}")
        assert started[-1].settings.seed == 7
        if "--replay-size" in experiment.options:
            assert at(started[-1].settings, "sac_drq.buffer_size") == 20_000
    assert run("experiments monitor") == 0
    assert "no run is in progress" in capsys.readouterr().out


@pytest.mark.slow
def test_the_whole_way_of_a_pixel_driver(place: Path, capsys: Any) -> None:
    sizes = f"{PIXELS} {SIZES['ppo']} --set pipeline.early_stop=3"
    assert run(
        f"train-pixels --algo ppo --total-timesteps 320 --seed 1 "
        f"--checkpoint-dir checkpoints/ppo_run01 {sizes}"
    ) == 0  # fmt: skip
    best = "checkpoints/ppo_run01/best.zip"
    statistics = read_facts(Path(best)).notes["reward_statistics"]
    assert statistics["count"] > 300

    table = Path("checkpoints/ppo_run01/progress.csv")
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["iteration"]) == 20 and rows[-1]["episode_return"]

    capsys.readouterr()
    assert run(
        f"evaluate --checkpoint {best} --algo ppo --episodes 2 --no-render --seed 1 "
        "--vecnorm checkpoints/ppo_run01/vecnormalize.pkl --max-steps 20 --processes 1"
    ) == 0  # fmt: skip
    told = capsys.readouterr().out
    assert "seeds 1 to 2" in told and "not needed" in told
    assert run(
        f"evaluate --checkpoint {best} --algo ppo --episodes 1 --save-video --video-dir ./videos "
        f"--seed 1 --processes 1 --max-steps 20 --fps 30 --progress-csv {table} "
        "--output carracing.gif "
        "--plot-output training_curve.png --finetune-at 10 --smooth-alpha 0.2 "
        "--steer-deadzone 0.05 --steer-clip 0.8"
    ) == 0  # fmt: skip
    for made in ("carracing.gif", "training_curve.png", "videos/best-seed-1.mp4"):
        assert os.path.getsize(made) > 1000

    assert run(f"train-pixels --algo ppo --parent {best} --run-name on --steps 32 {sizes}") == 0
    assert read_facts(Path("runs/on/best.zip")).notes["reward_statistics"]["count"] >= (
        statistics["count"] + 16
    )
    capsys.readouterr()
    assert run(f"train-pixels --resume {best} --total-steps 3000000 --seed 1") == 2
    assert "has finished" in capsys.readouterr().err


@pytest.mark.slow
def test_a_stopped_run_goes_on_by_its_folder_with_its_own_settings(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    sizes = f"{PIXELS} --set envs=2 {SIZES['sac_drq']}"
    finish = Run._finish
    monkeypatch.setattr(Run, "_finish", lambda self: self._save())
    start = f"train-pixels --total-steps 64 --checkpoint-dir c/run01 {sizes}"
    assert run(start) == 0
    monkeypatch.setattr(Run, "_finish", finish)
    capsys.readouterr()
    assert run("train-pixels --resume c/run01/state.npz --algo ppo") == 2
    assert "learns by sac-drq, not by ppo" in capsys.readouterr().err
    assert run("train-pixels --resume c/run01 --checkpoint-dir c/other") == 2
    assert run("train-pixels --resume c/run01 --action-repeat 3") == 2
    assert "other settings" in capsys.readouterr().err
    again = "--resume c/run01/best.zip --total-steps 96 --seed 0 --checkpoint-dir c/run01"
    assert run(f"train-pixels {again}") == 0
    assert "going on with the run" in capsys.readouterr().out
    assert read_facts(Path("models/run01.zip")).steps >= 64
