"""Zips of strangers: what they claim is bounded before it is believed."""

import io
import struct
import time
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retroracer.archive import BOMB_BYTES, Archive, NotAZipError
from retroracer.errors import UserError


def packed(kind: int = zipfile.ZIP_DEFLATED, **entries: Any) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", kind) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name given twice
        for name, data in entries.items():
            for piece in data if isinstance(data, list) else [data]:
                archive.writestr(name, piece)
    return raw.getvalue()


def arrays(**named: Any) -> bytes:
    raw = io.BytesIO()
    np.savez(raw, **named)
    return raw.getvalue()


def refusal(raw: bytes, read: str | None = None, entries: int = 8, **more: Any) -> str:
    with pytest.raises(ValueError) as caught, Archive(raw, entries, **more) as archive:
        archive.read(read or "none", 1000)
    told = str(caught.value)
    assert told.isprintable() and len(told) < 300
    return told


def test_what_is_in_it_is_read_whole() -> None:
    data = bytes(range(256)) * 5000
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with Archive(packed(kind, a=data, b=b""), 2) as archive:
            assert archive.names == ["a", "b"] and "a" in archive and "c" not in archive
            assert archive.read("a", len(data)) == data
            assert archive.read("b", 0) == b""


def test_plain_arrays_come_back_as_they_were() -> None:
    named = {
        "f": np.arange(600_000, dtype=np.float32).reshape(2, 3, -1),
        "d": np.array(2.5),
        "i": np.array([[1], [-2]]),
        "b": np.array([True, False]),
        "u": np.frombuffer(b"text", np.uint8),
        "none": np.zeros((0, 4), np.float32),
    }
    with Archive(arrays(**named), 8, stored=True) as archive:
        for name, value in named.items():
            assert archive.form(f"{name}.npy") == (value.dtype, value.shape)
            found = archive.array(f"{name}.npy")
            assert found.dtype == value.dtype and found.shape == value.shape
            np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize(
    "value",
    [
        np.array([{}], object),
        np.zeros(3, ">f4"),
        np.zeros(3, "c8"),
        np.zeros(3, [("a", "<f4")]),
        np.asfortranarray(np.zeros((3, 4))),
        np.array(["text"]),
        np.zeros(2, "M8[s]"),
    ],
    ids=lambda value: f"{value.dtype} {value.flags.f_contiguous}",
)
def test_arrays_of_any_other_kind_are_refused(value: Any) -> None:
    with Archive(arrays(x=value), 8) as archive, pytest.raises(ValueError, match="no plain array"):
        archive.array("x.npy")


@pytest.mark.parametrize("shape", ["999999999999, 999999999", "3, 5", "-3, -4", "13", "1e3"])
def test_an_arrays_shape_must_be_that_of_its_bytes(shape: str) -> None:
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape},), }}".encode().ljust(117)
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head) + 1) + head + b"\n" + bytes(48)
    with Archive(packed(x=data), 8) as archive, pytest.raises(ValueError):
        archive.array("x")


def test_a_truth_value_is_true_or_false() -> None:
    raw = arrays(x=np.array([True, False])).replace(b"|b1", b"|u1")
    with Archive(raw, 8) as archive, pytest.raises(ValueError):
        archive.array("x.npy")  # its checksum
    with zipfile.ZipFile(io.BytesIO(arrays(x=np.array([7, 0], np.uint8)))) as stock:
        bent = stock.read("x.npy").replace(b"|u1", b"|b1")
    with Archive(packed(x=bent), 8) as archive, pytest.raises(ValueError, match="true and false"):
        archive.array("x")


def test_a_million_entries_are_refused_without_reading_them(tmp_path: Path) -> None:
    count, record = 400_000, 46 + 7
    one = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 7) + bytes(16)
    listed = b"".join(one + b"%07d" % i for i in range(count))
    assert len(listed) == count * record
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(listed), 0, 0)
    (tmp_path / "many.zip").write_bytes(listed + end)
    begun = time.monotonic()
    with pytest.raises(ValueError, match="too long"):
        Archive(tmp_path / "many.zip", 64)
    assert time.monotonic() - begun < 1.0
    assert "has 9 entries" in refusal(packed(**{str(i): b"" for i in range(9)}))


def test_bombs_and_oddities_are_refused_before_they_are_unpacked() -> None:
    bomb = packed(a=bytes(BOMB_BYTES + 1))
    assert "too large" in refusal(bomb)
    assert "claims 2,000 bytes" in refusal(packed(a=bytes(2000)), "a")
    assert "same name" in refusal(packed(a=[b"1", b"2"]))
    assert "unusual way" in refusal(packed(zipfile.ZIP_BZIP2, a=b"1"))
    assert "unusual way" in refusal(packed(a=b"1" * 99), stored=True)
    assert "it has no" in refusal(packed(a=b"1"), "b")
    assert "\\x1b[2J" in refusal(packed(**{"\x1b[2J": bytes(2000)}), "\x1b[2J")
    locked = packed(zipfile.ZIP_STORED, a=b"1")
    at = locked.index(b"PK\x01\x02") + 8
    assert "encrypted" in refusal(locked[:at] + b"\x01" + locked[at + 1 :])
    bent = packed(zipfile.ZIP_STORED, a=b"abcdefgh")
    assert "CRC" in refusal(bent.replace(b"abcdefgh", b"abcdefgX"), "a")
    with pytest.raises(NotAZipError):
        Archive(b"hello", 8)


def test_an_entry_that_holds_less_than_it_claims_is_refused() -> None:
    raw = packed(zipfile.ZIP_STORED, a=b"x" * 40)
    at = raw.index(b"PK\x01\x02")
    longer = raw[: at + 20] + struct.pack("<LL", 900, 900) + raw[at + 28 :]
    assert refusal(longer, "a")


def test_no_entry_is_ever_written_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("../up", b"1")
        archive.writestr("/abs", b"2")
    (tmp_path / "in").mkdir()
    with Archive(raw.getvalue(), 8) as found:
        assert [found.read(n, 99) for n in found.names] == [b"/etc/passwd", b"1", b"2"]
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none", Path("/dev/zero")):
        with pytest.raises(UserError):
            Archive(place, 8)
