"""Array files from anywhere are read within bounds or refused."""

import io
import zipfile

import numpy as np
import pytest

from retroracer.archive import MAX_ARRAYS, read_npz


def packed(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def zipped(**entries: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def claiming(header: str) -> bytes:
    head = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + b"\0" * 16


def test_arrays_come_back_as_numpy_wrote_them() -> None:
    made = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(3.5), "c": np.zeros(0, np.int64)}
    back = read_npz(packed(**made), 10_000)
    assert back.keys() == made.keys()
    for name, array in made.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype and back[name].shape == array.shape


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"PK\x05\x06" + bytes(17),
        packed(a=np.zeros(100_000)),
        packed(a=np.array(["text"])),
        packed(a=np.zeros((3, 4)).T),
        zipped(a=claiming("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}")),
        zipped(a=claiming("{'descr': '<f8', 'fortran_order': False, 'shape': (-2,)}")),
        zipped(a=claiming("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}")),
        zipped(a=claiming("{'descr': '<f8', 'shape': (2,)}")),
        zipped(a=claiming("(" * 100)),
        zipped(a=b"\x93NUMPY"),
        zipped(**{f"a{k}": b"" for k in range(MAX_ARRAYS + 1)}),
        zipped(a=bytes(50_000_000)),
    ],
)
def test_what_claims_more_than_it_is_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_npz(raw, 100_000)
