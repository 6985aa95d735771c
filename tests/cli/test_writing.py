"""Every command that writes a file, against every place a file cannot be written to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from retroracer.cli import main

LINUX = Path("/dev/full").exists()
EVALUATE = ["evaluate", "base", "--tracks", "copper_bowl", "--no-limit"]
PIXELS = ["evaluate", "carracing", "--episodes", "0", "--max-frames", "20"]

# What is written -> (the command up to the name, the name's ending).
WRITERS = {
    "list --json": (["tracks", "list", "--json"], ".json"),
    "validate --json": (["tracks", "validate", "monza", "--json"], ".json"),
    "draw": (["tracks", "draw", "monza", "--size", "300x200", "--out"], ".png"),
    "draw a jpeg": (["tracks", "draw", "monza", "--size", "300x200", "--out"], ".jpg"),
    "import": (["tracks", "import", "ring.csv", "--out"], ".yaml"),
    "import --json": (["tracks", "import", "ring.csv", "--out", "r.yaml", "--json"], ".json"),
    "export": (["tracks", "export", "monza", "--csv"], ".csv"),
    "export --json": (["tracks", "export", "monza", "--csv", "m.csv", "--json"], ".json"),
    "generate --json": (["tracks", "generate", "--out", "g", "--json"], ".json"),
    "new": (["tracks", "new"], ".yaml"),
    "limit --json": (["limit", "copper_bowl", "--json"], ".json"),
    "limit --plot": (["limit", "copper_bowl", "--plot"], ".png"),
    "evaluate --json": ([*EVALUATE, "--json"], ".json"),
    "evaluate --plot": ([*EVALUATE, "--plot"], ".png"),
    "evaluate --gif": ([*EVALUATE, "--gif"], ".gif"),
    "pixels --json": ([*PIXELS, "--json"], ".json"),
    "pixels --gif": ([*PIXELS, "--gif"], ".gif"),
    "pixels --plot": ([*PIXELS, "--run", "run", "--plot"], ".png"),
    "bench --json": (["bench", "--quick", "--repeats", "1", "--json"], ".json"),
    "play --screenshot": (["play", "--headless", "--frames", "1", "--screenshot"], ".png"),
}
every_writer = pytest.mark.parametrize("writer", WRITERS)


@pytest.fixture(autouse=True)
def small_world(tmp_path, monkeypatch):
    """A folder of its own with what the commands read; a benchmark that takes no time."""
    from benchmarks import bench_env

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench_env, "contenders", lambda quick: [])
    monkeypatch.setattr(bench_env, "bytes_per_car", lambda: {"traced": 1.0})
    angle = np.linspace(0.0, 2.0 * np.pi, 80, endpoint=False)
    rows = np.column_stack([90 * np.cos(angle), 60 * np.sin(angle), 0 * angle + 4, 0 * angle + 5])
    np.savetxt("ring.csv", rows, delimiter=",", fmt="%.3f")
    Path("run").mkdir()
    row = {"frames": 1, "min": 1, "mean": 2, "max": 3}
    row |= {"seconds": 1, "steps": 1, "updates": 1, "score": 2}
    Path("run/evaluations.json").write_text(json.dumps([row]))


def refused(capsys, argv: list[str]) -> str:
    """The one line that a command ends with."""
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert error.startswith("retroracer: error: ") and error.count("\n") == 1, error
    assert "Traceback" not in error and len(error) < 600
    return error


def leftovers(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(".part")]


@pytest.mark.slow
@every_writer
def test_what_is_written_is_there_and_nothing_else(writer, tmp_path):
    argv, ending = WRITERS[writer]
    assert main([*argv, f"out{ending}"]) == 0
    assert Path(f"out{ending}").stat().st_size > 10
    assert not leftovers(tmp_path)


@every_writer
@pytest.mark.parametrize("place", ["folder", "no parent", "file as parent", "long", "nul"])
def test_an_impossible_place_is_one_line_before_any_work(writer, place, capsys, monkeypatch):
    argv, ending = WRITERS[writer]
    Path(f"a{ending}").mkdir()
    Path("file").write_text("mine")
    name = {
        "folder": f"a{ending}",
        "no parent": f"no/such/x{ending}",
        "file as parent": f"file/x{ending}",
        "long": "x" * 300 + ending,
        "nul": f"x\0y{ending}",
    }[place]
    before = sorted(os.listdir("."))

    def work(*args, **kwargs):
        raise AssertionError("worked before trying the place")

    monkeypatch.setattr("retroracer.training.judging.laps.evaluate", work)
    monkeypatch.setattr("retroracer.laptime.limit.limit_of", work)
    told = refused(capsys, [*argv, name])
    assert "cannot write" in told or "is there already" in told
    assert sorted(os.listdir(".")) == before
    assert Path("file").read_text() == "mine"


@pytest.mark.slow
@every_writer
@pytest.mark.skipif(not LINUX, reason="needs /dev/full")
def test_a_full_disk_is_one_line(writer, capsys, tmp_path):
    argv, ending = WRITERS[writer]
    if writer == "new":  # it never writes over what is there
        return
    Path(f"out{ending}").symlink_to("/dev/full")
    assert "the disk is full" in refused(capsys, [*argv, f"out{ending}"])
    assert Path(f"out{ending}").is_symlink() and not leftovers(tmp_path)


@pytest.mark.slow
@every_writer
def test_a_disk_that_fills_while_writing_leaves_the_old_file(writer, capsys, tmp_path, monkeypatch):
    argv, ending = WRITERS[writer]
    if writer != "new":
        Path(f"out{ending}").write_text("old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "the disk is full" in refused(capsys, [*argv, f"out{ending}"])
    assert writer == "new" or Path(f"out{ending}").read_text() == "old"
    assert not leftovers(tmp_path)


@pytest.mark.slow
@every_writer
def test_ctrl_c_while_writing_leaves_the_old_file(writer, capsys, tmp_path, monkeypatch):
    argv, ending = WRITERS[writer]
    if writer != "new":
        Path(f"out{ending}").write_text("old")

    def pressed(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", pressed)
    assert main([*argv, f"out{ending}"]) == 130
    assert capsys.readouterr().err.endswith("retroracer: stopped\n")
    assert writer == "new" or Path(f"out{ending}").read_text() == "old"
    assert not leftovers(tmp_path)


@every_writer
def test_a_write_protected_file_is_not_replaced(writer, capsys, monkeypatch):
    argv, ending = WRITERS[writer]
    Path(f"out{ending}").write_text("old")
    monkeypatch.setattr(os, "access", lambda path, how: False)  # root may write everything
    refused(capsys, [*argv, f"out{ending}"])
    assert Path(f"out{ending}").read_text() == "old"


@pytest.mark.parametrize("writer", [w for w, (_, ending) in WRITERS.items() if ending == ".json"])
@pytest.mark.parametrize("name", ["base.zip", "monza.yaml", "ring.csv", "lap.gif", "dir/"])
def test_figures_never_replace_a_model_or_a_track(writer, name, capsys):
    if name != "dir/":
        Path(name).write_text("mine")
    told = refused(capsys, [*WRITERS[writer][0], name])
    assert "cannot write" in told or "name a file" in told
    assert name == "dir/" or Path(name).read_text() == "mine"


@pytest.mark.parametrize("out", ["file", "file/under", "x\0y", "x" * 300])
def test_generate_into_no_folder_is_one_line(out, capsys):
    Path("file").write_text("mine")
    assert "cannot write into" in refused(capsys, ["tracks", "generate", "--out", out])
    assert Path("file").read_text() == "mine"


# As a user starts them: whole processes, with the shell's redirections.


def shell(line: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = f"'{sys.executable}' -m retroracer"
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line.replace('RETRORACER', command)}"],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | settings,
        errors="replace",
    )


@pytest.mark.slow
@pytest.mark.skipif(not LINUX, reason="needs /dev/full")
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("command", ["tracks list", "limit --help"])
@pytest.mark.parametrize("output", [">/dev/full", ">&-"])
def test_an_output_that_cannot_be_printed_to_is_one_line(command, output, buffered):
    done = shell(f"RETRORACER {command} {output}", PYTHONUNBUFFERED=buffered)
    assert done.returncode == 2
    told = [line for line in done.stderr.splitlines() if "compiling" not in line]
    assert len(told) == 1 and "cannot print to standard output" in told[0]


@pytest.mark.slow
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_reader_that_goes_away_is_quiet_and_files_are_whole(buffered):
    line = "RETRORACER tracks validate $(for k in {1..4}; do ls $T/*.yaml; done) --json v.json"
    tracks = Path(__file__).parents[2] / "tracks"
    done = shell(f"{line} | head -1", T=str(tracks), PYTHONUNBUFFERED=buffered)
    assert done.stderr == "" and done.returncode in (0, 141)
    assert done.stdout.count("\n") == 1
    assert not leftovers(Path("."))


@pytest.mark.slow
def test_closed_input_and_errors_change_nothing():
    done = shell("RETRORACER tracks list --json t.json 2>&- <&-")
    assert done.returncode == 0 and "monza" in done.stdout
    assert json.loads(Path("t.json").read_text())["tracks"]


@pytest.mark.slow
@pytest.mark.skipif(not LINUX, reason="needs /dev/stdout")
def test_figures_go_to_a_pipe_after_what_was_printed():
    done = shell("RETRORACER tracks export monza --csv m.csv --json /dev/stdout | cat")
    assert done.returncode == 0
    assert json.loads(done.stdout[: done.stdout.index("wrote")])["points"] > 100


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}])
def test_letters_that_cannot_be_shown_are_no_error(settings):
    name = "Zürich_赛道.yaml"
    line = f"RETRORACER tracks import ring.csv --out {name}; RETRORACER limit nö; "
    done = shell(f"{line} RETRORACER tracks validate {name} monza", **settings)
    assert "Traceback" not in done.stderr and "valid, " in done.stdout
    assert "monza" in done.stdout and "no track" in done.stderr


@pytest.mark.slow
def test_a_file_may_not_grow_here():
    done = shell("ulimit -f 4; RETRORACER tracks export monza --csv m.csv")
    assert done.returncode == 2 and "ulimit -f" in done.stderr and done.stderr.count("\n") == 1
    assert sorted(os.listdir(".")) == ["ring.csv", "run"]


@pytest.fixture(scope="module")
def compiled():
    """The simulator is compiled: nothing can be stopped while the compiler is at work."""
    argv = ["evaluate", "base", "--random", "1"]
    subprocess.run([sys.executable, "-m", "retroracer", *argv], capture_output=True, check=True)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
@pytest.mark.usefixtures("compiled")
def test_a_stop_of_the_whole_group_is_one_line(number, code):
    argv = ["evaluate", "base", "--random", "400", "--json", "e.json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "retroracer", *argv],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background jobs, these tests perhaps among them, ignore Ctrl+C.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    try:
        time.sleep(6.0)
        os.killpg(process.pid, number)
        told = process.communicate(timeout=60)[1].replace("compiling the simulator", "", 1)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == code, told
    assert told.splitlines()[-1] == "retroracer: stopped" and "Traceback" not in told
    assert sorted(os.listdir(".")) == ["ring.csv", "run"]
