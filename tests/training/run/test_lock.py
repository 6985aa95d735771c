"""One run at a time: in its folder, and at its --out."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from retroracer.errors import UserError
from retroracer.training.run import lock
from retroracer.training.run.lock import lock_file, locked

ROOT = Path(__file__).parents[3]

HOLD = """
import sys, time
from pathlib import Path
from retroracer.training.run.lock import locked
with locked(Path(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(60)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("kernel", [True, False])
def test_the_second_is_told_the_process_and_the_dead_give_up(
    kernel: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine"
    process = holder(path)
    if not kernel:  # a file system without locks: the process in the file decides
        monkeypatch.setattr(lock, "fcntl", None)
    told = rf"in progress in .*mine \(process {process.pid}\); choose another --out"
    with pytest.raises(UserError, match=told), locked(path):
        pass
    assert lock_file(path).exists(), "the owner's lock stays"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with locked(path):
        assert lock_file(path).read_text().split()[0] == str(os.getpid())
    assert not lock_file(path).exists()


def test_a_process_that_only_has_the_number_of_a_dead_one_is_not_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "fcntl", None)
    lock_file(tmp_path / "m").write_text(f"{os.getppid()} 12\n")
    with locked(tmp_path / "m"):
        pass


def test_a_file_with_rubbish_in_it_is_nobodys_lock(tmp_path: Path) -> None:
    lock_file(tmp_path / "m").write_bytes(os.urandom(60))
    with locked(tmp_path / "m"):
        pass
