"""Sweeping: what dead runs left goes, what the living and others have stays."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from retroracer.atomic import replacing
from retroracer.training.run.leftovers import (
    own_temporary_files,
    started_at,
    sweep_parts,
    sweep_temporary,
)


def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_only_what_bears_the_mark_of_a_dead_process_is_removed(tmp_path: Path) -> None:
    shm = tmp_path / "shm"
    shm.mkdir()
    mine = f"{os.getpid()}-{started_at(os.getpid())}"
    gone = [tmp_path / f"retroracer-{dead()}-12", shm / f"sem.retroracer-{dead()}-12-abc_d"]
    # The number lives, but is another process's by now.
    gone.append(tmp_path / f"retroracer-{os.getpid()}-1")
    stay = [tmp_path / f"retroracer-{mine}", shm / f"sem.retroracer-{mine}-abcd"]
    stay += [tmp_path / "pymp-abcd", tmp_path / "SB3-2026", shm / "sem.mp-abcd"]
    stay += [tmp_path / "retroracer-notes-1", tmp_path / f"retroracer-{dead()}"]
    for path in gone + stay:
        if path.parent == shm:
            path.touch()
        else:
            path.mkdir()
            (path / "file").touch()
    assert sorted(sweep_temporary(tmp_path, shm)) == sorted(gone)
    assert all(p.exists() for p in stay) and not any(p.exists() for p in gone)


def test_temporary_files_and_semaphores_of_a_run_bear_its_mark_and_go_with_it() -> None:
    before = tempfile.gettempdir(), os.environ.get("TMPDIR")
    with own_temporary_files() as folder:
        assert folder.name == f"retroracer-{os.getpid()}-{started_at(os.getpid())}"
        with tempfile.NamedTemporaryFile() as file:
            assert Path(file.name).parent == folder
        lock = multiprocessing.get_context("spawn").Lock()
        assert str(os.getpid()) in lock._semlock.name  # type: ignore[attr-defined]
        del lock
    assert not folder.exists()
    assert (tempfile.gettempdir(), os.environ.get("TMPDIR")) == before


def test_parts_of_files_that_were_never_finished_are_swept(tmp_path: Path) -> None:
    run, out = tmp_path / "runs" / "m", tmp_path / "models" / "m.zip"
    (run / "checkpoints").mkdir(parents=True)
    out.parent.mkdir()
    gone = [run / ".state.npz.abcdefgh.part", run / "checkpoints" / ".1.zip.abcdefg_.part"]
    gone.append(out.parent / ".m.zip.abcdefgh.part")
    stay = [out, run / "state.npz", out.parent / "notes.part"]
    with replacing(out.parent / "other.zip") as living:  # it sweeps that folder too, at first
        for path in gone + stay:
            path.touch()
        for path in [*gone, *stay, living]:
            os.utime(path, (0, 0))
        assert sweep_parts(run, out) == len(gone)
        assert living.exists(), "its writer lives"
    assert all(p.exists() for p in stay) and not any(p.exists() for p in gone)
