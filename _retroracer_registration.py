"""Registers RetroRacer's env ids with Gymnasium as soon as Gymnasium is imported.

Owns: waiting for that import. Does not own the ids (``retroracer.envs``).

Gymnasium 1 does not look for plugins: somebody has to import the package that registers its ids.
Importing ``retroracer`` does. So that ``gymnasium.make`` finds them in a program that imports
nothing of ours, this module is installed beside the package, and ``retroracer_registration.pth``
(``retroracer/startup.pth`` here) has every Python of that installation run it. So it loads nothing
until Gymnasium is imported, not even ``retroracer``: a checkout's own must come first where there
is one. And no mistake of ours may keep another program from importing Gymnasium.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def register_with_gymnasium() -> None:
    """Register the ids now if Gymnasium is imported, else as soon as it is."""
    if "gymnasium" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _Waiting())


def _register() -> None:
    import retroracer.envs  # noqa: F401  registers


class _Waiting:
    """An importer that finds nothing itself; it sees Gymnasium being imported and steps aside."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "gymnasium":
            return None
        from contextlib import suppress
        from importlib.util import find_spec

        if self in sys.meta_path:
            sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: Any) -> None:
                execute(module)
                with suppress(ImportError):  # whoever imports our package will be told of it
                    _register()

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec
