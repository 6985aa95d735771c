"""``retroracer models``: adopted drivers are judged and raced; mistakes are one line."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import gymnasium
import pytest
from stable_baselines3 import SAC

from retroracer.agents.checkpoint import save
from retroracer.agents.facts import Facts
from retroracer.cli import main
from retroracer.envs.observation import LAYOUT
from retroracer.resources import models_dir


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Works in an empty folder; ``plain.zip`` is the shipped driver as plain SB3 saves it."""
    monkeypatch.chdir(tmp_path)
    with (
        zipfile.ZipFile(models_dir() / "base.zip") as old,
        zipfile.ZipFile(tmp_path / "plain.zip", "w") as new,
    ):
        for name in set(old.namelist()) - {"retroracer.json", "actor.npz"}:
            new.writestr(name, old.read(name))
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 2
    error = capsys.readouterr().err
    assert error.startswith("retroracer: error: ") and error.count("\n") == 1
    return error


@pytest.mark.slow
def test_an_adopted_driver_laps_as_it_did_before(folder: Path) -> None:
    assert main(["models", "adopt", "plain.zip", "--json", "told.json"]) == 0
    told = json.loads((folder / "told.json").read_text())
    assert (told["model"], told["algorithm"], told["layers"]) == (
        "models/plain.zip", "SAC", [256, 256],
    )  # fmt: skip
    with (  # the shipped driver, deciding as often as an adopted one is taken to
        zipfile.ZipFile(models_dir() / "base.zip") as old,
        zipfile.ZipFile(folder / "often.zip", "w") as new,
    ):
        for name in old.namelist():
            raw = old.read(name)
            if name == "retroracer.json":
                facts = json.loads(raw)
                assert facts["notes"].pop("control_dt") == 0.1
                raw = json.dumps(facts).encode()
            new.writestr(name, raw)
    laps = []
    for model in ("models/plain.zip", "often.zip"):
        argv = ["evaluate", model, "--tracks", "copper_bowl", "--no-limit", "--json", "e.json"]
        assert main(argv) == 0
        laps.append(json.loads((folder / "e.json").read_text())["tracks"][0]["lap_time_s"])
    assert laps[0] == laps[1] is not None


@pytest.mark.slow
def test_an_adopted_driver_is_raced(folder: Path) -> None:
    assert main(["models", "adopt", "plain.zip", "--out", "mine.zip"]) == 0
    argv = ["play", "--headless", "--frames", "3", "--model", "mine.zip", "--track", "copper_bowl"]
    assert main(argv) == 0


def test_a_plain_zip_is_told_how_to_be_adopted(capsys: pytest.CaptureFixture[str]) -> None:
    assert "retroracer models adopt plain.zip" in refused(capsys, "evaluate", "plain.zip")


def test_no_file_is_written_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "there.zip").write_bytes(b"mine")
    line = refused(capsys, "models", "adopt", "plain.zip", "--out", "there.zip")
    assert "is there already and is not written over" in line
    assert (folder / "there.zip").read_bytes() == b"mine"


def test_mistakes_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adopt = ("models", "adopt", "plain.zip")
    assert "there is no file gone.zip" in refused(capsys, "models", "adopt", "gone.zip")
    assert "end it with .zip" in refused(capsys, *adopt, "--out", "x.json")
    assert "is not an observation layout" in refused(capsys, *adopt, "--layout", "\x1b[2J")
    assert "no car 'gtt'" in refused(capsys, *adopt, "--car", "gtt")
    assert "invalid choice: 'gelu'" in refused(capsys, *adopt, "--activation", "gelu")
    assert "no model 'bsae'; did you mean 'base'" in refused(capsys, "models", "show", "bsae")
    assert not list(folder.glob("models/*"))


def test_list_names_what_is_shipped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json", "l.json"]) == 0
    names = {m["model"] for m in json.loads((folder / "l.json").read_text())["models"]}
    assert names == {p.stem for p in models_dir().glob("*.zip")}
    assert all(name in capsys.readouterr().out for name in ("base",))


@pytest.mark.slow
def test_show_tells_untrained_critics(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = gymnasium.make("retroracer/RetroRacer-v0", track="copper_bowl")
    save(
        SAC("MlpPolicy", env, buffer_size=10, device="cpu"), folder / "fresh.zip", Facts(LAYOUT, 0)
    )
    for name, told in (("fresh.zip", "2, untrained"), ("base", "2, trained")):
        assert main(["models", "show", name, "--json", "s.json"]) == 0
        assert told in capsys.readouterr().out
        found = json.loads((folder / "s.json").read_text())
        assert found["critics_trained"] is (name == "base")


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["models"], ["models", "adopt"], ["models", "show"], ["models", "list"]):
        assert main([*argv, "--help"]) == 0
        assert "example: retroracer models" in capsys.readouterr().out
