"""Cached machine code never outlives the sources it was made of."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from retroracer import compiled
from retroracer.physics import kernel
from retroracer.physics.dynamics import acceleration

PACKAGE = Path(compiled.__file__).parent
NEVER_COMPILED = {"track/geometry.py", "track/track.py"}  # imported for types only


def uses_compiled(path):
    return "@compiled(" in path.read_text(encoding="utf-8")


def imports(path):
    """The package's own modules a file imports from, as paths inside the package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("retroracer"):
            whole = Path(*node.module.split(".")[1:])
            parts = [whole.with_suffix(".py")] if whole.parts else []
            parts += [whole / f"{name.name}.py" for name in node.names]
            yield from (p.as_posix() for p in parts if (PACKAGE / p).is_file())


def test_the_digest_covers_all_that_is_compiled_together():
    files = [p for p in PACKAGE.rglob("*.py") if uses_compiled(p)]
    needed = {p.relative_to(PACKAGE).as_posix() for p in files}
    for path in files:
        needed.update(imports(path))
    assert needed - NEVER_COMPILED <= set(compiled.SOURCES)


def test_every_source_listed_exists():
    assert all((PACKAGE / name).is_file() for name in compiled.SOURCES)
    assert len(compiled.sources_digest()) == 64


def test_cached_code_carries_the_digest():
    for function in (kernel.advance_rows, kernel.advance_parallel, acceleration):
        assert function._cache._cache_file._source_stamp[-1] == compiled.sources_digest()


def test_compiling_is_announced_once_for_each_version_of_the_sources(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:

    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "compiled.py"))
    monkeypatch.setattr(compiled, "sources_digest", lambda: "a" * 64)
    assert compiled.first_use() and not compiled.first_use()
    monkeypatch.setattr(compiled, "sources_digest", lambda: "b" * 64)
    assert compiled.first_use() and not compiled.first_use()


KERNEL = """
from retroracer.compiled import compiled

@compiled()
def inner(x):
    total = 0.0
    for i in range(int(x)):
        total += x * i
    return total

@compiled()
def outer(x):
    return inner(x) + inner(2.0 * x)
"""
DRIVER = """
import sys
import kernel

print("ready", flush=True)
sys.stdin.readline()
kernel.outer(3.0)
print(*[sum(f.stats.cache_misses.values()) for f in (kernel.inner, kernel.outer)])
"""


@pytest.mark.slow
def test_of_programs_that_start_together_one_compiles_and_the_others_load(tmp_path: Path) -> None:
    (tmp_path / "kernel.py").write_text(KERNEL)
    env = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{PACKAGE.parent}"}
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", DRIVER],
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for program in programs:
        assert program.stdout is not None and program.stdout.readline() == "ready\n"
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
    compiled_by = [program.communicate(timeout=120)[0].split() for program in programs]
    assert sorted(compiled_by) == [["0", "0"], ["1", "1"]]
