"""Makes one API page for each package of ``retroracer``, with every module that stands in it.

A hook of MkDocs: the pages follow the folders, so a module that is added or moved needs no list.
"""

from __future__ import annotations

import ast
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PACKAGE = Path(__file__).parents[1] / "retroracer"


def first_sentence(module: Path) -> str:
    """The first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def dotted(path: Path) -> str:
    """The name a module or package is imported by."""
    inside = path.relative_to(PACKAGE.parent).with_suffix("")
    return ".".join(part for part in inside.parts if part != "__init__")


def pages() -> dict[str, str]:
    """Every API page by its path, in the order in which they are listed."""
    singles = [p for p in sorted(PACKAGE.glob("*.py")) if not p.stem.startswith("__")]
    packages = sorted(p.parent for p in PACKAGE.glob("*/__init__.py"))
    rows = ["| package | what it owns |", "|---|---|"]
    made = {}
    for package in packages:
        modules = sorted(p for p in package.rglob("*.py") if p.name != "__main__.py")
        body = [f"# {package.name}", *(f"::: {dotted(m)}" for m in modules)]
        made[f"api/{package.name}.md"] = "\n\n".join(body) + "\n"
        sentence = first_sentence(package / "__init__.py")
        rows.append(f"| [{package.name}]({package.name}.md) | {sentence} |")
    body = ["# The code", "\n".join(rows), *(f"::: {dotted(m)}" for m in singles)]
    return {"api/index.md": "\n\n".join(body) + "\n", **made}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to those MkDocs found, and list them in the navigation."""
    made = pages()
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    config.nav = [*(config.nav or []), {"The code": list(made)}]
    return files
