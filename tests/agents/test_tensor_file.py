"""Weights of strangers: tensors and nothing else, in bounded room and time."""

import io
import pickle
import struct
import time
import zipfile
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch

from retroracer.agents.tensor_file import read_plain, read_tensors


def saved(value: Any) -> bytes:
    raw = io.BytesIO()
    torch.save(value, raw)
    return raw.getvalue()


def around(index: bytes, **entries: bytes) -> bytes:
    """A file of weights with an index of one's own."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("archive/data.pkl", index)
        for name, data in entries.items():
            archive.writestr(f"archive/{name.replace('_', '/')}", data)
    return raw.getvalue()


def refusal(raw: bytes) -> str:
    begun = time.monotonic()
    with pytest.raises(ValueError) as caught:
        read_plain(raw)
    assert time.monotonic() - begun < 2.0
    told = str(caught.value)
    assert told.isprintable() and len(told) < 200
    return told


def tensor_index(
    shape: Any, strides: Any, count: int = 4, first: int = 0, kind: str = "Float"
) -> bytes:
    """An index of one tensor, written as torch does."""

    def whole(n: int) -> bytes:
        return b"J" + struct.pack("<i", n)

    def text(s: str) -> bytes:
        return b"X" + struct.pack("<I", len(s)) + s.encode()

    def row(ns: Any) -> bytes:
        return b"(" + b"".join(map(whole, ns)) + b"t"

    storage = b"(" + text("storage") + f"ctorch\n{kind}Storage\n".encode() + text("0") + text("cpu")
    storage += whole(count) + b"tQ"
    arguments = b"(" + storage + whole(first) + row(shape) + row(strides) + b"\x89t"
    return b"\x80\x02}" + text("w") + b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs."


def test_plain_data_comes_back_as_it_was() -> None:
    state = OrderedDict(
        weights={"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.nn.Parameter(torch.ones(2))},
        counts=[1, 300, 70_000, -5, 2**40, True, False, None, 0.25, "text"],
        pair=(1, (2, 3)),
        bytes=torch.arange(9, dtype=torch.uint8),
        longs=torch.tensor(7),
    )
    found = read_plain(saved(state))
    assert found["counts"] == state["counts"] and found["pair"] == (1, (2, 3))
    np.testing.assert_array_equal(found["weights"]["a"], state["weights"]["a"].numpy())
    np.testing.assert_array_equal(found["weights"]["b"], [1.0, 1.0])
    np.testing.assert_array_equal(found["bytes"], np.arange(9))
    assert found["longs"] == 7 and found["longs"].shape == ()
    good = read_tensors(around(tensor_index((2, 2), (2, 1)), data_0=bytes(16)))
    assert good["w"].shape == (2, 2)


def test_a_key_that_takes_for_ever_to_hash_is_never_hashed() -> None:
    bomb = b"\x80\x02}" + b")" + b"q\x00h\x00\x86" * 60 + b"K\x01s."
    assert "key" in refusal(around(bomb))


def test_one_list_in_many_places_is_refused() -> None:
    twice = b"\x80\x02]q\x00" + b"]q\x01(h\x00h\x00eq\x00" * 40 + b"."
    assert "two places" in refusal(around(twice))


def test_a_huge_place_in_the_memo_takes_no_room() -> None:
    assert read_plain(around(b"\x80\x02}r\xff\xff\xff\x7f.")) == {}


@pytest.mark.parametrize(
    ("shape", "strides", "count", "first"),
    [
        ((3, 2), (2, 1), 4, 0),
        ((2, 2), (2, 1), 4, 1),
        ((-1, 2), (2, 1), 4, 0),
        ((2, 2), (-2, 1), 4, 0),
        ((2, 2), (2,), 4, 0),
        ((2, 2), (2, 1), 9, 0),
        ((2**31 - 1, 2**31 - 1), (0, 0), 4, 0),
        ((4,), (1,), 4, -4),
    ],
)
def test_a_tensor_stays_within_its_bytes(shape: Any, strides: Any, count: int, first: int) -> None:
    assert refusal(around(tensor_index(shape, strides, count, first), data_0=bytes(16)))


def test_many_tensors_of_the_same_bytes_are_bounded_together() -> None:
    index = tensor_index((1_000_000,), (1,), 1_000_000)
    one = index[3 : index.rindex(b".")]
    assert "too large" in refusal(around(b"\x80\x02}" + one * 80 + b".", data_0=bytes(4_000_000)))


def test_only_tensors_are_named_and_called() -> None:
    for value in (print, complex, np.float64(1.0), {1, 2}, b"bytes", bytearray(3), Exception()):
        assert refusal(around(pickle.dumps({"w": value}, protocol=2)))
    assert "protocol 2" in refusal(around(pickle.dumps({})))
    assert "asks for" in refusal(around(b"\x80\x02cos\nsystem\n."))
    assert "\\x1b" in refusal(around(b"\x80\x02c\x1b[2J\nx\n."))


@pytest.mark.slow
@pytest.mark.parametrize("entry", ["byteorder", "data_0"])
def test_no_entry_is_read_without_bounds(entry: str) -> None:
    index = tensor_index((4,), (1,))
    parts = {"data_0": bytes(16)} | {entry: bytes(300_000_000)}
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", index, zipfile.ZIP_STORED)
        for name, data in parts.items():
            archive.writestr(f"archive/{name.replace('_', '/')}", data)
    assert refusal(raw.getvalue())


@pytest.mark.slow
def test_any_single_damage_is_refused_or_harmless() -> None:
    whole = bytearray(saved({"w": torch.ones(3, 4), "n": [1, {"x": torch.zeros(2)}]}))
    rng = np.random.default_rng(3)
    for at in rng.choice(len(whole), 600, replace=False):
        broken = bytearray(whole)
        broken[at] ^= int(rng.integers(1, 256))
        try:
            read_plain(bytes(broken))
        except ValueError as error:
            assert str(error).isprintable()
    index = pickle.dumps({"w": [1.5, (2, "x")], "n": {3: None}}, protocol=2)
    for _ in range(3000):
        bent = bytearray(index)
        for at in rng.integers(0, len(bent), 2):
            bent[at] = int(rng.integers(0, 256))
        try:
            read_plain(around(bytes(bent)))
        except ValueError as error:
            assert str(error).isprintable()
