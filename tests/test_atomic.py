from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from retroracer.atomic import (
    demand_writable,
    make_folder,
    replacing,
    sweep,
    write_text,
    write_together,
)
from retroracer.errors import UserError


def test_a_failed_write_leaves_the_old_file_and_no_leftovers(tmp_path):
    target = tmp_path / "a.json"
    write_text(target, "old")
    with pytest.raises(RuntimeError, match="power cut"), replacing(target) as part:
        part.write_text("half of the n")
        raise RuntimeError("power cut")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_the_old_file_stays_whole_until_the_new_one_is(tmp_path):
    target = tmp_path / "a.json"
    write_text(target, "old")
    with replacing(target) as part:
        part.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"


def test_a_new_file_gets_the_usual_permissions(tmp_path):
    write_text(tmp_path / "ours", "x")
    (tmp_path / "plain").write_text("x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_that_does_not_exist_is_a_users_mistake(tmp_path):
    with pytest.raises(UserError, match="create it first"):
        write_text(tmp_path / "no" / "a.json", "x")
    with pytest.raises(UserError, match="it is a folder"):
        write_text(tmp_path, "x")


def test_a_link_is_written_through_and_a_device_is_never_replaced(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("far/file")
    write_text(tmp_path / "link", "x")
    assert (tmp_path / "far" / "file").read_text() == "x" and (tmp_path / "link").is_symlink()
    (tmp_path / "null").symlink_to(os.devnull)
    write_text(tmp_path / "null", "x")
    assert os.path.realpath(tmp_path / "null") == os.devnull and not os.path.isfile(os.devnull)


def test_files_that_belong_together_are_replaced_together(tmp_path):
    write_together({tmp_path / "a": "1", tmp_path / "b": "1"})
    (tmp_path / "c").mkdir()
    with pytest.raises(UserError, match="it is a folder"):
        write_together({tmp_path / "a": "2", tmp_path / "b": "2", tmp_path / "c": "2"})
    assert [(tmp_path / name).read_text() for name in "ab"] == ["1", "1"]
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "c"]


@pytest.mark.slow
def test_two_programs_that_write_the_same_files_never_mix_them(tmp_path):
    code = (
        "import sys; from pathlib import Path; from retroracer.atomic import write_together\n"
        "for k in range(60):\n"
        "    write_together({Path(n): f'{sys.argv[1]} {k} ' * 2000 for n in 'ab'})\n"
    )
    run = [sys.executable, "-c", code]
    path = os.pathsep.join(sys.path)
    both = [
        subprocess.Popen([*run, name], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path})
        for name in ("one", "two")
    ]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text()
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_what_a_killed_writer_left_is_swept_and_a_living_ones_file_is_not(tmp_path):
    with replacing(tmp_path / "alive") as part:
        part.write_text("going on")
        (tmp_path / ".dead.abcd1234.part").write_text("half")
        (tmp_path / ".other.part").write_text("not ours")
        for path in tmp_path.iterdir():
            os.utime(path, (1, 1))
        assert sweep(tmp_path) == 1
        assert part.exists()
    assert sorted(os.listdir(tmp_path)) == [".other.part", "alive"]


def test_a_full_disk_is_found_behind_whatever_a_library_makes_of_it(tmp_path, monkeypatch):
    target = tmp_path / "a.bin"
    write_text(target, "old")

    def full(handle):
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=r"disk is full.*unchanged"), replacing(target):
        monkeypatch.setattr(os, "fsync", full)
        raise RuntimeError("failed writing file")  # as torch says it
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["a.bin"]


def test_a_place_is_tried_without_touching_what_is_there(tmp_path):
    write_text(tmp_path / "a", "old")
    demand_writable(tmp_path / "a")
    demand_writable(tmp_path / "b")
    assert os.listdir(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "old"
    with pytest.raises(UserError, match="create it first"):
        demand_writable(tmp_path / "no" / "a")
    with pytest.raises(UserError, match="a file, not a folder"):
        make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "x" / "y")
    assert os.listdir(tmp_path / "x" / "y") == []


def test_a_file_name_that_is_no_text_can_be_written_of(tmp_path):
    write_text(tmp_path / "a.json", json.dumps({"name": "\udcff"}, ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_text()) == {"name": "\udcff"}
