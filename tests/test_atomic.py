from __future__ import annotations

import os

import pytest

from retroracer.atomic import replacing, write_text
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
