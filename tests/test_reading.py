from __future__ import annotations

import os
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retroracer.errors import UserError
from retroracer.reading import decoded, open_file, read_bytes, read_text, shown, shown_path


def refusal(path, limit: int = 1000) -> str:
    start = time.monotonic()
    with pytest.raises(UserError) as caught:
        read_bytes(path, limit)
    assert time.monotonic() - start < 1.0
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_regular_file_is_read_whole_up_to_its_limit(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1000)
    assert read_bytes(path, 1000) == b"x" * 1000
    assert read_bytes(str(path), 1000) == b"x" * 1000
    assert refusal(path, 999) == f"{path} is 1.0 kB; at most 999 bytes are read"


def test_a_file_that_hides_its_size_is_read_no_further_than_the_limit():
    assert "longer than 10 bytes" in refusal("/proc/self/maps", 10)  # says it has size 0


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    os.symlink(tmp_path / "pipe", tmp_path / "link")
    os.symlink(tmp_path / "round", tmp_path / "round")
    assert "is a pipe" in refusal(tmp_path / "pipe")
    assert "is a pipe" in refusal(tmp_path / "link")
    assert "cannot read" in refusal(tmp_path / "round")
    assert "is a folder" in refusal(tmp_path)
    assert "there is no file" in refusal(tmp_path / "none")
    for device in ("/dev/zero", "/dev/null", "/dev/tty"):
        if os.path.exists(device):
            assert "is a device" in refusal(device)
    with socket.socket(socket.AF_UNIX) as ear:
        name = f"/tmp/retroracer-{os.getpid()}.sock"
        ear.bind(name)
        try:
            assert "is a socket" in refusal(name)
        finally:
            os.unlink(name)


def test_a_pipe_that_took_the_files_place_while_it_was_opened_does_not_block(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"x")
    plain = os.stat(path)
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(os, "stat", lambda *_, **__: plain)
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.append(refusal(path)), daemon=True)
    thread.start()
    thread.join(5.0)
    assert said and "is a pipe" in said[0]


def test_strange_names_give_one_printable_line():
    for name in ("", "\0", "a" * 5000, "a\nb", "\x1b[31mred", "\udc80", "\u202egnp.exe"):
        assert refusal(name).isprintable()
    assert len(shown_path("a" * 5000)) < 400


def test_a_failed_check_leaves_no_file_open(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"xx")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        refusal(path, 1)
    with open_file(path, 2) as file:
        assert file.read() == b"xx"
    assert len(os.listdir("/proc/self/fd")) == before


def test_text_is_utf_8_or_marked_utf_16_and_a_wrong_byte_is_told_by_its_line(tmp_path):
    for codec in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "a").write_bytes("Nürburg\r\n".encode(codec))
        assert read_text(tmp_path / "a", 100) == "Nürburg\r\n"
    with pytest.raises(UserError, match=r"^f:2: not UTF-8 text \(byte 0xfc\)"):
        decoded("a\nü".encode("latin-1"), "f")
    with pytest.raises(UserError, match=r"^f:1: not UTF-16 text"):
        decoded(b"\xff\xfea", "f")


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


def bomb(levels: int) -> list:
    value: list = [1] * 10
    for _ in range(levels):
        value = [value] * 10
    return value


@pytest.mark.parametrize(
    "value",
    [bomb(40), nested(100_000), "x" * 10_000_000, 10**100_000, {"k" * 9000: bomb(9)}, object()],
    ids=["bomb", "deep", "long", "digits", "key", "object"],
)
def test_a_huge_value_is_shown_short_and_soon(value):
    start = time.monotonic()
    assert len(shown(value)) <= 40
    assert time.monotonic() - start < 0.1


def test_values_are_shown_as_one_would_write_them():
    assert shown([1, {"a": None, "b": "c"}, 2.5, True]) == "[1, {a: None, b: c}, 2.5, True]"
    assert shown("a\x1b[2Jb\nc\u00a0d") == "a\\x1b[2Jb\\nc\\xa0d"
    assert shown(10**1000) == "a number of about 1001 digits"
    assert shown("x" * 50, 10) == "x" * 9 + "…"


@pytest.mark.slow
@given(st.recursive(st.text() | st.integers() | st.floats() | st.binary(), st.lists))
def test_whatever_is_shown_is_short_and_printable(value):
    assert len(shown(value)) <= 40
    assert shown(value).isprintable()
