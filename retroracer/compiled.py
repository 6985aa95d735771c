"""How the simulator's functions are compiled: a decorator, a cache that notices changes, a hint.

Owns: numba's options, the stamp of cached machine code and who may compile. No physics, no
geometry.

numba keeps compiled functions on disk and recompiles one when its own file changes, but not
when a file changes whose functions or constants were compiled into it: after an update, the
kernel would go on with last week's tyres. Here every cached function carries a digest of all
sources that are compiled together.

Programs that start at the same time (test workers, processes that evaluate) would each compile
the same function, and write its index of the cache over one another's. Here one compiles, the
others wait for it and load what it made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

try:
    import fcntl
except ImportError:  # Windows has none: every program compiles for itself
    fcntl = None  # type: ignore[assignment]

SOURCES = (
    "carracing/car_picture.py",
    "carracing/coverage.py",
    "carracing/frame.py",
    "carracing/instruments.py",
    "carracing/pixels.py",
    "carracing/road_pieces.py",
    "carracing/stock.py",
    "compiled.py",
    "envs/control.py",
    "envs/episodes.py",
    "envs/lidar.py",
    "envs/observation.py",
    "envs/privileged_observation.py",
    "envs/race_steps.py",
    "envs/race_task.py",
    "envs/task.py",
    "envs/variety.py",
    "physics/block.py",
    "physics/boxes.py",
    "physics/car.py",
    "physics/company.py",
    "physics/contact.py",
    "physics/dynamics.py",
    "physics/kernel.py",
    "physics/lines.py",
    "physics/placing.py",
    "physics/race.py",
    "physics/races.py",
    "physics/roadside.py",
    "physics/state.py",
    "physics/wake.py",
    "track/bank.py",
    "track/projection.py",
)
"""The files whose code or constants end up in compiled functions."""


@cache
def sources_digest() -> str:
    """Hash of everything that is compiled; empty where the sources cannot be read."""
    h = hashlib.sha256()
    try:
        for name in SOURCES:
            h.update((Path(__file__).parent / name).read_bytes())
    except OSError:
        return ""
    return h.hexdigest()


def first_use() -> bool:
    """True once for each version of the sources: compiling them will take a while now."""
    mark = Path(__file__).parent / "__pycache__" / f"compiled-{sources_digest()[:16]}"
    if mark.exists():
        return False
    try:
        mark.parent.mkdir(exist_ok=True)
        mark.touch()
    except OSError:
        return False  # nowhere to remember it: better silent than told at every start
    return True


@contextmanager
def _one_process(lock: Path) -> Iterator[None]:
    """Context for one process at a time; for all at once where ``lock`` cannot be written."""
    try:
        file = lock.open("w") if fcntl is not None else None
    except OSError:
        file = None  # then the machine code cannot be kept there either
    if file is None:
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # a forked child may hold the file open for longer


def _compile_once(made: Any) -> None:
    """Make ``made.compile`` wait for other processes that compile the same function."""
    lock = Path(made.stats.cache_path) / f"{made.py_func.__module__}.{made.py_func.__name__}.lock"
    alone = made.compile

    @wraps(alone)
    def compile_or_load(signature: Any) -> Any:
        # numba's own lock first: taken in the other order, two threads could wait for each other.
        with global_compiler_lock, _one_process(lock):
            return alone(signature)

    made.compile = compile_or_load


def compiled(*, inline: bool = False, parallel: bool = False) -> Callable[[Any], Any]:
    """Compile a function without fast-math, so that the same inputs give the same bits.

    Args:
        inline: inline it into its callers, so that their loops over cars are vectorised.
        parallel: ``prange`` loops run over threads.
    """

    def decorate(function: Any) -> Any:
        made = njit(cache=True, error_model="numpy", forceinline=inline, parallel=parallel)(
            function
        )
        # The stamp is numba's own, of the function's file; without this attribute (another
        # numba) it stays, and the cache is only as careful as numba is.
        index = getattr(getattr(made, "_cache", None), "_cache_file", None)
        if index is not None:
            index._source_stamp = (index._source_stamp, sources_digest())
        _compile_once(made)
        return made

    return decorate


def _prefetch(typingctx, array, row):  # type: ignore[no-untyped-def]
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        made = context.make_array(signature.args[0])(context, builder, args[0])
        stride = cgutils.unpack_tuple(builder, made.strides)[0]  # type: ignore[no-untyped-call]
        byte, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        address = builder.gep(builder.bitcast(made.data, byte), [builder.mul(args[1], stride)])
        kind = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
        hint = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module, kind, "llvm.prefetch.p0"
        )
        builder.call(hint, [address, i32(0), i32(3), i32(1)])  # to read, keep near, data
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


prefetch_row: Any = intrinsic(_prefetch)
"""Within compiled code, ``prefetch_row(array, row)`` asks for a row to be brought near the core.

It has no effect on results. The cars' road samples take more memory than the cache holds; fetched
one block of cars ahead, they are in the cache when they are needed.
"""
