"""Imports go one way, and the heavy libraries stay out until they are used."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "napari_octseg"
GUI = {"napari", "qtpy", "magicgui", "superqt", "PyQt5", "PyQt6", "pyqtgraph"}

# A room may import itself and every room that stands above it in this list; rooms of
# one line know nothing of each other.
ORDER = (
    {"errors", "wording"},
    {"labels"},
    {"boundaries"},
    {"volume"},
    {"networks", "phantom", "io"},
    {"bundles", "groundtruth"},
    {"engine"},
    {"editing", "measure"},
    {"cohort"},
    {"widgets", "_console"},
    {"cli"},
)
TORCH_ROOMS = ("networks", "engine", "bundles/registry.py")


@dataclass(frozen=True)
class Import:
    """One import statement, wherever in a file it stands."""

    file: Path
    line: int
    module: str

    @property
    def place(self) -> str:
        return f"{self.file.relative_to(REPOSITORY)}:{self.line}"


def imports_of(file: Path) -> list[Import]:
    """All imports that are executed at some time, so not those for annotations."""
    found: list[Import] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            children = node.orelse
        else:
            children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            found.extend(Import(file, node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} is a relative import"
            module = node.module or ""
            if module == "napari_octseg":
                found.extend(
                    Import(file, node.lineno, f"{module}.{name.name}")
                    for name in node.names
                )
            else:
                found.append(Import(file, node.lineno, module))
        for child in children:
            visit(child)

    visit(ast.parse(file.read_text(encoding="utf-8")))
    return found


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def package_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def package_imports() -> list[Import]:
    return [one for file in package_files() for one in imports_of(file)]


def fresh_modules(code: str) -> set[str]:
    """Names in `sys.modules` of a fresh interpreter that has run `code`."""
    script = f"{code}\nimport sys, json\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_brings_no_heavy_library() -> None:
    modules = fresh_modules("import napari_octseg")
    assert "napari_octseg" in modules
    assert not modules & {"torch", "numpy", "scipy", "pydantic", "napari_octseg.io"}
    assert not modules & GUI


def test_opening_a_volume_needs_neither_torch_nor_a_window(tmp_path: Path) -> None:
    path = tmp_path / "scan.npy"
    np.save(path, np.zeros((2, 16, 12), np.uint8))
    modules = fresh_modules(
        "import napari_octseg\n"
        f"volume = napari_octseg.read_volume({str(path)!r})\n"
        "assert volume.data.shape == (2, 16, 12)\n"
    )
    assert "torch" not in modules
    assert not modules & GUI


def test_only_widgets_bring_the_window_libraries() -> None:
    """Every other module is imported, one by one, in one fresh interpreter."""
    names = [
        ".".join(file.relative_to(REPOSITORY).with_suffix("").parts)
        for file in package_files()
        if room_of(file) != "widgets" and file.stem not in ("__init__", "__main__")
    ]
    assert len(names) > 10
    modules = fresh_modules(
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        f"    seen = set(sys.modules) & {GUI!r}\n"
        "    assert not seen, f'{name} imports {seen}'\n"
    )
    assert set(names) <= modules


def test_importing_the_widgets_brings_nothing_slow() -> None:
    """The Workbench is to open in half a second, the first time as well."""
    names = [
        f"napari_octseg.widgets.{file.stem}"
        for file in sorted((PACKAGE / "widgets").glob("*.py"))
        if file.stem not in ("__init__", "_ft_canvas")
    ]
    modules = fresh_modules("\n".join(f"import {name}" for name in names))
    slow = {"torch", "pandas", "pyqtgraph", "scipy.ndimage", "scipy.interpolate"}
    assert not modules & slow


def test_every_room_has_its_place_in_the_order() -> None:
    known = set().union(*ORDER) | {"__init__", "__main__"}
    assert {room_of(file) for file in package_files()} <= known


def test_imports_go_one_way() -> None:
    rank = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
    wrong = []
    for one in package_imports():
        here = room_of(one.file)
        parts = one.module.split(".")
        if here not in rank or parts[0] != "napari_octseg" or len(parts) < 2:
            continue
        there = parts[1]
        # The package itself hands out __version__ and the lazy names.
        if there in rank and there != here and rank[there] >= rank[here]:
            wrong.append(f"{one.place}: {here} must not import {there}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("library", sorted(GUI))
def test_no_line_outside_widgets_imports_a_window_library(library: str) -> None:
    wrong = [
        one.place
        for one in package_imports()
        if one.module.split(".")[0] == library and room_of(one.file) != "widgets"
    ]
    assert not wrong


def test_torch_is_imported_where_networks_run_and_nowhere_else() -> None:
    wrong = [
        one.place
        for one in package_imports()
        if one.module.split(".")[0]
        in {"torch", "safetensors", "lightning", "lightning_fabric"}
        and not one.file.relative_to(PACKAGE).as_posix().startswith(TORCH_ROOMS)
    ]
    assert not wrong


def test_no_module_imports_from_the_models_folder() -> None:
    wrong = [
        one.place
        for one in package_imports()
        if one.module.split(".")[0] == "models"
        or one.module.startswith("napari_octseg.models")
    ]
    assert not wrong


def test_networks_know_only_torch_and_the_errors() -> None:
    allowed = set(sys.stdlib_module_names) | {"torch", "napari_octseg"}
    for one in package_imports():
        if room_of(one.file) == "networks":
            assert one.module.split(".")[0] in allowed, one.place
