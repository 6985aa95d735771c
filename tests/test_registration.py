"""The ids are there as soon as Gymnasium is, and nothing heavy comes with them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IDS = [
    "retroracer/CarRacing-v3",
    "retroracer/RetroRacer-Lidar-v0",
    "retroracer/RetroRacer-Race-v0",
    "retroracer/RetroRacer-v0",
]
SHOW = "print(sorted(k for k in gymnasium.registry if 'retroracer' in k))"


def run(code: str, cwd: Path, *paths: Path) -> list[str]:
    """Lines a fresh interpreter prints; ``paths`` come first on its path, the checkout is not."""
    first = f"import sys; sys.path = {[str(p) for p in paths]} + [p for p in sys.path"
    first += f" if p not in ('', {str(ROOT)!r}, {str(cwd)!r})]\n"
    done = subprocess.run(
        [sys.executable, "-c", first + code], cwd=cwd, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("order", ["import retroracer, gymnasium", "import gymnasium, retroracer"])
def test_importing_the_package_registers_the_ids_whichever_comes_first(order, tmp_path):
    assert run(f"{order}\n{SHOW}", tmp_path, ROOT) == [str(IDS)]


@pytest.mark.slow
def test_importing_the_package_loads_neither_gymnasium_nor_anything_heavy(tmp_path):
    heavy = ["gymnasium", "numpy", "numba", "pygame", "torch", "ray", "stable_baselines3"]
    code = f"import retroracer\nprint([m for m in {heavy} if m in sys.modules])"
    assert run(code, tmp_path, ROOT) == ["[]"]
    code = f"import retroracer, gymnasium\ngymnasium.make({IDS[-1]!r}).reset()\n"
    code += "print([m for m in 'pygame torch ray stable_baselines3'.split() if m in sys.modules])"
    assert run(code, tmp_path, ROOT) == ["[]"]


@pytest.fixture
def installed(tmp_path):
    """A site folder with what the wheel puts beside the package."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    site = tmp_path / "site"
    site.mkdir()
    for source, target in wheel["targets"]["wheel"]["force-include"].items():
        if "/" not in target:
            (site / target).write_bytes((ROOT / source).read_bytes())
    assert sorted(p.suffix for p in site.iterdir()) == [".pth", ".py"]
    return site


@pytest.mark.slow
def test_once_installed_gymnasium_makes_the_envs_though_nothing_of_ours_was_imported(
    installed, tmp_path
):
    # Where the package is installed, as `make test` installs it, Python has run the module already.
    start = "sys.modules.pop('_retroracer_registration', None)\n"
    start += "sys.meta_path = [m for m in sys.meta_path if type(m).__name__ != '_Waiting']\n"
    start += f"import site\nbefore = set(sys.modules)\nsite.addsitedir({str(installed)!r})\n"
    start += "print(sorted(set(sys.modules) - before - {'__future__'}))\n"
    make = f"import gymnasium\n{SHOW}\nenv = gymnasium.make({IDS[-1]!r}, track='monza')\n"
    make += "print(env.reset(seed=1)[0].shape, gymnasium.make_vec(env.spec.id, 3).num_envs)"
    lines = run(start + f"sys.path.append({str(ROOT)!r})\n" + make, tmp_path)
    assert lines == ["['_retroracer_registration']", str(IDS), "(22,) 3"]


@pytest.mark.slow
def test_a_broken_installation_of_ours_keeps_nobody_from_gymnasium(installed, tmp_path):
    broken = tmp_path / "broken" / "retroracer"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('half removed')")
    code = f"import site; site.addsitedir({str(installed)!r})\nimport gymnasium\n{SHOW}"
    code += "\ngymnasium.make('CartPole-v1').reset()"
    assert run(code, tmp_path, broken.parent) == ["[]"]


def test_a_checkout_comes_before_an_installed_package_all_the_same(installed, tmp_path):
    """The start-up file must not import the package: the script's own folder is not yet known."""
    code = f"import site; site.addsitedir({str(installed)!r})\nprint('retroracer' in sys.modules)"
    assert run(code, tmp_path, ROOT) == ["False"]
