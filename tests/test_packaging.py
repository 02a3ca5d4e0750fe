"""What is shipped is complete, lean and where it belongs."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "napari_octseg"
MODELS = REPOSITORY / "models"


@pytest.fixture(scope="module")
def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    return parser


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without network from a clean copy of the sources."""
    source = tmp_path_factory.mktemp("source")
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    for folder in (PACKAGE, MODELS, REPOSITORY / "tests"):
        shutil.copytree(folder, source / folder.name, ignore=unwanted)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    done = subprocess.run(
        [*command, "--outdir", str(target), str(source)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is absent from the `packages` configuration" not in done.stderr
    (path,) = target.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which only the wheel is installed."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    done = subprocess.run(
        [*command, "--no-index", "--target", str(target), str(wheel)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def entry_points(setup_cfg: configparser.ConfigParser, group: str) -> dict[str, str]:
    lines = setup_cfg["options.entry_points"][group].strip().splitlines()
    return {k.strip(): v.strip() for k, v in (line.split("=") for line in lines)}


def bundle_files() -> set[str]:
    return {
        f"napari_octseg/models/{file.relative_to(MODELS).as_posix()}"
        for file in MODELS.glob("*/*")
        if file.is_file()
    }


def test_every_package_folder_is_listed(setup_cfg: configparser.ConfigParser) -> None:
    listed = set(setup_cfg["options"]["packages"].split())
    folders = {
        ".".join(file.parent.relative_to(REPOSITORY).parts)
        for file in PACKAGE.rglob("*.py")
    }
    assert listed == folders | {"napari_octseg.models"}


def test_every_package_folder_has_an_init() -> None:
    for file in PACKAGE.rglob("*.py"):
        assert (file.parent / "__init__.py").is_file(), file.parent


def test_the_version_is_the_same_everywhere(
    setup_cfg: configparser.ConfigParser,
) -> None:
    import napari_octseg

    assert setup_cfg["metadata"]["version"] == napari_octseg.__version__


def test_commands_resolve(setup_cfg: configparser.ConfigParser) -> None:
    commands = entry_points(setup_cfg, "console_scripts")
    assert "napari-octseg" in commands
    for target in commands.values():
        module, _, name = target.partition(":")
        assert callable(getattr(import_module(module), name))


def test_every_command_of_the_manifest_resolves() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(PACKAGE / "napari.yaml")
    assert manifest.name == "napari-octseg"
    manifest.validate_imports()


def test_no_qt_binding_is_a_hard_dependency(
    setup_cfg: configparser.ConfigParser,
) -> None:
    names = re.findall(r"^[\w-]+", setup_cfg["options"]["install_requires"], re.M)
    assert "torch" in names
    assert not {name.lower() for name in names} & {"pyqt5", "pyqt6", "pyside6"}


def test_the_models_folder_holds_data_only() -> None:
    assert not list(MODELS.rglob("*.py"))
    cards = {path.parent for path in MODELS.glob("*/card.json")}
    assert cards
    for folder in cards:
        weights = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        assert (folder / weights["weights"]["file"]).is_file(), folder
        assert (folder / "README.md").is_file(), folder


def test_all_weights_together_stay_small() -> None:
    sizes = [path.stat().st_size for path in MODELS.rglob("*.safetensors")]
    assert sum(sizes) < 90e6


def test_no_module_is_long() -> None:
    files = [*PACKAGE.rglob("*.py"), *(REPOSITORY / "benchmarks").glob("*.py")]
    lengths = {
        str(file.relative_to(REPOSITORY)): len(file.read_bytes().splitlines())
        for file in [*files, REPOSITORY / "start.py"]
    }
    assert not {name: n for name, n in lengths.items() if n > 400}


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "helpers", "common", "misc", "tools"}
    assert not [f for f in PACKAGE.rglob("*") if f.stem.strip("_") in drawers]


def test_the_wheel_holds_package_models_and_manifest(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"napari_octseg/napari.yaml", "napari_octseg/py.typed"} <= names
    modules = {
        file.relative_to(REPOSITORY).as_posix() for file in PACKAGE.rglob("*.py")
    }
    assert modules <= names
    assert bundle_files() <= names
    foreign = {name.split("/")[0] for name in names} - {"napari_octseg"}
    assert all(name.endswith(".dist-info") for name in foreign), foreign


def test_the_wheel_stays_below_what_an_index_accepts(wheel: Path) -> None:
    assert wheel.stat().st_size < 100e6


def test_installed_elsewhere_the_same_models_are_listed(
    installed: Path, tmp_path: Path
) -> None:
    from napari_octseg.bundles.registry import list_bundles

    code = (
        "import json, napari_octseg\n"
        "from napari_octseg.bundles.registry import list_bundles\n"
        "found = [[b.name, b.problem] for b in list_bundles() if b.shipped]\n"
        "print(json.dumps([napari_octseg.__file__, found]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(installed),
            "NAPARI_OCTSEG_MODELS": str(tmp_path),
        },
    )
    assert done.returncode == 0, done.stderr
    place, found = json.loads(done.stdout)
    assert Path(place).is_relative_to(installed)
    here = [[b.name, b.problem] for b in list_bundles() if b.shipped]
    assert [name for name, _ in found] == [name for name, _ in here]
    assert not [name for name, problem in found if problem]


def test_the_installed_plugin_is_found_by_napari(installed: Path) -> None:
    (metadata,) = installed.glob("napari_octseg-*.dist-info")
    text = (metadata / "entry_points.txt").read_text(encoding="utf-8")
    assert "[napari.manifest]" in text
    assert "napari-octseg = napari_octseg:napari.yaml" in text
